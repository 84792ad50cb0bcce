"""What is deleted, and what is not because something else needs it. Plain functions, no torch.

Jobs that are over, datasets and losses that nothing names go when somebody says so; a file goes once no
row names it. Rows are deleted in one transaction, their files after it: what fails in between leaves files
too many and none too few, and :func:`clean_service` finds those. A file that was written lately stays for
now, since whoever writes one names it a moment later.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from search_service.catalogue import datasets
from search_service.catalogue.datasets import BUILT_IN
from search_service.catalogue.seen_splits import ORIGINS, origins_of
from search_service.deletion import Deletion, Kept
from search_service.settings import Settings
from search_service.store import artifacts
from search_service.store.database import make_engine, sessions
from search_service.store.states import FINAL
from search_service.store.tables import Artifact, Dataset, Job
from surrogate_zoo.errors import ConflictError
from surrogate_zoo.losses.registry import LOSSES
from surrogate_zoo.store import zoo
from surrogate_zoo.store.tables import Loss, LossAlias, LossNetwork, LossTag, now

YOUNG: Final = timedelta(hours=1)
"""A file that was written within this time stays."""

_JOB: Final = Job.__table__.c  # of all owners: what needs a thing needs it, whoever asks
_SHOWN: Final = 5
_BATCH: Final = 200


def delete_job(session: Session, job: Job) -> None:
    """Delete a job's rows: trials, events, what it tells of its files.

    Raises:
        ConflictError: It is not over, or another search took points of it.
    """
    if (reason := _why_job_stays(job, _followers(session))) is not None:
        raise ConflictError(f"The {job.kind} {job.id} stays: {reason}.")
    session.execute(delete(Job).where(Job.id == job.id))


def _why_job_stays(job: Job, followers: Mapping[str, Collection[str]]) -> str | None:
    """What keeps a job from being deleted; ``followers`` are searches that took points of one, by its id."""
    if job.state not in FINAL:
        return f"it is {job.state}; cancel it first"
    if others := sorted(followers.get(job.id, ())):
        return _named_by(others)
    return None


def delete_dataset(session: Session, name: str) -> None:
    """Delete a dataset and its loss networks; its folder is its owner's and stays.

    Raises:
        NotFoundError: None of that name is registered.
        ConflictError: It is built in, or a job names it.
    """
    dataset = datasets.get(session, name)
    users = _jobs_with_dataset(session, name)
    if name in BUILT_IN or users:
        reason = _named_by(users) if users else "it is built in"
        raise ConflictError(f"The dataset {name} stays: {reason}.")
    fingerprint = dataset.report["fingerprint"]
    session.delete(dataset)
    session.flush()
    left = session.scalars(select(Dataset)).all()
    if all(other.report["fingerprint"] != fingerprint for other in left):
        session.execute(delete(LossNetwork).where(LossNetwork.fingerprint == fingerprint))


def delete_loss(session: Session, name: str) -> None:
    """Delete a loss with all its versions.

    Raises:
        NotFoundError: There is none of that name.
        ConflictError: It is built in, has a tag or an alias, or a job names it.
    """
    name = zoo.get(session, name).name
    if (reason := why_loss_stays(session, name)) is not None:
        raise ConflictError(f"The loss {name} stays: {reason}.")
    session.execute(delete(Loss).where(Loss.name == name))


def why_loss_stays(session: Session, name: str) -> str | None:
    """What keeps a loss from being deleted: tag, alias, a loss searched from it, a job that names it."""
    if name in LOSSES:
        return "it is built in"
    if (
        tag := session.scalar(select(LossTag.tag).where(LossTag.name == name).limit(1))
    ) is not None:
        return f"the tag {tag} points at it"
    of_it = select(LossAlias.name).join(Loss).where(Loss.name == name)
    if (alias := session.scalar(of_it.limit(1))) is not None:
        return f"the alias {alias} stands for it"
    facts = Loss.document["provenance"]
    others = select(Loss.name, *(facts[field] for field in ORIGINS)).where(Loss.name != name)
    for other, *told in session.execute(others):
        if name in origins_of(dict(zip(ORIGINS, told, strict=True))):
            return f"the loss {other} was searched from it"
    users = _jobs_with_loss(session, name)
    return _named_by(users) if users else None


def clean_service(
    settings: Settings, older_than: timedelta, *, unused: bool, dry_run: bool
) -> Deletion:
    """As :func:`clean`, and every file that no row names then, of a service that may run."""
    found = artifacts.stored(settings.artifacts_root)  # before the transaction: it may be far away
    old = {sha256: file.bytes for sha256, file in found.items() if now() - file.written >= YOUNG}
    engine = make_engine(settings.database)
    try:
        with sessions(engine)() as session:
            told = clean(session, older_than, unused=unused, dry_run=dry_run)
            session.flush()
            gone = old.keys() - _named(session)
            if not dry_run:
                session.commit()
    finally:
        engine.dispose()
    if not dry_run:
        remove(settings, gone)
    size = sum(old[sha256] for sha256 in gone)
    return told.model_copy(update={"files": len(gone), "bytes": size})


def clean(
    session: Session, older_than: timedelta, *, unused: bool = False, dry_run: bool = False
) -> Deletion:
    """Delete all jobs that were over so long ago, and with ``unused`` datasets and losses nothing names.

    Args:
        session: Writes, of all owners.
        older_than: How long they must have been over, or there.
        unused: Also datasets and losses, of that age.
        dry_run: Tell what would go. The session is to be rolled back then: what needs what is found
            by deleting.
    """
    told = Deletion(dry_run=dry_run)
    before, followers = now() - older_than, _followers(session)
    over = select(Job).where(Job.state.in_(FINAL), Job.finished_at < before)
    # The newest first: a search before those that it took points of.
    for job in session.scalars(over.order_by(Job.created_at.desc())).all():
        if (reason := _why_job_stays(job, followers)) is None:
            session.execute(delete(Job).where(Job.id == job.id))
            told.jobs.append(job.id)
            for others in followers.values():
                others.discard(job.id)
        else:
            told.kept.append(Kept(what=job.id, reason=reason))
    if unused:
        _clean_catalogues(session, before, told)
    return told


def _clean_catalogues(session: Session, before: Any, told: Deletion) -> None:
    old = select(Dataset.name).where(Dataset.created_at < before, Dataset.name.not_in(BUILT_IN))
    losses = select(Loss.name).where(Loss.name.not_in(LOSSES)).group_by(Loss.name)
    stale = [name for name in session.scalars(losses) if _newest(session, name) < before]
    for names, deleted, remove in (
        (session.scalars(old.order_by(Dataset.name)).all(), told.datasets, delete_dataset),
        (stale, told.losses, delete_loss),
    ):
        for name in names:
            try:
                remove(session, name)
                deleted.append(name)
            except ConflictError as error:
                told.kept.append(Kept(what=name, reason=str(error)))


def _newest(session: Session, name: str) -> Any:
    query = select(Loss.created_at).where(Loss.name == name).order_by(Loss.created_at.desc())
    return session.scalars(query.limit(1)).one()


def files_of(session: Session, job_id: str) -> dict[str, int]:
    """SHA-256 and size of a job's files."""
    query = select(Artifact.sha256, Artifact.bytes).where(Artifact.job_id == job_id)
    return dict(session.execute(query).all())


