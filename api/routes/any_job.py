"""``/v1/jobs/{job_id}``: what can be asked of a job of whatever kind."""

from fastapi import APIRouter

from api.dependencies import (
    AfterNumber,
    CallerOf,
    DryRun,
    JobId,
    Limit,
    ReadSession,
    ServiceParts,
    WritersTurn,
    WriteSession,
)
from api.job_schemas import JobDetail, LogEntryView
from api.routes.jobs import detail_of
from api.schemas import NumberedPage
from api.served import AnyJob
from search_service import retention
from search_service.access.owners import bounds
from search_service.deletion import Deletion
from search_service.jobs import annotation, lifecycle, log
from search_service.jobs.annotation import AnnotationRequest

router = APIRouter(prefix="/jobs", tags=["jobs"])


@router.get("/{job_id}", response_model=AnyJob, operation_id="read_job")
def read_job(job_id: JobId, session: ReadSession, parts: ServiceParts) -> JobDetail:
    """A job whose kind is not known: what was asked for, how far it is, what came out."""
    return detail_of(session, parts, lifecycle.of_any_kind(session, job_id))


@router.get("/{job_id}/log", operation_id="read_job_log")
def read_log(
    job_id: JobId, session: ReadSession, after: AfterNumber = None, limit: Limit = 100
) -> NumberedPage[LogEntryView]:
    """What happened to the job, a sentence each: begin, stages, failures, ends; the oldest first."""
    job = lifecycle.of_any_kind(session, job_id)
    entries = log.entries(session, job.id, after=after, limit=limit)
    following = entries[-1].sequence if len(entries) == limit else None
    return NumberedPage(
        items=[LogEntryView.model_validate(entry) for entry in entries], next=following
    )


@router.post("/{job_id}/annotate", response_model=AnyJob, operation_id="annotate_job")
def annotate_job(
    job_id: JobId, request: AnnotationRequest, session: WriteSession, parts: ServiceParts
) -> JobDetail:
    """Write a note and tags to a job, to find it again; what it was asked for and found stays."""
    return detail_of(session, parts, annotation.annotate(session, job_id, request))


@router.delete("/{job_id}", operation_id="delete_job")
def delete_job(
    job_id: JobId,
    parts: ServiceParts,
    asks: CallerOf,
    _turn: WritersTurn,
    *,
    dry_run: DryRun = False,
) -> Deletion:
    """Delete a job that is over, with its trials, events and files; losses that it published stay."""
    with parts.writing(**bounds(asks.sees)) as session:
        job = lifecycle.of_any_kind(session, job_id)
        files = retention.files_of(session, job.id)
        retention.delete_job(session, job)
        session.flush()
        gone = retention.unnamed(session, files)
        if not dry_run:
            session.commit()
    if not dry_run:
        retention.remove(parts.settings, gone)
    size = sum(files[sha256] for sha256 in gone)
    return Deletion(jobs=[job.id], files=len(gone), bytes=size, dry_run=dry_run)
