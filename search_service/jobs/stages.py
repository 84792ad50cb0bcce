"""Evaluations that are no trials: on the way to them (rungs), and after them (repeats).

Each is recorded once, under the stage that asked for it. A stage that is run again takes what is
recorded and evaluates the rest, so it ends the same wherever it was interrupted.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from search_service.jobs import external, ledger
from search_service.jobs.external import ExternalTask
from search_service.jobs.run import Interrupted, Run
from search_service.store.tables import Evaluation
from surrogate_zoo.store.tables import now
from workers.tasks.base import Stopped
from workers.tasks.proxy import Candidate, Outcome, ProxyTask


def evaluate(
    run: Run,
    stage: str,
    task: ProxyTask | ExternalTask,
    candidates: Sequence[Candidate],
    on_outcome: Callable[[Outcome], None],
) -> None:
    """Have candidates evaluated, by the workers or by the user's own code.

    See :meth:`search_service.jobs.pool.Pool.evaluate` and :func:`search_service.jobs.external.evaluate`.

    Raises:
        Interrupted: The job is to pause or to stop.
        LossfitError: The task cannot be run.
    """
    if not candidates:
        return
    run.tell("stage", {"stage": stage, "trainings": len(candidates)})
    try:
        if isinstance(task, ExternalTask):
            external.evaluate(run, stage, task, candidates, on_outcome)
            return
        run.pool.evaluate(task, candidates, on_outcome=on_outcome, should_stop=run.should_stop)
    except Stopped as stopped:
        raise Interrupted from stopped


def of_stage(
    run: Run, stage: str, task: ProxyTask | ExternalTask, candidates: Sequence[Candidate]
) -> dict[int, Outcome]:
    """Evaluate the candidates of a stage, those that are recorded excepted.

    Args:
        run: The run of the job.
        stage: Names these evaluations within the job; a candidate's number is used once in it.
        task: What to evaluate them on.
        candidates: The candidates.

    Returns:
        What became of each, by number; without its curve.

    Raises:
        Interrupted: The job is to pause or to stop; what finished is recorded.
        LossfitError: The task cannot be run.
    """
    recorded = _recorded(run, stage, candidates)
    missing = [candidate for candidate in candidates if candidate.number not in recorded]
    evaluate(run, stage, task, missing, lambda outcome: _record(run, stage, outcome))
    return _recorded(run, stage, candidates)


def _recorded(run: Run, stage: str, candidates: Sequence[Candidate]) -> dict[int, Outcome]:
    numbers = [candidate.number for candidate in candidates]
    with run.reading() as session:
        rows = ledger.recorded_evaluations(session, run.job.id, stage, numbers)
    return {row.number: _outcome(row.outcome) for row in rows}


def _outcome(body: Mapping[str, Any]) -> Outcome:
    return Outcome(**{**body, "scales": tuple(body.get("scales", ()))})


def _record(run: Run, stage: str, outcome: Outcome) -> None:
    body: dict[str, Any] = {
        "number": outcome.number,
        "score": outcome.score,
        "metrics": dict(outcome.metrics),
        "error": outcome.error,
        "seconds": outcome.seconds,
        "worker": dict(outcome.worker),
        "iterations": outcome.iterations,
        "rejected": outcome.rejected,
        "scales": list(outcome.scales),
        "hold_out": outcome.hold_out,
        "stopped": outcome.stopped,
        "failure": outcome.failure,
    }
    row = Evaluation(job_id=run.job.id, stage=stage, number=outcome.number, outcome=body)
    row.finished_at = now()
    with run.writing.begin() as session:
        ledger.record_evaluation(session, row)
