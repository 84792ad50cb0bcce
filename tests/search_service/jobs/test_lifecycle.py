"""The life cycle of jobs: created once, found by kind, moved by one actor, told as events."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from search_service.jobs import ledger
from search_service.jobs import lifecycle as jobs
from search_service.jobs import run as runs
from search_service.retrainings.request import RetrainingRequest
from search_service.searches.admission import trials as trials_of
from search_service.searches.request import SearchRequest
from search_service.store.database import sessions
from search_service.store.tables import Event, Job, Trial
from surrogate_zoo.errors import ConflictError, InputError, NotFoundError, UnknownNameError
from surrogate_zoo.losses.document import surrogate_document
from surrogate_zoo.store import zoo
from surrogate_zoo.store.tables import now
from tests.search_service.service import create, progress_of

NONE_YET = {
    "failed": 0,
    "rejected": 0,
    "stopped": 0,
    "evaluations": 0,
    "best_score": None,
    "higher_is_better": True,
    "factor": 100,
}


SAMPLER = {"name": "ppo2", "preset": "quick"}


def request(**fields: Any) -> SearchRequest:
    return SearchRequest.model_validate(
        {"metric": "macc", "dataset": "shapes", "preset": "quick", "sampler": SAMPLER} | fields
    )


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with sessions(engine)() as session:
        yield session


def at_once(*functions: Callable[[], Any]) -> list[Any]:
    """Results or errors of functions that start at the same moment in threads of their own."""
    start = threading.Barrier(len(functions))
    results: list[Any] = [None] * len(functions)

    def run(index: int) -> None:
        start.wait()
        try:
            results[index] = functions[index]()
        except Exception as error:  # noqa: BLE001  (a thread hands it to the test)
            results[index] = error

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_a_new_search_waits_and_has_told_so(session: Session) -> None:
    job = create(session, request())
    assert (job.state, job.kind, job.attempt) == ("queued", "search", 0)
    assert [(e.sequence, e.kind, e.body) for e in jobs.events_after(session, job.id)] == [
        (1, "state", {"state": "queued"})
    ]
    assert progress_of(session, job) == {"done": 0, "total": 40} | NONE_YET


def test_the_same_key_gives_the_same_job(session: Session) -> None:
    first = create(session, request(seed=1), idempotency_key="k")
    assert create(session, request(seed=1), idempotency_key="k").id == first.id
    assert create(session, request(seed=1)).id != first.id
    with pytest.raises(InputError, match="another request"):
        create(session, request(seed=2), idempotency_key="k")
    retraining = RetrainingRequest(loss="cross-entropy", dataset="shapes")
    with pytest.raises(InputError):
        create(session, retraining, idempotency_key="k")


def test_the_same_key_at_the_same_moment_gives_the_same_job(engine: Engine) -> None:
    def submit() -> str:
        with sessions(engine).begin() as session:
            return create(session, request(), idempotency_key="k").id

    ids = at_once(*[submit] * 6)
    assert len(set(ids)) == 1
    assert isinstance(ids[0], str)


def test_a_retrainings_version_is_fixed_when_it_is_asked_for(session: Session) -> None:
    points = {"and": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]}
    zoo.publish(session, surrogate_document("mine", "macc", points))
    asked = RetrainingRequest(loss="mine", dataset="shapes")
    first = create(session, asked, idempotency_key="k")
    zoo.publish(session, surrogate_document("mine", "macc", points, title="newer"))
    assert first.request["version"] == 1
    assert create(session, asked, idempotency_key="k").id == first.id
    assert create(session, asked).request["version"] == 2


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"metric": "nope"}, UnknownNameError),
        ({"dataset": "nope"}, UnknownNameError),
        ({"family": "nope"}, UnknownNameError),
        ({"family": "linear", "segments": 1}, InputError),
        ({"name": "cross-entropy"}, InputError),
        ({"sampler": {"name": "random", "trials": 100_000}}, InputError),
        ({"sampler": {"name": "nsga-ii"}}, InputError),
    ],
)
def test_a_search_that_cannot_be_is_refused(
    session: Session, fields: dict[str, Any], error: type
) -> None:
    with pytest.raises(error):
        create(session, request(**fields))
    assert jobs.page(session, "search") == ([], None)


@pytest.mark.parametrize(
    "fields", [{"loss": "nope"}, {"loss": "cross-entropy", "version": 9}, {"dataset": "nope"}]
)
def test_a_retraining_that_cannot_be_is_refused(session: Session, fields: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        create(
            session,
            RetrainingRequest.model_validate(
                {"loss": "cross-entropy", "dataset": "shapes"} | fields
            ),
        )


@pytest.mark.parametrize(
    "job_id", ["00000000-0000-0000-0000-000000000000", "no id", "", "\0", "😀"]
)
def test_an_unknown_id_is_not_found(session: Session, job_id: str) -> None:
    for act in (jobs.get, jobs.cancel, jobs.pause, jobs.resume):
        with pytest.raises(NotFoundError):
            act(session, "search", job_id)


def test_a_job_is_found_by_its_own_kind_alone(session: Session) -> None:
    job = create(session, request())
    assert jobs.get(session, "search", job.id.upper()).id == job.id
    with pytest.raises(NotFoundError):
        jobs.get(session, "retraining", job.id)


ALLOWED = {
    "cancel": {
        "queued": "cancelled",
        "paused": "cancelled",
        "running": "cancelling",
        "pausing": "cancelling",
    },
    "pause": {"queued": "paused", "running": "pausing"},
    "resume": {"paused": "queued"},
}


@pytest.mark.parametrize(
    "state", ["queued", "running", "pausing", "paused", "cancelling", "cancelled", "failed"]
)
@pytest.mark.parametrize("action", ALLOWED)
def test_only_stated_changes_of_state_happen(session: Session, action: str, state: str) -> None:
    job = create(session, request())
    job.state = state
    session.flush()
    after = ALLOWED[action].get(state)
    if after is None:
        with pytest.raises(ConflictError, match=state):
            getattr(jobs, action)(session, "search", job.id)
        assert ledger.lock(session, job.id).state == state
        return
    changed = getattr(jobs, action)(session, "search", job.id)
    assert changed.state == after
    assert changed.attempt == (action == "resume")
    assert (changed.finished_at is not None) == (after == "cancelled")
    assert jobs.events_after(session, job.id)[-1].body == {"state": after}


def backdate(session: Session, job_id: str, seconds: float) -> None:
    """Let a job's run have begun so much earlier."""
    job = ledger.lock(session, job_id)
    assert job.running_since is not None
    job.running_since -= timedelta(seconds=seconds)
    session.flush()


