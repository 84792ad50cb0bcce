"""The life of a job, the same for every kind: create, list, read, watch, files, cancel, pause, resume."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Query, Response, status
from fastapi.responses import FileResponse
from sqlalchemy.orm import Session
from sse_starlette import EventSourceResponse
from starlette.concurrency import run_in_threadpool

from api.dependencies import (
    ArtifactName,
    CallerOf,
    Cursor,
    IdempotencyKey,
    IfNoneMatch,
    JobId,
    LastEventId,
    Limit,
    ReadSession,
    Responses,
    Service,
    ServiceParts,
    WriteSession,
)
from api.files import FILE, stored_file
from api.job_schemas import ArtifactView, JobDetail, JobView, WaitingView
from api.schemas import Items, Page
from api.served import models_of
from api.streams import GRACE_S, JobEvents
from search_service import overview
from search_service.access.owners import bounds
from search_service.jobs import lifecycle, queue
from search_service.jobs.estimate import Estimate
from search_service.jobs.fields import JobRequest
from search_service.jobs.kind import Kind
from search_service.kinds import KINDS
from search_service.store.states import State
from search_service.store.tables import Artifact, Job
from surrogate_zoo.errors import NotFoundError

DryRun = Annotated[
    bool, Query(description="Tell what the job would cost, and submit nothing (status 200).")
]

_ESTIMATE: Responses = {200: {"model": Estimate, "description": "What the job would cost."}}

_EVENTS: Responses = {
    200: {
        "description": "The events, each with its number, kind and JSON body.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
    204: {"description": "The job is finished, and all of its events have been sent."},
}


def router_of(kind: Kind[Any]) -> APIRouter:
    """The routes that every kind of job has."""
    router = APIRouter(prefix=f"/{kind.path}", tags=[kind.path.replace("-", " ")])
    _add_creation(router, kind)
    _add_reading(router, kind)
    _add_control(router, kind.name)
    _add_events(router, kind.name)
    _add_artifacts(router, kind.name)
    return router


def _add_creation(router: APIRouter, kind: Kind[Any]) -> None:
    view = models_of(kind.name).view

    def create_job(
        request: JobRequest,
        session: WriteSession,
        parts: ServiceParts,
        asks: CallerOf,
        response: Response,
        *,
        idempotency_key: IdempotencyKey = None,
        dry_run: DryRun = False,
    ) -> JobView | Estimate:
        """Submit a job; it starts when its turn comes."""
        if dry_run:
            response.status_code = status.HTTP_200_OK
            return lifecycle.estimate(session, parts.settings, kind, request)
        job = lifecycle.create(
            *(session, parts.settings, kind, request),
            idempotency_key=idempotency_key,
            owner=asks.owner,
        )
        response.headers["Location"] = f"/v1/{kind.path}/{job.id}"
        return view.model_validate(job)

    create_job.__annotations__["request"] = kind.request  # FastAPI reads the body's model here
    router.post(
        "",
        response_model=view | Estimate,
        status_code=status.HTTP_201_CREATED,
        operation_id=f"create_{_snake(kind.name)}",
        responses=_ESTIMATE,
    )(create_job)


def _add_reading(router: APIRouter, kind: Kind[Any]) -> None:
    name, models = kind.name, models_of(kind.name)

    @router.get(
        "",
        response_model=models.page,
        operation_id=f"list_{_snake(name)}_jobs",
    )
    def list_jobs(
        session: ReadSession,
        parts: ServiceParts,
        state: Annotated[State | None, Query(description="Only jobs in this state.")] = None,
        after: Cursor = None,
        limit: Limit = 50,
    ) -> Page[JobView]:
        """The jobs, the newest first."""
        rows, following = lifecycle.page(session, name, state=state, after=after, limit=limit)
        waits = queue.waits(session, parts.settings, rows)
        items = [models.view.model_validate(job) for job in rows]
        for item in items:
            item.waiting = _view_of(waits.get(item.id))
        return Page(items=items, next=following)

    @router.get("/{job_id}", response_model=models.detail, operation_id=f"read_{_snake(name)}")
    def read_job(job_id: JobId, session: ReadSession, parts: ServiceParts) -> JobDetail:
        """One job: what was asked for, how far it is, what came out."""
        return detail_of(session, parts, lifecycle.get(session, name, job_id))


def detail_of(session: Session, parts: Service, job: Job) -> JobDetail:
    """A job with how far it has come, as the model of its kind."""
    view = JobView.model_validate(job)
    told = overview.summary(session, parts.settings, job)
    view.waiting = _view_of(told.waiting)
    progress = told.progress or KINDS[job.kind].admission().progress(session, job)
    return models_of(job.kind).detail(
        **view.model_dump(), about=told.about, headline=told.headline, progress=dict(progress)
    )


def _add_control(router: APIRouter, kind: str) -> None:
    view = models_of(kind).view

    @router.post("/{job_id}/cancel", response_model=view, operation_id=f"cancel_{_snake(kind)}")
    def cancel_job(job_id: JobId, session: WriteSession) -> JobView:
        """Stop the job for good; what it has recorded stays."""
        return view.model_validate(lifecycle.cancel(session, kind, job_id))

    @router.post("/{job_id}/pause", response_model=view, operation_id=f"pause_{_snake(kind)}")
    def pause_job(job_id: JobId, session: WriteSession) -> JobView:
        """Stop the job until it is resumed; it then goes on where it was."""
        return view.model_validate(lifecycle.pause(session, kind, job_id))

    @router.post("/{job_id}/resume", response_model=view, operation_id=f"resume_{_snake(kind)}")
    def resume_job(job_id: JobId, session: WriteSession) -> JobView:
        """Let a paused job go on."""
        return view.model_validate(lifecycle.resume(session, kind, job_id))


def _add_events(router: APIRouter, kind: str) -> None:
    @router.get(
        "/{job_id}/events",
        operation_id=f"watch_{_snake(kind)}",
        response_class=EventSourceResponse,
        responses=_EVENTS,
    )
    async def watch_job(
        job_id: JobId, parts: ServiceParts, asks: CallerOf, last: LastEventId = 0
    ) -> Response:
        """Follow the job: its events as they happen, until it is finished (server-sent events)."""
        reading = partial(parts.reading, **bounds(asks.sees))
        events = JobEvents(reading, kind, job_id, last)
        first = await run_in_threadpool(events.read)
        if not first.events and first.finished:
            return Response(status_code=204)  # tells a browser's EventSource not to come back
        stopping = anyio.Event()
        return EventSourceResponse(
            events.stream(first, stopping),
            ping=5,
            shutdown_event=stopping,
            shutdown_grace_period=GRACE_S,
        )


def _add_artifacts(router: APIRouter, kind: str) -> None:
    @router.get("/{job_id}/artifacts", operation_id=f"list_{_snake(kind)}_artifacts")
    def list_artifacts(job_id: JobId, session: ReadSession) -> Items[ArtifactView]:
        """The files that the job left behind."""
        lifecycle.get(session, kind, job_id)
        rows = lifecycle.artifacts(session, job_id)
        return Items(items=[ArtifactView.model_validate(row) for row in rows])

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
        etags: IfNoneMatch = None,
    ) -> Response:
        """One file, whole or, with the header Range, in parts."""
        lifecycle.get(session, kind, job_id)
        artifact = _named(lifecycle.artifacts(session, job_id), name)
        return stored_file(parts, artifact.sha256, artifact.name, artifact.media_type, etags)


def _view_of(waiting: queue.Waiting | None) -> WaitingView | None:
    return None if waiting is None else WaitingView.model_validate(waiting)


def _snake(kind: str) -> str:
    """The kind as part of an operation's id, which clients turn into names of functions."""
    return kind.replace("-", "_")


def _named(rows: Sequence[Artifact], name: str) -> Artifact:
    for artifact in rows:
        if artifact.name == name:
            return artifact
    names = ", ".join(artifact.name for artifact in rows) or "none yet"
    raise NotFoundError(f"The job has no file {name!r}; its files: {names}.")
