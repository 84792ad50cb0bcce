"""Ask, heartbeat, report and tell on both databases: leases that hold, lapse, and are refused."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, update

from search_service.jobs import assignments
from search_service.jobs.assignments import Held
from search_service.searches.external import trials
from search_service.searches.external.requests import (
    AskRequest,
    HeartbeatRequest,
    ReportRequest,
    TellRequest,
)
from search_service.searches.request import SearchRequest
from search_service.store.states import State
from search_service.store.tables import Assignment, Job, Lease
from surrogate_zoo.errors import ConflictError, InputError, NotFoundError
from surrogate_zoo.losses.registry import LOSSES
from surrogate_zoo.store.tables import now
from tests.search_service.searches.external.scoring import REQUEST, STEPS
from tests.search_service.service import Desk, small

OWN = SearchRequest.model_validate({"trainer": "external", **REQUEST})


class Trainer(Desk):
    """A search with assignments that are posted by hand, and what its user's code sends."""

    def begin(self, *posted: tuple[str, int], steps: int | None = STEPS) -> None:
        untold: dict[str, Any] = {"steps": None, "halving": None}
        self.job_id = self.submit(OWN if steps else OWN.model_copy(update=untold))
        self.set(state="running")
        for stage, number in posted:
            self.post(stage, number)

    def set(self, *, state: State) -> None:
        with self.writing.begin() as session:
            session.execute(update(Job).where(Job.id == self.job_id).values(state=state))

    def post(self, stage: str, number: int) -> None:
        row = Assignment(job_id=self.job_id, stage=stage, number=number, seed=3, rate=1.0)
        row.loss, row.scales, row.posted_at = LOSSES["dice"].document(), [2.0], now()
        with self.writing.begin() as session:
            assignments.post(session, row)

    def lapse(self, lease: str) -> None:
        moment = now() - timedelta(seconds=1)
        with self.writing.begin() as session:
            session.execute(update(Lease).where(Lease.id == lease).values(lapses_at=moment))

    def ask(self, count: int = 1) -> list[Held]:
        with self.writing.begin() as session:
            return trials.ask(session, self.job_id, AskRequest(count=count, worker="w"))[1]

    def lease(self) -> str:
        ((_, lease),) = self.ask()
        return lease.id

    def tell(self, lease: str, score: float | None = 0.5, **fields: Any) -> str:
        with self.writing.begin() as session:
            request = TellRequest(lease=lease, score=score, **fields)
            return trials.tell(session, self.job_id, request)

    def report(self, lease: str, step: int, score: float) -> bool:
        with self.writing.begin() as session:
            request = ReportRequest(lease=lease, step=step, score=score)
            return trials.report(session, self.job_id, request)

    def beat(self, lease: str) -> None:
        with self.writing.begin() as session:
            trials.heartbeat(session, self.job_id, HeartbeatRequest(lease=lease))

    def outcomes(self, stage: str = "generation 0") -> dict[int, dict[str, Any]]:
        with self.reading() as session:
            return assignments.outcomes(session, self.job_id, stage, range(100))


@pytest.fixture
def trainer(engine: Engine) -> Trainer:
    return Trainer(engine)


def test_each_is_handed_out_once_the_first_first(trainer: Trainer) -> None:
    trainer.begin(("generation 0", 1), ("generation 0", 0), ("round 1", 0))
    first = trainer.ask(2)
    assert [(a.stage, a.number) for a, _ in first] == [("generation 0", 1), ("generation 0", 0)]
    assert [(a.stage, a.number) for a, _ in trainer.ask(5)] == [("round 1", 0)]
    assert trainer.ask(5) == []
    assert len({lease.id for _, lease in first}) == 2


@pytest.mark.parametrize("state", ["queued", "pausing", "paused", "cancelled", "succeeded"])
def test_a_search_that_does_not_run_hands_out_nothing(trainer: Trainer, state: State) -> None:
    trainer.begin(("generation 0", 0))
    trainer.set(state=state)
    assert trainer.ask() == []


def test_what_is_told_is_kept_with_the_assignment(trainer: Trainer) -> None:
    trainer.begin(("generation 0", 0), ("generation 0", 1))
    good, bad = trainer.lease(), trainer.lease()
    assert trainer.tell(good, 0.5, metrics={"macc": 0.25}, seconds=7) == "trained"
    assert trainer.tell(bad, None, error="Out of memory.") == "failed"
    told = trainer.outcomes()
    assert told[0] | {"score": 0.5, "seconds": 7, "scales": [2.0], "iterations": STEPS} == told[0]
    assert told[0]["metrics"] == {"miou": 0.5, "macc": 0.25}
    assert (told[1]["score"], told[1]["error"]) == (None, "Out of memory.")
    assert told[0]["worker"] == {"host": "w"}


def test_the_same_is_taken_once_and_another_result_not(trainer: Trainer) -> None:
    trainer.begin(("generation 0", 0))
    lease = trainer.lease()
    assert [trainer.tell(lease), trainer.tell(lease)] == ["trained", "trained"]
    trainer.set(state="succeeded")
    assert trainer.tell(lease) == "trained"  # an answer that was lost on the way
    with pytest.raises(ConflictError, match="is over under this lease"):
        trainer.tell(lease, 0.75)
    assert trainer.outcomes()[0]["score"] == 0.5


