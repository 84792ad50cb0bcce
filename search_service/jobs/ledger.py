"""What is written about a job: each fact once, each change of state from stated states."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import CursorResult, case, func, select, update
from sqlalchemy.orm import Session

from search_service.store.states import ACTIVE, FINAL, RUNG, SCALES, State
from search_service.store.tables import Artifact, Evaluation, Event, Job, Trial
from surrogate_zoo.errors import NotFoundError
from surrogate_zoo.store.tables import now


def begin(session: Session, job: Job) -> None:
    """Write a new job, and tell its state as the first of its events.

    Raises:
        IntegrityError: Its idempotency key is another job's; nothing is written.
    """
    told = Event(job_id=job.id, sequence=1, kind="state", body={"state": job.state}, at=now())
    with session.begin_nested():
        session.add(job)
        session.flush()  # before what refers to it
        session.add(told)


def lock(session: Session, job_id: str) -> Job:
    """Lock a job's row until the transaction ends; whoever writes of a job does so first.

    On SQLite the transaction holds the write lock already.

    Raises:
        NotFoundError: There is no such job.
    """
    query = select(Job).where(Job.id == job_id).with_for_update()
    job = session.scalar(query.execution_options(populate_existing=True))
    if job is None:
        raise NotFoundError(f"There is no job {job_id}.")
    return job


def move(
    session: Session,
    job_id: str,
    changes: Mapping[State, State],
    *,
    attempt: int | None = None,
    reason: str | None = None,
) -> bool:
    """Change a job's state from one of the keys of ``changes`` to its value, and tell as an event.

    One UPDATE tests and sets, so of two actors only one wins.

    Args:
        session: A writing session.
        job_id: The job.
        changes: State it may be in -> state it goes to.
        attempt: Change it only if this attempt is the current one.
        reason: Why, where that is to be told.

    Returns:
        Whether the state changed.
    """
    ends = [before for before, after in changes.items() if after in FINAL]
    statement = update(Job).where(Job.id == job_id, Job.state.in_(list(changes)))
    if attempt is not None:
        statement = statement.where(Job.attempt == attempt)
    values = {
        "state": case(changes, value=Job.state),
        "finished_at": case((Job.state.in_(ends), now()), else_=Job.finished_at),
    }
    changed = cast("CursorResult[Any]", session.execute(statement.values(values)))
    if not changed.rowcount:
        return False
    job = lock(session, job_id)
    _time(job)
    told: dict[str, Any] = {"state": job.state} | ({"reason": reason} if reason else {})
    told |= {"attempt": job.attempt} if job.state == "running" else {}
    append_event(session, job_id, "state", told)
    return True


def _time(job: Job) -> None:
    """Let a job's clock go by its state."""
    if job.state in ACTIVE:
        job.running_since = job.running_since or now()
        job.started_at = job.started_at or job.running_since
    elif job.running_since is not None:
        job.ran_seconds, job.running_since = job.running_seconds, None


def leave_out_absence(session: Session, job: Job) -> None:
    """Let the run of a job whose controller ended last until its last event, and another begin."""
    last = session.scalar(select(func.max(Event.at)).where(Event.job_id == job.id))
    if job.running_since is not None and last is not None:
        job.ran_seconds += max(0.0, (last - job.running_since).total_seconds())
        job.running_since = now()


def append_event(session: Session, job_id: str, kind: str, body: dict[str, Any]) -> int:
    """Append to a job's events and return the sequence number, one more than the last."""
    lock(session, job_id)
    last = select(func.coalesce(func.max(Event.sequence), 0)).where(Event.job_id == job_id)
    sequence = int(session.scalar(last) or 0) + 1
    session.add(Event(job_id=job_id, sequence=sequence, kind=kind, body=body, at=now()))
    session.flush()
    return sequence


def record_trial(session: Session, trial: Trial) -> bool:
    """Record a trial and tell it as an event; a number that is recorded already stays as it was.

    Returns:
        Whether this call recorded it.
    """
    lock(session, trial.job_id)
    if session.get(Trial, (trial.job_id, trial.number)) is not None:
        return False
    session.add(trial)
    session.flush()  # fills in the defaults of columns, which the event tells too
    body: dict[str, Any] = {
        "number": trial.number,
        "generation": trial.generation,
        "is_mean": trial.is_mean,
        "ending": trial.ending,
    }
    body |= {"score": trial.score, "error": trial.error, "failure": trial.failure}
    body |= {"seconds": trial.seconds}
    spend(session, trial.job_id, trial.seconds, trainings=1)
    append_event(session, trial.job_id, "trial", body)
    return True


def spend(session: Session, job_id: str, seconds: float, *, trainings: int = 0) -> None:
    """Add to what a job has taken of its workers; of others' it takes nothing."""
    job = lock(session, job_id)
    if not job.aside:
        job.spent_seconds += seconds
        job.spent_trainings += trainings


def recorded_trials(session: Session, job_id: str, numbers: Sequence[int]) -> dict[int, Trial]:
    """Return those of a search's trials that are recorded, by number."""
    query = select(Trial).where(Trial.job_id == job_id, Trial.number.in_(numbers))
    return {trial.number: trial for trial in session.scalars(query)}


def record_evaluation(session: Session, evaluation: Evaluation, *, workers: int = 1) -> bool:
    """Record an evaluation and tell it as an event; one that is recorded already stays as it was.

    Args:
        session: Writes.
        evaluation: What is recorded.
        workers: How many worked on it together.

    Returns:
        Whether this call recorded it.
    """
    lock(session, evaluation.job_id)
    key = (evaluation.job_id, evaluation.stage, evaluation.number)
    if session.get(Evaluation, key) is not None:
        return False
    session.add(evaluation)
    body = {"stage": evaluation.stage, "number": evaluation.number}
    body |= {name: evaluation.outcome[name] for name in ("score", "error", "seconds")}
    if not evaluation.stage.startswith(RUNG):  # those seconds are the trial's, too
        trained = evaluation.stage != SCALES  # which takes a single step
        seconds = workers * evaluation.outcome["seconds"]
        spend(session, evaluation.job_id, seconds, trainings=int(trained))
    append_event(session, evaluation.job_id, "evaluation", body)
    return True


def recorded_evaluations(
    session: Session, job_id: str, stage: str, numbers: Sequence[int]
) -> list[Evaluation]:
    """Return those of a stage's evaluations that are recorded, by number."""
    query = select(Evaluation).where(
        Evaluation.job_id == job_id, Evaluation.stage == stage, Evaluation.number.in_(numbers)
    )
    return list(session.scalars(query.order_by(Evaluation.number)))


def all_evaluations(session: Session, job_id: str) -> list[Evaluation]:
    """Return all recorded evaluations of a job, by stage and number."""
    query = select(Evaluation).where(Evaluation.job_id == job_id)
    return list(session.scalars(query.order_by(Evaluation.stage, Evaluation.number)))


def record_artifact(session: Session, artifact: Artifact) -> None:
    """Record a job's file; a repeated run replaces the row of the same name."""
    lock(session, artifact.job_id)
    session.merge(artifact)
    session.flush()
