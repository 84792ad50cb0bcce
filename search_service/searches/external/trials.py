"""What the user's own code does with the trials of a search: ask, heartbeat, report, tell. No torch.

Each takes a session and leaves the commit to its owner. What is told is kept with the assignment; the run of
the search finds it there and records the trial, as it does with what the workers tell.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from search_service.jobs import assignments, lifecycle
from search_service.jobs.assignments import Held
from search_service.searches.external.measures import measured
from search_service.searches.external.options import SCORED
from search_service.searches.external.requests import (
    AskRequest,
    HeartbeatRequest,
    ReportRequest,
    TellRequest,
)
from search_service.searches.external.stopping import Earlier, Report, come_to, stopped_at
from search_service.searches.request import SearchRequest
from search_service.store.states import Ending
from search_service.store.tables import Job, Lease
from surrogate_zoo.errors import ConflictError, InputError
from surrogate_zoo.metrics.targets import Target
from surrogate_zoo.store.tables import now

GENERATION = "generation "
"""Stages of trials begin so; those of the race do not, and nothing stops a training there."""


def ask(session: Session, job_id: str, request: AskRequest) -> tuple[Job, list[Held]]:
    """Hand out trials that nobody trains.

    Returns:
        The search, and what there is to train: nothing while it is not running, or while all of a
        generation is handed out.

    Raises:
        NotFoundError: There is no such search.
        ConflictError: The service trains it itself.
    """
    job, _ = _search(session, job_id)
    worker, seconds = request.worker, request.lease_seconds
    held = assignments.ask(session, job.id, count=request.count, seconds=seconds, worker=worker)
    return job, held


def heartbeat(session: Session, job_id: str, request: HeartbeatRequest) -> datetime:
    """Prolong a lease, and return when it lapses.

    Raises:
        NotFoundError: There is no such search or lease.
        ConflictError: The trial was handed out again or is over, or the search is.
    """
    job, _ = _search(session, job_id)
    held = assignments.find(session, job.id, request.lease)
    assignments.check_held(session, held)
    assignments.prolong(held)
    return held.lease.lapses_at


def report(session: Session, job_id: str, request: ReportRequest) -> bool:
    """Take how a trial does on the way, and tell whether it is to be stopped.

    One that is to be stopped is over with that. The same report gives the same answer again.

    Raises:
        NotFoundError: There is no such search or lease.
        ConflictError: The trial was handed out again or is over, or the search is.
        InputError: The metrics do not fit the search, or the steps do not rise.
    """
    job, search = _search(session, job_id)
    metrics = measured(Target(search.metric), request.score, request.metrics)
    held = assignments.find(session, job.id, request.lease)
    row = {"step": request.step, "metrics": metrics}
    told = held.lease.told or {}
    if told.get("stopped") == row:
        return True
    assignments.check_held(session, held)
    assignments.prolong(held)
    if held.lease.reports[-1:] == [row]:
        return False
    _check_step(search, held.lease, request.step)
    held.lease.reports = [*held.lease.reports, row]
    stopped = _stopped(session, search, held)
    if stopped is None:
        return False
    outcome = _outcome(held, metrics=stopped, iterations=request.step, stopped=True)
    outcome["score"] = Target(search.metric).score(stopped)
    assignments.close(held, {"stopped": row}, outcome)
    return True


def tell(session: Session, job_id: str, request: TellRequest) -> Ending:
    """Take what became of a trial; the same again is taken once.

    Raises:
        NotFoundError: There is no such search or lease.
        ConflictError: The trial was handed out again, is over with another result, or the search is over.
        InputError: The metrics do not fit the search.
    """
    job, search = _search(session, job_id)
    target = Target(search.metric)
    metrics: dict[str, float] = {}
    if request.error is None:
        metrics = measured(target, request.score, request.metrics)
    ending: Ending = "trained" if request.error is None else "failed"
    held = assignments.find(session, job.id, request.lease)
    told = {"metrics": metrics, "error": request.error}
    if held.lease.told == told:
        return ending
    assignments.check_held(session, held)
    iterations = search.whole if request.error is None else _counted(search, _steps(held.lease))
    outcome = _outcome(held, metrics=metrics, iterations=iterations, error=request.error)
    outcome["score"] = target.score(metrics)
    if request.seconds is not None:
        outcome["seconds"] = request.seconds
    assignments.close(held, told, outcome)
    return ending


def cut_short(session: Session, job_id: str, request: ReportRequest) -> None:
    """Take a trial that somebody else stopped, with its last report.

    It counts with what it would have come to by its distance to all that are over; a training of the race
    cannot count so, and has failed.

    Raises:
        NotFoundError: There is no such search or lease.
        ConflictError: The trial was handed out again or is over, or the search is.
        InputError: The metrics do not fit the search.
    """
    job, search = _search(session, job_id)
    target = Target(search.metric)
    metrics = measured(target, request.score, request.metrics)
    held = assignments.find(session, job.id, request.lease)
    assignments.check_held(session, held)
    told = {"stopped": {"step": request.step, "metrics": metrics}}
    iterations = _counted(search, request.step)
    if not held.assignment.stage.startswith(GENERATION):
        error = f"It was stopped after {request.step} steps, and the race trains whole."
        outcome = _outcome(held, metrics={}, iterations=iterations, error=error)
        assignments.close(held, told, outcome | {"score": None})
        return
    others = [_earlier(other) for other in assignments.with_stage(session, job.id, GENERATION)]
    last = come_to(request.step, metrics, others)
    outcome = _outcome(held, metrics=last, iterations=iterations, stopped=True)
    assignments.close(held, told, outcome | {"score": target.score(last)})


def _search(session: Session, job_id: str) -> tuple[Job, SearchRequest]:
    job = lifecycle.get(session, "search", job_id)
    request = SearchRequest.model_validate(job.request)
    if not request.is_external:
        raise ConflictError(
            "The service trains this search itself: submit one with trainer external to train on your own."
        )
    return job, request


def _counted(search: SearchRequest, step: int) -> int:
    """Iterations of a trial that ended at a step; where nobody told how many there are, 1 is the whole."""
    return min(step, search.whole)


def _check_step(search: SearchRequest, lease: Lease, step: int) -> None:
    if step <= (before := _steps(lease)):
        raise InputError(f"step must be above {before}, of which there is a report already.")
    if search.steps is not None and step > search.steps:
        raise InputError(f"step must be at most {search.steps}, the steps of one training.")


def _stopped(session: Session, search: SearchRequest, held: Held) -> dict[str, float] | None:
    """What a trial is told to have come to, where its newest report ends it; None where it goes on."""
    spec, stage = search.halving, held.assignment.stage
    if spec is None or search.steps is None or not stage.startswith(GENERATION):
        return None
    earlier = [
        _earlier(other)
        for other in assignments.with_stage(session, held.assignment.job_id, GENERATION)
        if _generation(other) < _generation(held)
    ]
    objectives = [Target(metric) for metric in search.objectives]
    return stopped_at(spec, search.steps, _reports(held.lease), earlier, objectives)


def _earlier(held: Held) -> Earlier:
    outcome: Mapping[str, Any] = held.assignment.outcome or {}
    return Earlier(held.assignment.number, _reports(held.lease), outcome["metrics"])


def _reports(lease: Lease) -> Sequence[Report]:
    return [Report(row["step"], row["metrics"]) for row in lease.reports]


def _steps(lease: Lease) -> int:
    """Of the newest report; 0 before the first."""
    return int(lease.reports[-1]["step"]) if lease.reports else 0


def _generation(held: Held) -> int:
    return int(held.assignment.stage.removeprefix(GENERATION))


def _outcome(
    held: Held,
    *,
    metrics: Mapping[str, float],
    iterations: int,
    error: str | None = None,
    stopped: bool = False,
) -> dict[str, Any]:
    """``workers.tasks.proxy.Outcome`` as JSON, without its score."""
    return {
        "number": held.assignment.number,
        "metrics": dict(metrics),
        "error": error,
        "seconds": max(0.0, (now() - held.lease.begun_at).total_seconds()),
        "worker": {"host": held.lease.worker} if held.lease.worker else {},
        "iterations": iterations,
        "scales": held.assignment.scales,
        "hold_out": SCORED,
        "stopped": stopped,
    }