def test_a_lapsed_lease_is_handed_out_again_and_its_late_result_refused(trainer: Trainer) -> None:
    trainer.begin(("generation 0", 0))
    late = trainer.lease()
    assert trainer.ask() == []
    trainer.lapse(late)
    ((assignment, lease),) = trainer.ask()
    assert (assignment.number, assignment.seed) == (0, 3)
    refusals: list[Callable[[], object]] = [
        lambda: trainer.tell(late, 1.0),
        lambda: trainer.beat(late),
        lambda: trainer.report(late, 1, 1.0),
    ]
    for refused in refusals:
        with pytest.raises(ConflictError, match="was handed out again: this result is not taken"):
            refused()
    trainer.tell(lease.id, 0.25)
    with pytest.raises(ConflictError, match="was handed out again"):
        trainer.tell(late, 1.0)
    assert trainer.outcomes()[0]["score"] == 0.25


def test_a_lapsed_lease_that_nobody_took_is_as_good_as_any(trainer: Trainer) -> None:
    trainer.begin(("generation 0", 0))
    lease = trainer.lease()
    trainer.lapse(lease)
    assert trainer.tell(lease) == "trained"
    assert trainer.ask() == []


def test_signs_of_life_prolong_a_lease(trainer: Trainer) -> None:
    trainer.begin(("generation 0", 0))
    lease = trainer.lease()
    for sign in (trainer.beat, lambda held: trainer.report(held, 1, 0.5)):
        trainer.lapse(lease)
        sign(lease)
        assert trainer.ask() == []


@pytest.mark.parametrize("state", ["cancelling", "cancelled", "failed"])
def test_a_search_that_is_over_takes_nothing(trainer: Trainer, state: State) -> None:
    trainer.begin(("generation 0", 0))
    lease = trainer.lease()
    trainer.set(state=state)
    with pytest.raises(ConflictError, match=f"The job is {state}"):
        trainer.tell(lease)


@pytest.mark.parametrize("state", ["pausing", "paused", "queued"])
def test_a_search_that_rests_takes_what_was_handed_out(trainer: Trainer, state: State) -> None:
    trainer.begin(("generation 0", 0))
    lease = trainer.lease()
    trainer.set(state=state)
    assert trainer.tell(lease) == "trained"


def test_reports_stop_the_worst_of_later_generations(trainer: Trainer) -> None:
    trainer.begin(*(("generation 0", number) for number in range(4)))
    for number in range(4):
        lease = trainer.lease()
        assert not trainer.report(lease, STEPS // 2, number / 10)
        assert not trainer.report(lease, STEPS // 2, number / 10)  # the same again
        trainer.tell(lease, number / 5)
    for stage in ("generation 1", "round 1"):
        trainer.post(stage, 4)
    lease = trainer.lease()
    assert [trainer.report(lease, STEPS // 2, 0.0) for _ in range(2)] == [True, True]
    told = trainer.outcomes("generation 1")[4]
    assert (told["stopped"], told["iterations"], told["error"]) == (True, STEPS // 2, None)
    assert told["metrics"] == {"miou": told["score"]}
    with pytest.raises(ConflictError, match="is over under this lease"):
        trainer.tell(lease, 0.9)
    assert not trainer.report(trainer.lease(), STEPS // 2, 0.0)  # nothing stops the race


def test_reports_go_up_to_the_steps_of_a_training(trainer: Trainer) -> None:
    trainer.begin(("generation 0", 0))
    lease = trainer.lease()
    trainer.report(lease, 2, 0.5)
    with pytest.raises(InputError, match="step must be above 2"):
        trainer.report(lease, 1, 0.5)
    with pytest.raises(InputError, match=f"step must be at most {STEPS}"):
        trainer.report(lease, STEPS + 1, 0.5)


@pytest.mark.parametrize(("steps", "counted"), [(STEPS, 2), (None, 1)])
def test_what_failed_counts_for_its_share_or_whole_where_nobody_told_the_steps(
    trainer: Trainer, steps: int | None, counted: int
) -> None:
    trainer.begin(("generation 0", 0), ("generation 0", 1), steps=steps)
    failed, stopped = trainer.lease(), trainer.lease()
    for lease in (failed, stopped):
        trainer.report(lease, 1, 0.2)
    trainer.report(failed, 2, 0.2)
    trainer.tell(failed, None, error="diverged")
    with trainer.writing.begin() as session:
        trials.cut_short(session, trainer.job_id, ReportRequest(lease=stopped, step=2, score=0.2))
    told = trainer.outcomes()
    assert [told[number]["iterations"] for number in range(2)] == [counted, counted]


def test_a_lease_that_was_never_given_is_not_found(trainer: Trainer) -> None:
    trainer.begin()
    with pytest.raises(NotFoundError, match="There is no lease 'made-up'"):
        trainer.tell("made-up")


def test_a_search_that_the_service_trains_hands_out_nothing(trainer: Trainer) -> None:
    trainer.job_id = trainer.submit(small())
    with pytest.raises(ConflictError, match="The service trains this search itself"):
        trainer.ask()


def test_one_that_others_cut_short_counts_and_fails_in_the_race(trainer: Trainer) -> None:
    trainer.begin(("generation 0", 0), ("generation 1", 1), ("round 1", 0))
    whole, short, raced = [held.lease.id for held in trainer.ask(3)]
    trainer.report(whole, STEPS - 1, 0.5)
    trainer.tell(whole, 0.75)
    for lease in (short, raced):
        with trainer.writing.begin() as session:
            request = ReportRequest(lease=lease, step=STEPS - 1, score=0.25)
            trials.cut_short(session, trainer.job_id, request)
    told = trainer.outcomes("generation 1")[1]
    assert told | {"score": 0.5, "stopped": True, "iterations": STEPS - 1} == told
    raced_told = trainer.outcomes("round 1")[0]
    assert (raced_told["score"], raced_told["metrics"]) == (None, {})
    assert (
        raced_told["error"] == f"It was stopped after {STEPS - 1} steps, and the race trains whole."
    )
    with pytest.raises(ConflictError, match="is over under this lease"):
        trainer.tell(short, 0.9)