def test_what_a_job_ran_leaves_pauses_out(session: Session) -> None:
    job = create(session, request())
    assert job.running_seconds == 0
    assert runs.claim(session, job.id, 0) is not None
    began = job.started_at
    backdate(session, job.id, 100)
    assert job.running_seconds == pytest.approx(100, abs=5)
    jobs.pause(session, "search", job.id)
    backdate(session, job.id, 20)  # until its workers are done with what they had
    runs.settle(session, job.id, 0)
    paused = job.running_seconds
    assert paused == pytest.approx(120, abs=5)
    assert ledger.lock(session, job.id).running_seconds == paused
    jobs.resume(session, "search", job.id)
    assert job.running_seconds == paused
    assert runs.claim(session, job.id, 1) is not None
    backdate(session, job.id, 30)
    assert runs.succeed(session, job.id, 1, {})
    assert job.running_seconds == pytest.approx(150, abs=5)
    assert (job.state, job.started_at) == ("succeeded", began)


@pytest.mark.parametrize(
    ("left", "told"), [("running", "continued"), ("pausing", "state"), ("cancelling", "state")]
)
def test_a_job_ran_until_its_last_event_where_the_controller_ended(
    session: Session, left: str, told: str
) -> None:
    job = create(session, request())
    assert runs.claim(session, job.id, 0) is not None
    backdate(session, job.id, 1000)
    for event in session.scalars(select(Event).where(Event.job_id == job.id)):
        event.at = now() - timedelta(seconds=900)
    job.state = left
    session.flush()
    assert (runs.claim(session, job.id, 0) is None) == (left != "running")
    assert job.running_seconds == pytest.approx(100, abs=5)
    assert jobs.events_after(session, job.id)[-1].kind == told


