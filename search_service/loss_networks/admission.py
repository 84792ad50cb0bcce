"""Which trainings of loss networks are admitted, and how far one is. No torch."""

from typing import Any

from sqlalchemy.orm import Session

from search_service.catalogue import datasets
from search_service.jobs.estimate import Estimate
from search_service.jobs.lifecycle import newest_progress
from search_service.loss_networks.request import LossNetworkRequest
from search_service.settings import Settings
from search_service.store.tables import Job
from surrogate_zoo.errors import InputError
from surrogate_zoo.modes import MULTILABEL


def resolved(settings: Settings, request: LossNetworkRequest) -> LossNetworkRequest:  # noqa: ARG001
    """Return the request: it names no path."""
    return request


def admitted(session: Session, request: LossNetworkRequest) -> LossNetworkRequest:
    """Check a request.

    Raises:
        UnknownNameError: No such dataset.
        InputError: The dataset's classes overlap, or it has no image in the split that is measured on.
    """
    if datasets.mode_of(session, request.dataset) == MULTILABEL:
        raise InputError(
            "Loss networks learn from the borders of classes that exclude each other, and those of the "
            f"dataset {request.dataset} overlap: take a dataset of another mode."
        )
    datasets.check_hold_out(session, request.dataset, request.hold_out)
    return request


def progress(session: Session, job: Job) -> dict[str, Any]:
    """Return ``done`` and ``total`` steps."""
    return newest_progress(session, job, total=job.request["network"]["iterations"])


def estimated(
    session: Session,  # noqa: ARG001 - as all kinds
    request: LossNetworkRequest,
    *,
    measured: bool = True,  # noqa: ARG001
) -> Estimate:
    """One training of a small network."""
    steps = float(request.network.iterations)
    return Estimate(trainings=1, parts={"loss network": 1}, steps=steps)
