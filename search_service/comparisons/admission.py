"""Which comparisons are admitted, how far one is, and its cells. No torch."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from search_service.catalogue import datasets, losses, networks
from search_service.comparisons.request import ComparisonRequest
from search_service.settings import Settings
from search_service.store.states import CELL
from search_service.store.tables import Evaluation, Job
from surrogate_zoo.metrics.catalogue import METRICS


def resolved(settings: Settings, request: ComparisonRequest) -> ComparisonRequest:
    """Return a request with the paths of its files of weights in full.

    Raises:
        UnknownNameError: There is no such architecture.
        InputError: A file is not there, or lies outside the folders that are allowed.
    """
    checked = tuple(networks.checked(settings, network) for network in request.networks)
    return request.model_copy(update={"networks": checked})


def admitted(session: Session, request: ComparisonRequest) -> ComparisonRequest:
    """Check a request, and fix the versions of the losses that it names.

    Raises:
        UnknownNameError: No such dataset or metric.
        InputError: No such loss in the zoo, or the dataset has no image in the split.
    """
    _ = METRICS[request.metric]
    datasets.check_split(session, request.dataset, request.split)
    versions: dict[str, int] = {}
    for loss in request.losses:
        versions |= losses.pin(session, loss, request.versions)
    return request.model_copy(update={"versions": versions})


def progress(session: Session, job: Job) -> dict[str, Any]:
    """Return ``done`` and ``total`` trainings, those of tuning included."""
    finished = select(func.count()).where(Evaluation.job_id == job.id)
    total = ComparisonRequest.model_validate(job.request).trainings
    return {"done": session.scalar(finished) or 0, "total": total}


def cells(session: Session, job_id: str) -> list[Evaluation]:
    """Return a comparison's finished retrainings, by number."""
    query = select(Evaluation).where(Evaluation.job_id == job_id, Evaluation.stage == CELL)
    return list(session.scalars(query.order_by(Evaluation.number)))
