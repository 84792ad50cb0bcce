"""Which comparisons are admitted, how far one is, and its cells. No torch."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from search_service.catalogue import datasets, losses, networks
from search_service.catalogue.seen_splits import check_unseen
from search_service.comparisons.cells import cells_of
from search_service.comparisons.options import options_for
from search_service.comparisons.records import TUNING, tunings_of
from search_service.comparisons.request import ComparisonRequest
from search_service.comparisons.tuning import grid
from search_service.jobs.estimate import Estimate
from search_service.loss_networks import choice
from search_service.retrainings.measured import with_measures
from search_service.settings import Settings
from search_service.store.states import CELL
from search_service.store.tables import Evaluation, Job
from surrogate_zoo.errors import InputError
from surrogate_zoo.metrics.targets import Target
from surrogate_zoo.sums import is_sum
from workers.tasks.shares import check_devices


def resolved(settings: Settings, request: ComparisonRequest) -> ComparisonRequest:
    """Return a request with the paths of its files of weights in full.

    Raises:
        UnknownNameError: There is no such architecture.
        InputError: A file is not there, or lies outside the folders that are allowed; or it asks for more
            workers at once than the service is set to.
    """
    if settings.actors is not None:
        check_devices(request.devices, settings.actors)
    checked = tuple(networks.checked(settings, network) for network in request.networks)
    return request.model_copy(update={"networks": checked})


def admitted(session: Session, request: ComparisonRequest) -> ComparisonRequest:
    """Check a request, and fix the versions of the losses that it names.

    Raises:
        UnknownNameError: No such dataset or metric.
        InputError: The metric is a sum or ranks nothing, there is no such loss in the zoo, one was found
            by scores on the split, the dataset has no image in the split, a loss or metric does not fit to
            its labels, or a loss network is not there or does not fit; or objects are scored, and it has
            none, or no way to make them fits a loss.
    """
    if is_sum(request.metric):
        raise InputError(f"A comparison ranks by one metric, not by {request.metric!r}: name one.")
    Target(request.metric)
    datasets.check_split(session, request.dataset, request.split)
    datasets.check_hold_out(session, request.dataset, request.hold_out)
    datasets.check_hold_out(session, request.dataset, request.held_out)
    datasets.check_objects(session, request.dataset, request.scoring.clustering)
    looked_at = [request.early_stop.metric] if request.early_stop is not None else []
    datasets.check_metrics(session, request.dataset, [request.metric, *looked_at])
    versions: dict[str, int] = {}
    for loss in request.losses:
        versions |= losses.pin(session, loss, request.versions)
        document = losses.document(session, loss, versions)
        datasets.check_losses(session, request.dataset, [document])
        if request.ways:
            options_for(request, loss, document)
    check_unseen(session, request.dataset, request.split, versions)
    dataset = datasets.requested(session, request.dataset)
    for loss, chosen in request.loss_networks.items():
        choice.check(session, dataset, loss, losses.document(session, loss, versions), chosen)
    return request.model_copy(update={"versions": versions})


def progress(session: Session, job: Job) -> dict[str, Any]:
    """How many trainings are ``done``, and the ``total`` that is to be done, tuning included.

    The total counts what is known to come: it grows when a grid of learning rates does.
    """
    request = ComparisonRequest.model_validate(job.request)
    recorded = select(func.count()).where(Evaluation.job_id == job.id)
    tuned = select(Evaluation.stage, Evaluation.number, Evaluation.outcome["score"].as_float())
    of_tuning = Evaluation.stage.startswith(TUNING)
    rows = session.execute(tuned.where(Evaluation.job_id == job.id, of_tuning))
    tunings = tunings_of(request, [(stage, number, score) for stage, number, score in rows])
    trials = sum(len(grid(request, tried)) for tried in tunings.values())
    return {"done": session.scalar(recorded) or 0, "total": trials + len(cells_of(request))}


def cells(session: Session, job_id: str) -> list[Evaluation]:
    """Return a comparison's finished retrainings, by number."""
    query = select(Evaluation).where(Evaluation.job_id == job_id, Evaluation.stage == CELL)
    return list(session.scalars(query.order_by(Evaluation.number)))


def estimated(session: Session, request: ComparisonRequest, *, measured: bool = True) -> Estimate:
    """A training for every cell, and for every learning rate that is tried at first."""
    cells = len(request.losses) * len(request.networks) * request.seeds
    tuning = len(request.losses) * len(request.networks) * len(request.learning_rates)
    plan = Estimate(
        trainings=cells + tuning,
        parts={"tuning": tuning, "cells": cells},
        steps=float((cells + tuning) * request.training.iterations),
    )
    if not measured:
        return plan
    each = (cells + tuning) / len(request.networks)
    trainings = [(network, each) for network in request.networks]
    return with_measures(
        session,
        plan,
        request.dataset,
        trainings,
        request.training,
        devices=request.devices,
        kind="comparison",
    )