def test_of_two_actors_one_wins(engine: Engine) -> None:
    for _ in range(5):
        with sessions(engine).begin() as session:
            job_id = create(session, request()).id

        def cancel(job_id: str = job_id) -> str:
            with sessions(engine).begin() as session:
                return jobs.cancel(session, "search", job_id).state

        def claim(job_id: str = job_id) -> bool:
            with sessions(engine).begin() as session:
                return runs.claim(session, job_id, 0) is not None

        cancelled, cancelled_too, claimed = at_once(cancel, cancel, claim)
        outcomes = sorted([str(cancelled), str(cancelled_too)])
        assert ("cancelling" in outcomes) == claimed
        assert ("cancelled" in outcomes) == (not claimed)
        assert sum("only one that is" in outcome for outcome in outcomes) == 1


def test_events_count_without_a_gap_whoever_writes(engine: Engine) -> None:
    with sessions(engine).begin() as session:
        job_id = create(session, request()).id

    def write() -> None:
        for _ in range(15):
            with sessions(engine).begin() as session:
                ledger.append_event(session, job_id, "progress", {})

    assert at_once(*[write] * 4) == [None] * 4
    with sessions(engine)() as session:
        events = jobs.events_after(session, job_id, 0)
        assert [event.sequence for event in events] == list(range(1, 62))
        assert [e.sequence for e in jobs.events_after(session, job_id, 58)] == [59, 60, 61]
        assert [e.sequence for e in jobs.events_after(session, job_id, 3, 2)] == [4, 5]


def trial(job_id: str, number: int, score: float | None) -> Trial:
    facts = {"metrics": {}, "worker": {}, "seconds": 1.0, "finished_at": now(), "is_mean": False}
    facts |= {"ending": "failed" if score is None else "trained"}
    return Trial(
        job_id=job_id, number=number, generation=0, theta=[0.1], score=score, error=None, **facts
    )


def test_a_trial_is_recorded_once(session: Session) -> None:
    job = create(session, request())
    assert ledger.record_trial(session, trial(job.id, 3, 0.5))
    assert not ledger.record_trial(session, trial(job.id, 3, 0.9))
    assert ledger.record_trial(session, trial(job.id, 1, None))
    assert [(t.number, t.score) for t in trials_of(session, job.id)] == [(1, None), (3, 0.5)]
    assert [t.number for t in trials_of(session, job.id, after=1)] == [3]
    assert sum(event.kind == "trial" for event in jobs.events_after(session, job.id)) == 2
    assert progress_of(session, job) == {"done": 2, "total": 40} | NONE_YET | {
        "failed": 1,
        "best_score": 0.5,
    }


def test_the_best_of_a_count_is_the_lowest(session: Session) -> None:
    job = create(session, request())
    for number, score in enumerate([2.5, 0.0, None, 4.0]):
        ledger.record_trial(session, trial(job.id, number, score))
    scoring = {**job.request["scoring"], "clustering": {"method": "components"}}
    job.request, job.result = {**job.request, "metric": "dic", "scoring": scoring}, {}
    told = progress_of(session, job)
    assert (told["best_score"], told["higher_is_better"]) == (0.0, False)


def test_pages_follow_each_other_newest_first(session: Session) -> None:
    made = [create(session, request(seed=i)).id for i in range(5)]
    found, cursor = [], None
    while True:
        page, cursor = jobs.page(session, "search", after=cursor, limit=2)
        found += [job.id for job in page]
        if cursor is None:
            break
    assert found == made[::-1]
    jobs.cancel(session, "search", made[0])
    assert [job.id for job in jobs.page(session, "search", state="cancelled")[0]] == [made[0]]
    assert jobs.page(session, "retraining") == ([], None)


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "é", "fHw=", "MjAyNi0wMS0wMXxhYmM="])
def test_a_strange_cursor_is_refused(session: Session, cursor: str) -> None:
    with pytest.raises(InputError, match="cursor"):
        jobs.page(session, "search", after=cursor)


def test_failing_leaves_one_line(session: Session) -> None:
    job = create(session, request())
    assert isinstance(runs.claim(session, job.id, 0), Job)
    runs.fail(session, job.id, 0, "first\n  second", "user")
    assert (job.state, job.error) == ("failed", "first second")
    assert jobs.events_after(session, job.id)[-1].body == {
        "error": "first second",
        "failure": "user",
    }
