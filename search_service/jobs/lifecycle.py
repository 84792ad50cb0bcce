"""What a caller does with jobs: create, look up, cancel, pause, resume. Plain functions, no torch.

Each takes a session and leaves the commit to its owner. Creating a job is writing its row: the
controller finds it there, so the API needs no queue.
"""

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4

from sqlalchemy import func, select, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from search_service.catalogue import datasets, losses
from search_service.comparisons.request import ComparisonRequest
from search_service.jobs import ledger
from search_service.loss_networks.request import LossNetworkRequest
from search_service.retrainings.request import RetrainingRequest
from search_service.searches import starts
from search_service.searches.request import SearchRequest
from search_service.searches.space import space_of
from search_service.store.states import CELL, JobKind, State
from search_service.store.tables import Artifact, Evaluation, Event, Job, Trial
from surrogate_zoo.errors import ConflictError, InputError, NotFoundError
from surrogate_zoo.losses.registry import LOSSES
from surrogate_zoo.metrics.catalogue import METRICS
from surrogate_zoo.store.tables import now

_CANCEL: Mapping[State, State] = {
    "queued": "cancelled",
    "paused": "cancelled",
    "running": "cancelling",
    "pausing": "cancelling",
}
_PAUSE: Mapping[State, State] = {"queued": "paused", "running": "pausing"}
_RESUME: Mapping[State, State] = {"paused": "queued"}

_Request = TypeVar("_Request", SearchRequest, RetrainingRequest, ComparisonRequest)


MOST_NUMBERS = 400_000
"""Limit of trials times parameters: all of them go into the loss file, which has a limit too."""


def create_search(
    session: Session, request: SearchRequest, *, idempotency_key: str | None = None
) -> Job:
    """Queue a search; fixes the versions of the losses that it names where they are left open.

    Args:
        session: A writing session.
        request: What to search.
        idempotency_key: The same key with the same request gives the same job.

    Raises:
        UnknownNameError: No such metric, curve family or dataset.
        InputError: Too few segments, more than :data:`MOST_NUMBERS`, a single metric for NSGA-II,
            the result would take a built-in loss's name, the search cannot start there, or its
            companion is not in the zoo or needs more than the rejection test has.
        ConflictError: The key was used for another request.
    """
    if (known := _by_key(session, idempotency_key)) is not None:
        return _same(known, "search", _versions_from(known, request).model_dump(mode="json"))
    space = space_of(request)
    if request.sampler.trials * space.dimension > MOST_NUMBERS:
        raise InputError(
            f"{request.sampler.trials} trials of {space.dimension} parameters are more than the "
            f"{MOST_NUMBERS} numbers that a search may record."
        )
    if request.loss_name in LOSSES:
        raise InputError(f"{request.loss_name!r} is a built-in loss: give the result another name.")
    datasets.known(session, request.dataset)
    request = losses.companion_pinned(session, starts.pinned(session, request, space))
    return _create(session, "search", request, idempotency_key)


def create_retraining(
    session: Session, request: RetrainingRequest, *, idempotency_key: str | None = None
) -> Job:
    """Queue a retraining; fixes the versions of losses where the request leaves them open.

    Raises:
        UnknownNameError: No such dataset.
        InputError: No such loss in the zoo, or the dataset has no image in the split.
        ConflictError: The key was used for another request.
    """
    if (known := _by_key(session, idempotency_key)) is not None:
        return _same(known, "retraining", _versions_from(known, request).model_dump(mode="json"))
    _check_split(session, request)
    return _create(session, "retraining", losses.pinned(session, request), idempotency_key)


def create_comparison(
    session: Session, request: ComparisonRequest, *, idempotency_key: str | None = None
) -> Job:
    """Queue a comparison; fixes the versions of losses where the request leaves them open.

    Raises:
        UnknownNameError: No such dataset or metric.
        InputError: No such loss in the zoo, or the dataset has no image in the split.
        ConflictError: The key was used for another request.
    """
    if (known := _by_key(session, idempotency_key)) is not None:
        return _same(known, "comparison", _versions_from(known, request).model_dump(mode="json"))
    _ = METRICS[request.metric]
    _check_split(session, request)
    return _create(session, "comparison", losses.all_pinned(session, request), idempotency_key)


