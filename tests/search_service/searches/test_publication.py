"""The front of a search, and the publication of its trials."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from search_service.jobs import ledger
from search_service.jobs import lifecycle as jobs
from search_service.searches import publication
from search_service.searches.admission import trials as trials_of
from search_service.searches.request import PublicationRequest
from search_service.settings import Settings
from search_service.store import artifacts
from search_service.store.database import sessions
from search_service.store.states import State
from search_service.store.tables import Trial
from surrogate_zoo.errors import ConflictError, InputError, NotFoundError
from surrogate_zoo.losses.document import scale_of
from surrogate_zoo.store import zoo
from surrogate_zoo.store.tables import Loss, now
from tests.search_service.bowl import BowlPool, curves_of, curves_space
from tests.search_service.service import Desk, create, result_of, small, working

TWO = small(
    metric="macc+3*gacc", seed=4, sampler={"name": "nsga-ii", "trials": 12, "population": 4}
)


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with sessions(engine)() as session:
        yield session


def publish(session: Session, job_id: str, trial: int, name: str = "mine") -> Loss:
    return publication.publish(session, job_id, PublicationRequest(trial=trial, name=name))


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_a_search_for_two_metrics_ends_with_a_front_whose_members_can_be_published(
    engine: Engine, settings: Settings
) -> None:
    desk = Desk(engine)
    with working(settings, BowlPool()):
        job_id = desk.submit(TWO)
        job = desk.wait_for(job_id)
    assert (job.state, job.error) == ("succeeded", None)
    result = result_of(job)
    members = result["front"]
    with desk.reading() as session:
        trials = {trial.number: trial for trial in trials_of(session, job_id)}
        (kept,) = [file for file in jobs.artifacts(session, job_id) if file.name == "front.json"]
    file = json.loads(artifacts.open_artifact(settings.artifacts_root, kept.sha256).read_text())
    assert file["members"] == members
    assert file["parameters"][-1] == "weight.gacc"
    assert [member["trial"] for member in members] == unbeaten(trials)
    assert result["best"]["trial"] in unbeaten(trials)
    assert len({member["weights"]["macc"] for member in members}) > 1
    best = desk.published(job_id)
    assert best["provenance"]["chosen"]["trial"] == result["best"]["trial"]
    for member in members:
        with desk.writing.begin() as session:
            loss = publish(session, job_id, member["trial"])
            assert loss.kind == "sum"
            weights = {term["loss"]["metric"]: term["weight"] for term in loss.document["terms"]}
            assert weights == pytest.approx(member["weights"])
            chosen = loss.document["provenance"]["chosen"]
            assert (chosen["trial"], chosen["scores"]) == (member["trial"], member["scores"])
            assert loss.document["provenance"]["versions"] == best["provenance"]["versions"]
    with desk.writing.begin() as session:  # what the search published itself, under its own name
        again = publish(session, job_id, result["best"]["trial"], result["loss"])
        assert (again.version, again.document) == (result["version"], best)


def unbeaten(trials: dict[int, Trial]) -> list[int]:
    """Numbers of the trials that no other one beats in both, the best in the first metric first."""
    scores = {number: (t.metrics["macc"], t.metrics["gacc"]) for number, t in trials.items()}
    return sorted(
        (
            number
            for number, (a, b) in scores.items()
            if not any(x >= a and y >= b and (x, y) != (a, b) for x, y in scores.values())
        ),
        key=lambda number: -scores[number][0],
    )


def finished(session: Session, state: State = "failed", **fields: Any) -> str:
    """A search that is over, with a trial 0 that has a score and a trial 1 that has none."""
    request = small(**fields)
    job = create(session, request)
    for number, score in ((0, 0.5), (1, None)):
        ledger.record_trial(
            session, trial(job.id, number, score, curves_space(request).start.tolist())
        )
    ledger.move(session, job.id, {"queued": state})
    return job.id


def trial(job_id: str, number: int, score: float | None, theta: list[float]) -> Trial:
    metrics = {} if score is None else {"macc": score, "miou": 0.25}
    return Trial(
        job_id=job_id, number=number, generation=0, theta=theta, is_mean=False, score=score,
        metrics=metrics, error=None if score else "loss became NaN", seconds=1.0,
        scales=[3.0] if score else [],
        worker={"threads": 1, "host": "here"}, finished_at=now(),
    )  # fmt: skip


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_trial_of_any_search_that_is_over_becomes_a_loss(session: Session, state: State) -> None:
    job_id = finished(session, state)
    loss = publish(session, job_id, 0)
    assert (loss.name, loss.version, loss.kind, loss.metric) == ("mine", 1, "surrogate", "macc")
    space = curves_space(small())
    assert curves_of(loss.document) == space.parameters.control_points(space.start)
    facts = loss.document["provenance"]
    assert (facts["search"], facts["dataset"]["name"]) == (job_id, "shapes")
    assert facts["chosen"] == {
        "trial": 0,
        "generation": 0,
        "theta": space.start.tolist(),
        "parameters": dict(zip(space.names, space.start.tolist(), strict=True)),
        "score": 0.5,
        "scales": [3.0],
        "scale": 1.0,
    }
    assert scale_of(loss.document) == 3.0
    assert facts["workers"] == [{"threads": 1}]
    assert facts["versions"]["torch"]


def test_the_same_trial_and_name_give_the_same_version(session: Session) -> None:
    first, second = finished(session), finished(session)
    assert [publish(session, job_id, 0).version for job_id in (first, second, first)] == [1, 2, 1]
    assert publish(session, first, 0, "another").version == 1
    assert len(zoo.versions(session, "mine")) == 2


@pytest.mark.parametrize(
    ("number", "name", "why"),
    [
        (0, "cross-entropy", "built-in loss"),
        (7, "mine", "no trial 7"),
        (1, "mine", "Trial 1 has no score and cannot be published: loss became NaN"),
    ],
)
def test_what_cannot_be_published_is_refused(
    session: Session, number: int, name: str, why: str
) -> None:
    with pytest.raises(InputError, match=why):
        publish(session, finished(session), number, name)


def test_a_trial_whose_scale_was_not_measured_is_refused(session: Session) -> None:
    job_id = finished(session)
    session.get_one(Trial, (job_id, 0)).scales = []
    with pytest.raises(InputError, match="Trial 0 was recorded before scales were measured"):
        publish(session, job_id, 0)


def test_a_search_that_is_not_over_publishes_nothing(session: Session) -> None:
    with pytest.raises(ConflictError, match="The search is paused"):
        publish(session, finished(session, "paused"), 0)
    with pytest.raises(NotFoundError):
        publish(session, "00000000-0000-0000-0000-000000000000", 0)


def test_nsga_ii_asks_for_several_metrics(session: Session) -> None:
    with pytest.raises(InputError, match=r"'macc' is one: join several with \+, such as miou\+bf1"):
        create(session, small(sampler={"name": "nsga-ii"}))
