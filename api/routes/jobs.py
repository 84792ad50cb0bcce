"""The life of a job, the same for every kind: list, read, watch, files, cancel, pause, resume."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import FileResponse
from sse_starlette import EventSourceResponse
from starlette.concurrency import run_in_threadpool

from api.dependencies import (
    ArtifactName,
    Cursor,
    IfNoneMatch,
    JobId,
    LastEventId,
    Limit,
    ReadSession,
    Responses,
    ServiceParts,
    WriteSession,
)
from api.files import FILE, stored_file
from api.schemas import ArtifactView, Items, JobDetail, JobView, Page
from api.streams import JobEvents
from search_service.jobs import lifecycle as jobs
from search_service.store.states import JobKind, State
from search_service.store.tables import Artifact
from surrogate_zoo.errors import NotFoundError

_EVENTS: Responses = {
    200: {
        "description": "The events, each with its number, kind and JSON body.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
    204: {"description": "The job is finished, and all of its events have been sent."},
}


def add_life_cycle(router: APIRouter, kind: JobKind) -> None:
    """Add to ``router`` what every kind of job has."""
    _add_reading(router, kind)
    _add_control(router, kind)
    _add_events(router, kind)
    _add_artifacts(router, kind)


def _add_reading(router: APIRouter, kind: JobKind) -> None:
    @router.get("", operation_id=f"list_{_snake(kind)}_jobs")
    def list_jobs(
        session: ReadSession,
        state: Annotated[State | None, Query(description="Only jobs in this state.")] = None,
        after: Cursor = None,
        limit: Limit = 50,
    ) -> Page[JobView]:
        """The jobs, the newest first."""
        found, following = jobs.page(session, kind, state=state, after=after, limit=limit)
        return Page(items=[JobView.model_validate(job) for job in found], next=following)

    @router.get("/{job_id}", operation_id=f"read_{_snake(kind)}")
    def read_job(job_id: JobId, session: ReadSession) -> JobDetail:
        """One job: what was asked for, how far it is, what came out."""
        job = jobs.get(session, kind, job_id)
        view = JobView.model_validate(job)
        return JobDetail(**view.model_dump(), progress=jobs.progress(session, job))


def _add_control(router: APIRouter, kind: JobKind) -> None:
    @router.post("/{job_id}/cancel", operation_id=f"cancel_{_snake(kind)}")
    def cancel_job(job_id: JobId, session: WriteSession) -> JobView:
        """Stop the job for good; what it has recorded stays."""
        return JobView.model_validate(jobs.cancel(session, kind, job_id))

    @router.post("/{job_id}/pause", operation_id=f"pause_{_snake(kind)}")
    def pause_job(job_id: JobId, session: WriteSession) -> JobView:
        """Stop the job until it is resumed; it then goes on where it was."""
        return JobView.model_validate(jobs.pause(session, kind, job_id))

    @router.post("/{job_id}/resume", operation_id=f"resume_{_snake(kind)}")
    def resume_job(job_id: JobId, session: WriteSession) -> JobView:
        """Let a paused job go on."""
        return JobView.model_validate(jobs.resume(session, kind, job_id))


def _add_events(router: APIRouter, kind: JobKind) -> None:
    @router.get(
        "/{job_id}/events",
        operation_id=f"watch_{_snake(kind)}",
        response_class=EventSourceResponse,
        responses=_EVENTS,
    )
    async def watch_job(job_id: JobId, parts: ServiceParts, last: LastEventId = 0) -> Response:
        """Follow the job: its events as they happen, until it is finished (server-sent events)."""
        events = JobEvents(parts.reading, kind, job_id, last)
        first = await run_in_threadpool(events.read)
        if not first.events and first.finished:
            return Response(status_code=204)  # tells a browser's EventSource not to come back
        return EventSourceResponse(events.stream(first), ping=5)


def _add_artifacts(router: APIRouter, kind: JobKind) -> None:
    @router.get("/{job_id}/artifacts", operation_id=f"list_{_snake(kind)}_artifacts")
    def list_artifacts(job_id: JobId, session: ReadSession) -> Items[ArtifactView]:
        """The files that the job left behind."""
        jobs.get(session, kind, job_id)
        found = jobs.artifacts(session, job_id)
        return Items(items=[ArtifactView.model_validate(one) for one in found])

    @router.head("/{job_id}/artifacts/{name}", include_in_schema=False)
    @router.get(
        "/{job_id}/artifacts/{name}",
        operation_id=f"download_{_snake(kind)}_artifact",
        response_class=FileResponse,
        responses=FILE,
    )
    def download_artifact(
        job_id: JobId,
        name: ArtifactName,
        session: ReadSession,
        parts: ServiceParts,
        known: IfNoneMatch = None,
    ) -> Response:
        """One file, whole or, with the header Range, in parts."""
        jobs.get(session, kind, job_id)
        artifact = _named(jobs.artifacts(session, job_id), name)
        return stored_file(parts, artifact.sha256, artifact.name, artifact.media_type, known)


def _snake(kind: JobKind) -> str:
    """The kind as part of an operation's id, which clients turn into names of functions."""
    return kind.replace("-", "_")


def _named(found: Sequence[Artifact], name: str) -> Artifact:
    for artifact in found:
        if artifact.name == name:
            return artifact
    names = ", ".join(artifact.name for artifact in found) or "none yet"
    raise NotFoundError(f"The job has no file {name!r}; its files: {names}.")