def create_loss_network(
    session: Session, request: LossNetworkRequest, *, idempotency_key: str | None = None
) -> Job:
    """Queue the training of a loss network.

    Raises:
        UnknownNameError: No such dataset.
        ConflictError: The key was used for another request.
    """
    if (known := _by_key(session, idempotency_key)) is not None:
        return _same(known, "loss-network", request.model_dump(mode="json"))
    datasets.known(session, request.dataset)
    return _create(session, "loss-network", request, idempotency_key)


def get(session: Session, kind: JobKind, job_id: str) -> Job:
    """Return a job.

    Raises:
        NotFoundError: There is none of that kind and id.
    """
    job = session.get(Job, _canonical(kind, job_id))
    if job is None or job.kind != kind:
        raise NotFoundError(f"There is no {kind} {job_id}.")
    return job


def page(
    session: Session,
    kind: JobKind,
    *,
    state: State | None = None,
    after: str | None = None,
    limit: int = 50,
) -> tuple[list[Job], str | None]:
    """Return jobs, newest first, and the cursor of the next page (None on the last).

    Raises:
        InputError: ``after`` is no cursor of this function.
    """
    query = select(Job).where(Job.kind == kind)
    if state is not None:
        query = query.where(Job.state == state)
    if after is not None:
        query = query.where(tuple_(Job.created_at, Job.id) < tuple_(*_position(after)))
    query = query.order_by(Job.created_at.desc(), Job.id.desc()).limit(limit + 1)
    jobs = list(session.scalars(query))
    return jobs[:limit], _cursor(jobs[limit - 1]) if len(jobs) > limit else None


def cancel(session: Session, kind: JobKind, job_id: str) -> Job:
    """Stop a job for good; a running one goes through ``cancelling``.

    Raises:
        NotFoundError: There is no such job.
        ConflictError: It is over, or being cancelled already.
    """
    return _change(session, kind, job_id, _CANCEL, "cancelled")


def pause(session: Session, kind: JobKind, job_id: str) -> Job:
    """Stop a job so that it can go on later; a running one goes through ``pausing``.

    Raises:
        NotFoundError: There is no such job.
        ConflictError: It is neither queued nor running.
    """
    return _change(session, kind, job_id, _PAUSE, "paused")


def resume(session: Session, kind: JobKind, job_id: str) -> Job:
    """Queue a paused job again; it goes on from its recorded trials or its last checkpoint.

    Raises:
        NotFoundError: There is no such job.
        ConflictError: It is not paused.
    """
    job = _change(session, kind, job_id, _RESUME, "resumed")
    job.attempt += 1
    session.flush()
    return job


def trials(
    session: Session, job_id: str, after: int | None = None, limit: int = 100
) -> list[Trial]:
    """Return a search's recorded trials with a number above ``after``, by number."""
    query = select(Trial).where(Trial.job_id == job_id)
    if after is not None:
        query = query.where(Trial.number > after)
    return list(session.scalars(query.order_by(Trial.number).limit(limit)))


def cells(session: Session, job_id: str) -> list[Evaluation]:
    """Return a comparison's finished retrainings, by number."""
    query = select(Evaluation).where(Evaluation.job_id == job_id, Evaluation.stage == CELL)
    return list(session.scalars(query.order_by(Evaluation.number)))


def events_after(
    session: Session, job_id: str, sequence: int = 0, limit: int = 1000
) -> list[Event]:
    """Return a job's events after a sequence number, in order."""
    query = select(Event).where(Event.job_id == job_id, Event.sequence > sequence)
    return list(session.scalars(query.order_by(Event.sequence).limit(limit)))


def artifacts(session: Session, job_id: str) -> list[Artifact]:
    """Return a job's files, by name."""
    query = select(Artifact).where(Artifact.job_id == job_id).order_by(Artifact.name)
    return list(session.scalars(query))


