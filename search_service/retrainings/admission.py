"""Which retrainings are admitted, and how far one is. No torch."""

from typing import Any

from sqlalchemy.orm import Session

from search_service.catalogue import datasets, losses, networks
from search_service.catalogue.seen_splits import check_unseen
from search_service.jobs.estimate import Estimate
from search_service.jobs.lifecycle import newest_progress
from search_service.loss_networks import choice
from search_service.retrainings.measured import with_measures
from search_service.retrainings.request import RetrainingRequest
from search_service.settings import Settings
from search_service.store.tables import Job
from workers.tasks.shares import check_devices


def resolved(settings: Settings, request: RetrainingRequest) -> RetrainingRequest:
    """Return a request with the path of its file of weights in full.

    Raises:
        UnknownNameError: There is no such architecture.
        InputError: The file is not there, or lies outside the folders that are allowed; or it asks for more
            workers at once than the service is set to.
    """
    if settings.actors is not None:
        check_devices(request.devices, settings.actors)
    return request.model_copy(update={"network": networks.checked(settings, request.network)})


def admitted(session: Session, request: RetrainingRequest) -> RetrainingRequest:
    """Check a request, and fix the versions of the losses that it names.

    Raises:
        UnknownNameError: No such dataset.
        InputError: No such loss in the zoo, it was found by scores on the split, the dataset has no
            image in the split, loss or metric do not fit to its labels, or a loss network is not there or
            does not fit; or objects are scored, and it has none.
    """
    datasets.check_split(session, request.dataset, request.split)
    datasets.check_hold_out(session, request.dataset, request.held_out)
    datasets.check_objects(session, request.dataset, request.scoring.clustering)
    versions = losses.pin(session, request.loss, request.loss_versions)
    check_unseen(session, request.dataset, request.split, versions)
    document = losses.document(session, request.loss, versions)
    datasets.check_losses(session, request.dataset, [document])
    if request.early_stop is not None:
        datasets.check_metrics(session, request.dataset, [request.early_stop.metric])
    if request.loss_networks:
        dataset = datasets.requested(session, request.dataset)
        choice.check(session, dataset, request.loss, document, request.loss_networks)
    return request.with_loss_versions(versions)


def progress(session: Session, job: Job) -> dict[str, Any]:
    """Return ``done`` and ``total`` steps, and ``stage`` while a loss network is trained first."""
    return newest_progress(session, job, total=job.request["training"]["iterations"])


def estimated(session: Session, request: RetrainingRequest, *, measured: bool = True) -> Estimate:
    """One training."""
    steps = float(request.training.iterations)
    plan = Estimate(trainings=1, parts={"retraining": 1}, steps=steps)
    if not measured:
        return plan
    trainings = [(request.network, 1.0)]
    return with_measures(
        session,
        plan,
        request.dataset,
        trainings,
        request.training,
        devices=request.devices,
        kind="retraining",
    )
