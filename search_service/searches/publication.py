"""Losses that searches found: their documents, and the publication of single trials. No torch."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from search_service.catalogue import losses
from search_service.jobs import ledger, lifecycle
from search_service.jobs.provenance import installed_versions
from search_service.searches import admission, provenance
from search_service.searches.request import PublicationRequest, SearchRequest
from search_service.searches.space import space_of, title_of
from search_service.store.states import FINAL
from search_service.store.tables import Job, Trial
from surrogate_zoo.errors import ConflictError, InputError
from surrogate_zoo.losses.document import Document
from surrogate_zoo.losses.drafts import filled, missing
from surrogate_zoo.store import zoo
from surrogate_zoo.store.tables import Loss


def document(
    draft: Document,
    scales: Sequence[float],
    name: str,
    title: str,
    facts: Mapping[str, Any] | None = None,
) -> Document:
    """The loss file of a candidate.

    Args:
        draft: Its loss, a draft where scales were measured for it.
        scales: These scales.
        name: Name in the zoo.
        title: A line for people.
        facts: The provenance.
    """
    return filled(draft | {"name": name, "title": title, "provenance": dict(facts or {})}, scales)


def publish(session: Session, job_id: str, publication: PublicationRequest) -> Loss:
    """Publish a trial of a search that is over as the next version of a name.

    The same trial under the same name is published once: again, it gives the version that it has.

    Args:
        session: A writing session; the caller commits.
        job_id: The search.
        publication: Which trial, and its name in the zoo.

    Raises:
        NotFoundError: There is no such search.
        ConflictError: The search is not over yet.
        InputError: It has no such trial, the trial has no score, or no scale for its loss, or the name is a
            built-in loss's or an alias.
    """
    name = publication.name
    losses.check_free(session, name, "the trial")
    job = ledger.lock(session, lifecycle.get(session, "search", job_id).id)
    if job.state not in FINAL:
        raise ConflictError(
            f"The search is {job.state}: wait until it is over, or cancel it, to publish its trials."
        )
    trial = _scored(session, job, publication.trial)
    published = session.scalar(_published(name, trial).limit(1))
    if published is not None:
        return published
    request = SearchRequest.model_validate(job.request)
    facts = provenance.of_trial(
        request,
        space_of(request),
        admission.data_of(session, request),
        trial,
        _versions(session, job),
    )
    draft = space_of(request, admission.companion(session, request)).candidate(trial.theta)
    if not trial.scales and missing(draft.loss):
        raise InputError(
            f"Trial {trial.number} was recorded before scales were measured in searches of curves: search "
            "again to publish it."
        )
    found = document(draft.loss, trial.scales, name, title_of(request), facts)
    return zoo.publish(session, found, owner=job.owner)


def _scored(session: Session, job: Job, number: int) -> Trial:
    trial = session.get(Trial, (job.id, number))
    if trial is None:
        raise InputError(f"The search has no trial {number}: its trials tell their numbers.")
    if trial.score is None:
        raise InputError(f"Trial {number} has no score and cannot be published: {trial.error}")
    return trial


def _published(name: str, trial: Trial) -> Select[Loss]:
    """Versions of a name that are this trial, the oldest first."""
    facts = Loss.document["provenance"]
    query = select(Loss).where(Loss.name == name, facts["search"].as_string() == trial.job_id)
    return query.where(facts["chosen"]["trial"].as_integer() == trial.number).order_by(Loss.version)


def _versions(session: Session, job: Job) -> dict[str, str]:
    """Of the software that the search ran with, as its own loss tells; today's if it has none."""
    if job.result is None:
        return installed_versions()
    loss = zoo.get(session, job.result["loss"], job.result["version"])
    versions: dict[str, str] = loss.document["provenance"]["versions"]
    return versions