def progress(session: Session, job: Job) -> dict[str, Any]:
    """Return how far a job is.

    Returns:
        Of a search: ``done`` and ``total`` trials, ``failed``, ``rejected`` and ``stopped`` ones
        among them, ``best_score`` so far or None. Of a comparison: ``done`` and ``total`` trainings,
        those of tuning included. Of the others: the newest progress event, ``done``
        and ``total`` steps, and ``stage`` while a retraining waits for a loss network, which it
        names.
    """
    if job.kind == "search":
        counts = select(Trial.ending, func.count(), func.max(Trial.score)).group_by(Trial.ending)
        rows = session.execute(counts.where(Trial.job_id == job.id)).all()
        number = {ending: count for ending, count, _ in rows}
        return {
            "done": sum(number.values()),
            "total": SearchRequest.model_validate(job.request).sampler.trials,
            **{ending: number.get(ending, 0) for ending in ("failed", "rejected", "stopped")},
            "best_score": max((best for *_, best in rows if best is not None), default=None),
        }
    if job.kind == "comparison":
        finished = select(func.count()).where(Evaluation.job_id == job.id)
        total = ComparisonRequest.model_validate(job.request).trainings
        return {"done": session.scalar(finished) or 0, "total": total}
    newest = select(Event.body).where(Event.job_id == job.id, Event.kind == "progress")
    body = session.scalar(newest.order_by(Event.sequence.desc()).limit(1))
    schedule = "network" if job.kind == "loss-network" else "training"
    return body or {"done": 0, "total": job.request[schedule]["iterations"]}


def counts(session: Session) -> dict[tuple[str, str], int]:
    """Return how many jobs there are of each (kind, state) that occurs."""
    query = select(Job.kind, Job.state, func.count()).group_by(Job.kind, Job.state)
    return {(kind, state): number for kind, state, number in session.execute(query)}


def _check_split(session: Session, request: RetrainingRequest | ComparisonRequest) -> None:
    """Refuse a dataset that is not known, or has nothing to score on."""
    dataset = datasets.known(session, request.dataset)
    if not dataset.report["images"].get(request.split):
        raise InputError(f"Dataset {dataset.name} has no image in its split {request.split!r}.")


def _create(
    session: Session,
    kind: JobKind,
    request: SearchRequest | RetrainingRequest | ComparisonRequest | LossNetworkRequest,
    key: str | None,
) -> Job:
    body = request.model_dump(mode="json")
    job = Job(id=str(uuid4()), kind=kind, state="queued", priority=request.priority, request=body)
    job.idempotency_key, job.created_at, job.attempt = key, now(), 0
    try:
        with session.begin_nested():
            session.add(job)
    except IntegrityError:
        # The same key came in twice at the same moment, and the other one was faster.
        if (winner := _by_key(session, key)) is None:
            raise
        return _same(winner, kind, body)
    ledger.append_event(session, job.id, "state", {"state": "queued"})
    return job


def _by_key(session: Session, key: str | None) -> Job | None:
    if key is None:
        return None
    return session.scalar(select(Job).where(Job.idempotency_key == key))


def _versions_from(known: Job, request: _Request) -> _Request:
    """The request with the versions that were fixed for a job, where it leaves them open."""
    fixed: dict[str, Any] = {}
    if not isinstance(request, ComparisonRequest):
        field = "start_version" if isinstance(request, SearchRequest) else "version"
        fixed[field] = getattr(request, field) or known.request.get(field)
    field = "companion_versions" if isinstance(request, SearchRequest) else "versions"
    fixed[field] = known.request.get(field, {}) | getattr(request, field)
    return request.model_copy(update=fixed)


def _same(job: Job, kind: JobKind, body: dict[str, Any]) -> Job:
    if job.kind != kind or job.request != body:
        raise ConflictError(
            f"Idempotency key {job.idempotency_key!r} was used for another request "
            f"({job.kind} {job.id}): repeat that request unchanged, or take a new key."
        )
    return job


def _change(
    session: Session, kind: JobKind, job_id: str, changes: Mapping[State, State], done: str
) -> Job:
    job = get(session, kind, job_id)
    if not ledger.move(session, job.id, changes):
        state = ledger.lock(session, job.id).state
        raise ConflictError(
            f"The {kind} is {state}; only one that is {' or '.join(changes)} can be {done}."
        )
    return ledger.lock(session, job.id)


def _canonical(kind: JobKind, job_id: str) -> str:
    try:
        return str(UUID(job_id))
    except ValueError:
        raise NotFoundError(f"There is no {kind} {job_id!r}: that is no job id.") from None


def _cursor(job: Job) -> str:
    position = f"{job.created_at.isoformat()}|{job.id}"
    return base64.urlsafe_b64encode(position.encode()).decode()


def _position(cursor: str) -> tuple[datetime, str]:
    try:
        moment, job_id = base64.urlsafe_b64decode(cursor.encode("ascii")).decode().split("|")
        created_at = datetime.fromisoformat(moment)
        return created_at.astimezone(UTC), str(UUID(job_id))
    except (ValueError, binascii.Error, OverflowError):
        raise InputError("The cursor is not one that this list gave out.") from None
