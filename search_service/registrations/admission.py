"""Which registrations are admitted, and how far one is. No torch."""

from typing import Any

from sqlalchemy.orm import Session

from search_service.catalogue import datasets
from search_service.jobs.estimate import Estimate
from search_service.jobs.lifecycle import newest_progress
from search_service.registrations.request import RegistrationRequest
from search_service.settings import Settings
from search_service.store.tables import Job


def resolved(settings: Settings, request: RegistrationRequest) -> RegistrationRequest:
    """Return the request, if its folder is one that the service may read.

    Raises:
        InputError: It lies outside ``settings.dataset_roots`` (after symlinks).
    """
    datasets.allowed(settings, request.source)
    return request


def admitted(session: Session, request: RegistrationRequest) -> RegistrationRequest:  # noqa: ARG001
    """Return the request: what is wrong with it, its files tell."""
    return request


def estimated(
    session: Session,  # noqa: ARG001 - as all kinds
    request: RegistrationRequest,  # noqa: ARG001
    *,
    measured: bool = True,  # noqa: ARG001
) -> Estimate:
    """Nothing is trained."""
    return Estimate(trainings=0, parts={})


def progress(session: Session, job: Job) -> dict[str, Any]:
    """Return ``done`` and ``total`` images; how many there are is known once reading has begun."""
    return newest_progress(session, job, total=0)
