"""Where searches start: pinned when they are asked for, and the first trial of every sampler."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from search_service.searches import starts
from search_service.searches.request import SearchRequest
from search_service.settings import Settings
from search_service.store.database import sessions
from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.document import sum_document, surrogate_document
from surrogate_zoo.losses.parameter_space import ParameterSpace
from surrogate_zoo.store import zoo
from tests.search_service.bowl import BowlPool, curves_space, expected
from tests.search_service.service import Desk, create, small, working

# What does not depend on the database is tested on one.
pytestmark = [
    pytest.mark.parametrize("settings", ["sqlite"], indirect=True),
    pytest.mark.usefixtures("brief_reports"),
]

POINTS = {"and": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]}
OTHER_POINTS = {"and": [0.2, 0.1, 0.4, 0.3, 0.6, 0.5]}


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with sessions(engine)() as session:
        zoo.publish(session, surrogate_document("mine", "macc", POINTS))
        yield session


def curves(request: SearchRequest) -> ParameterSpace:
    return curves_space(request).parameters


def first_theta(session: Session, request: SearchRequest) -> tuple[float, ...] | None:
    return starts.theta(session, request, curves_space(request))


def test_a_search_starts_from_a_loss_as_it_was_when_it_was_asked_for(session: Session) -> None:
    asked = small(start="mine")
    job = create(session, asked, idempotency_key="k")
    zoo.publish(session, surrogate_document("mine", "macc", OTHER_POINTS))
    assert job.request["start_version"] == 1
    kept = SearchRequest.model_validate(job.request)
    points = curves(kept).control_points(first_theta(session, kept) or ())
    assert points["and"] == pytest.approx(POINTS["and"])
    assert create(session, asked, idempotency_key="k").id == job.id
    with pytest.raises(InputError):
        create(session, small(start="mine", start_version=2), idempotency_key="k")
    assert create(session, asked).request["start_version"] == 2
    older = create(session, small(start="mine", start_version=1))
    assert older.request["start_version"] == 1


@pytest.mark.parametrize("metric", ["miou", "bf1", "macc"])
def test_published_parameters_are_a_start(session: Session, metric: str) -> None:
    request = small(metric=metric, start=f"asl-{metric}-voc")
    theta = first_theta(session, starts.pinned(session, request, curves_space(request)))
    assert theta is not None
    published = zoo.get(session, f"asl-{metric}-voc").document["control_points"]
    for name, points in curves(request).control_points(theta).items():
        assert points == pytest.approx(published[name])


def test_a_sum_of_surrogates_is_a_start_of_a_search_for_their_metrics(session: Session) -> None:
    terms = [(2.0, f"asl-{name}-voc") for name in ("miou", "macc")]
    parts = [(weight, zoo.get(session, name).document) for weight, name in terms]
    zoo.publish(session, sum_document("both", parts))
    request = small(metric="miou+macc", start="both")
    theta = first_theta(session, starts.pinned(session, request, curves_space(request)))
    assert theta is not None
    points_of = curves(request).control_points(theta)
    for metric in ("miou", "macc"):
        for curve, points in (
            zoo.get(session, f"asl-{metric}-voc").document["control_points"].items()
        ):
            assert points_of[f"{metric}:{curve}"] == pytest.approx(points)
    with pytest.raises(InputError, match=r"no surrogate of macc\+miou"):
        create(session, small(metric="macc+miou", start="both"))
    with pytest.raises(InputError, match="no surrogate of miou"):
        create(session, small(metric="miou", start="both"))


def test_a_surrogate_is_a_start_without_what_it_was_trained_beside(session: Session) -> None:
    parts = [(1.0, surrogate_document("mine", "macc", POINTS))]
    parts += [(0.5, zoo.get(session, "dice").document)]
    zoo.publish(session, sum_document("beside-dice", parts))
    request = small(start="beside-dice")
    theta = first_theta(session, starts.pinned(session, request, curves_space(request)))
    assert theta is not None
    assert curves(request).control_points(theta)["and"] == pytest.approx(POINTS["and"])


def test_the_straight_line_has_two_names(session: Session) -> None:
    assert first_theta(session, small()) is None
    assert first_theta(session, small(start="naive-macc")) is None


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"start": "nowhere"}, "no loss named 'nowhere'"),
        ({"start": "mine", "start_version": 7}, "version 7"),
        ({"start": "asl-miou-voc"}, "no surrogate of macc"),
        ({"start": "dice"}, "no surrogate of macc"),
        ({"start": "cross-entropy-dice"}, "no surrogate of macc"),
        ({"start": "mine", "segments": 1}, "does not have 1 segments"),
        ({"start": "mine", "family": "linear"}, "family bezier"),
    ],
)
def test_what_does_not_fit_is_refused_when_it_is_asked_for(
    session: Session, fields: dict[str, Any], why: str
) -> None:
    with pytest.raises(InputError, match=why):
        create(session, small(**fields))


def test_a_search_runs_from_its_start(engine: Engine, settings: Settings) -> None:
    desk = Desk(engine)
    start = tuple(ParameterSpace("macc").theta(POINTS).tolist())
    with desk.writing.begin() as session:
        zoo.publish(session, surrogate_document("mine", "macc", POINTS))
    request = small(start="mine", sampler={"name": "tpe", "trials": 6, "batch": 3})
    with working(settings, BowlPool()):
        job_id = desk.submit(request)
        assert desk.wait_for(job_id).state == "succeeded"
    trials, points = expected(request, start)
    assert desk.trials(job_id) == trials
    assert np.allclose(trials[0][1], start)
    published = desk.published(job_id)
    assert published["control_points"] == points
    assert (published["provenance"]["start"], published["provenance"]["start_version"]) == (
        "mine",
        1,
    )