def unnamed(session: Session, files: Iterable[str]) -> set[str]:
    """Those of some files that no row names."""
    left = set(files)
    for column in (Artifact.sha256, LossNetwork.sha256):
        left -= set(session.scalars(select(column).where(column.in_(list(left)))))
    return left - _pictures(session) if left else left


def remove(settings: Settings, files: Collection[str]) -> None:
    """Remove files that no row names; a young one stays until the service is cleaned."""
    for sha256 in files:
        artifacts.remove(settings.artifacts_root, sha256, older_than=YOUNG)


def _named(session: Session) -> set[str]:
    """Every file that a row names."""
    columns = (Artifact.sha256, LossNetwork.sha256)
    named = [session.scalars(select(column)).all() for column in columns]
    return {*named[0], *named[1], *_pictures(session)}


def _pictures(session: Session) -> set[str]:
    """Of datasets."""
    return set(session.scalars(select(Dataset.report["picture"].as_string())).all()) - {None}


def _followers(session: Session) -> dict[str, set[str]]:
    """Search that others took points of -> those others, which read them again when they are extended."""
    some = _JOB.request["priors"].as_string() != "[]"
    found: dict[str, set[str]] = {}
    for job_id, request in session.execute(
        select(_JOB.id, _JOB.request).where(_JOB.kind == "search", some)
    ):
        for prior in request["priors"]:
            found.setdefault(prior["search"], set()).add(job_id)
    return found


def _jobs_with_dataset(session: Session, name: str) -> Sequence[str]:
    query = select(_JOB.id).where(_JOB.request["dataset"].as_string() == name)
    return session.scalars(query.limit(_SHOWN + 1)).all()


def _jobs_with_loss(session: Session, name: str) -> list[str]:
    """Jobs whose request or result names a loss, alone or in a sum."""
    word = re.compile(rf"(?<![a-z0-9._-]){re.escape(name)}(?![a-z0-9._-])")
    found = []
    query = select(_JOB.id, _JOB.request, _JOB.result).execution_options(yield_per=_BATCH)
    with session.execute(query) as rows:
        for job_id, *parts in rows:
            if word.search(json.dumps(parts)):
                found.append(job_id)
                if len(found) > _SHOWN:
                    break
    return found


def _named_by(jobs: Sequence[str]) -> str:
    more = " and others" if len(jobs) > _SHOWN else ""
    return f"it is named by {', '.join(jobs[:_SHOWN])}{more}; delete those jobs first"
