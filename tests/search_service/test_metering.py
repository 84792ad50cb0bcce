"""What the controller counts while it works."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from search_service import reporting
from search_service.jobs.pool import IdlePool
from search_service.metering import Meter, MeteredPool
from search_service.settings import Settings
from surrogate_zoo.errors import WorkerError, WorkersAwayError
from tests.search_service.bowl import BowlPool
from tests.search_service.service import Desk, small, working
from workers.tasks.proxy import Candidate, Outcome, ProxyTask

pytestmark = pytest.mark.usefixtures("brief_reports")

ENDINGS = [
    Outcome(0, 0.5, {}, None, 2.0),
    Outcome(1, 0.5, {}, None, 2.0, stopped=True),
    Outcome(2, None, {}, "CUDA out of memory", 2.0, failure="memory"),
    Outcome(3, None, {}, "hopeless", 0.0, rejected=True),
]


class ScriptedPool(IdlePool):
    """Answers with :data:`ENDINGS`; no worker can be had for anything else."""

    def evaluate(
        self,
        task: ProxyTask,  # noqa: ARG002
        candidates: Sequence[Candidate],  # noqa: ARG002
        *,
        on_outcome: Callable[[Outcome], None],
        should_stop: Callable[[], bool],  # noqa: ARG002
    ) -> None:
        for outcome in ENDINGS:
            on_outcome(outcome)

    def run(self, *_task: Any, **_more: Any) -> Any:
        raise WorkersAwayError("No worker can be started: the node is gone")


def test_trainings_are_counted_by_how_they_ended_and_proposals_are_timed() -> None:
    meter = Meter()
    pool: Any = MeteredPool(ScriptedPool(), meter, "search")
    seen: list[Outcome] = []
    for _ in range(3):
        pool.evaluate(None, [], on_outcome=seen.append, should_stop=lambda: False)
    with pytest.raises(WorkerError):
        pool.run(None, Path(), on_progress=lambda *_: None, should_stop=lambda: False)
    assert seen == ENDINGS * 3
    text = meter.text([{"state": "idle"}, {"state": "idle"}])
    for labels, count in (
        ('ending="trained",failure="",kind="search"', 3),
        ('ending="stopped",failure="",kind="search"', 3),
        ('ending="failed",failure="memory",kind="search"', 3),
        ('ending="rejected",failure="",kind="search"', 3),
        ('ending="failed",failure="infrastructure",kind="search"', 1),
    ):
        assert f"lossfit_trainings_total{{{labels}}} {count}.0" in text
    assert "lossfit_proposal_seconds_count 2.0" in text
    assert 'lossfit_workers{state="idle"} 2.0' in text
    assert 'lossfit_training_seconds_sum{kind="search"} 18.0' in text


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_a_controller_tells_its_figures_while_it_works(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "EVERY_SECONDS", 0.05)
    desk = Desk(engine)

    def figures() -> str:
        with desk.reading() as session:
            report = reporting.newest(session)
            return "" if report is None else report.figures

    with working(settings, BowlPool()):
        job = desk.wait_for(desk.submit(small()))
        assert job.state == "succeeded"
        done = 'lossfit_runs_total{ending="done",kind="search"} 1.0'
        desk.wait(lambda: done in figures(), "the run among the figures")
        assert 'lossfit_trainings_total{ending="trained",failure="",kind="search"}' in figures()
    assert (job.spent_trainings, job.trainings) == (12, 12)
