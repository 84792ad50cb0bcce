"""A loss that was found by scores on a split is not judged on it."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from search_service.catalogue import datasets
from search_service.comparisons import admission as comparisons
from search_service.comparisons.request import ComparisonRequest
from search_service.retrainings import admission as retrainings
from search_service.retrainings.request import RetrainingRequest
from search_service.store.database import sessions
from surrogate_zoo.errors import InputError, UnknownNameError
from surrogate_zoo.losses.document import sum_document, surrogate_document
from surrogate_zoo.store import zoo
from workers.tasks.hold_out import HoldOut

POINTS = {"and": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]}


def facts(session: Session, hold_out: HoldOut, **more: Any) -> dict[str, Any]:
    report = datasets.get(session, "shapes").report
    asked = {"hold_out": hold_out.model_dump(mode="json"), **more}
    return {"dataset": {"name": "other", **report}, **asked}


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with sessions(engine)() as session:
        on_val, cut = HoldOut(split="val"), HoldOut()
        for name, provenance in {
            "seen": facts(session, on_val),
            "unseen": facts(session, cut),
            "elsewhere": facts(session, on_val) | {"dataset": {"fingerprint": "other"}},
            "from-seen": facts(session, cut, start="seen", start_version=1),
            "beside-seen": facts(session, cut, companion_versions={"seen": 1}),
        }.items():
            zoo.publish(session, surrogate_document(name, "macc", POINTS, provenance=provenance))
        terms = [(1.0, surrogate_document("x", "macc", POINTS))]
        document = sum_document("seen-sum", terms, provenance=facts(session, on_val))
        zoo.publish(session, document)
        yield session


def admit(session: Session, loss: str, split: str) -> None:
    body = {"dataset": "shapes", "split": split}
    retrainings.admitted(session, RetrainingRequest.model_validate(body | {"loss": loss}))
    both = {"losses": ["dice", loss]}
    comparisons.admitted(session, ComparisonRequest.model_validate(body | both))


@pytest.mark.parametrize("loss", ["unseen", "elsewhere", "cross-entropy", "unseen+lovasz"])
def test_other_losses_are_judged_on_val(session: Session, loss: str) -> None:
    admit(session, loss, "val")


@pytest.mark.parametrize(
    "told",
    [
        {"start": "nowhere", "start_version": 1},
        {"companion_versions": {"nowhere": 1}},
        {"companion_versions": "abc"},
        {"start_version": 1},
        {"dataset": "abc", "hold_out": {"split": "val"}},
    ],
)
def test_a_loss_file_from_elsewhere_is_judged_by_what_is_known_here(
    session: Session, told: dict[str, Any]
) -> None:
    zoo.publish(session, surrogate_document("brought", "macc", POINTS, provenance=told))
    admit(session, "brought", "val")
    beside = told | {"companion_versions": {"nowhere": 1, "seen": 1}}
    zoo.publish(session, surrogate_document("seen-too", "macc", POINTS, provenance=beside))
    with pytest.raises(InputError, match=r"found by scores on the split val"):
        admit(session, "seen-too", "val")


@pytest.mark.parametrize("metric", ["nope", "miou+nope"])
def test_an_unknown_metric_of_early_stopping_is_refused(session: Session, metric: str) -> None:
    stop = {"dataset": "shapes", "early_stop": {"metric": metric}}
    with pytest.raises(UnknownNameError, match="nope"):
        retrainings.admitted(session, RetrainingRequest.model_validate(stop | {"loss": "dice"}))
    both = stop | {"losses": ["dice", "lovasz"]}
    with pytest.raises(UnknownNameError, match="nope"):
        comparisons.admitted(session, ComparisonRequest.model_validate(both))


@pytest.mark.parametrize(
    "loss", ["seen", "lovasz+0.5*seen", "seen-sum", "from-seen", "beside-seen"]
)
def test_a_loss_is_not_judged_on_what_it_was_found_by(session: Session, loss: str) -> None:
    for request in (
        {"loss": loss, "dataset": "shapes"},
        {"losses": ["dice", loss], "dataset": "shapes"},
    ):
        kind = RetrainingRequest if "loss" in request else ComparisonRequest
        admitted: Any = retrainings.admitted if "loss" in request else comparisons.admitted
        with pytest.raises(InputError, match=r"found by scores on the split val.*the split test"):
            admitted(session, kind.model_validate(request))
    admit(session, loss, "test")
