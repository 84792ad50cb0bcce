"""``/v1/datasets``: registering, what was found in registered ones, and what was trained on their masks."""

import time
from collections.abc import Callable
from functools import partial
from typing import Annotated, Final

import anyio
from fastapi import APIRouter, Query, Response, status
from fastapi.responses import FileResponse
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from api.catalogue_schemas import DatasetView, LossNetworkView
from api.deletions import attempt
from api.dependencies import (
    Administrator,
    AfterNumber,
    CallerOf,
    Cursor,
    DryRun,
    IdempotencyKey,
    IfNoneMatch,
    Limit,
    Name,
    ReadSession,
    Responses,
    ServiceParts,
    Sha256,
    WritersTurn,
)
from api.files import FILE, stored_file
from api.job_schemas import JobView
from api.schemas import NumberedPage, Page
from api.served import RegisteredDataset, models_of
from search_service import retention
from search_service.access.owners import bounds
from search_service.catalogue import datasets
from search_service.deletion import Deletion
from search_service.jobs import lifecycle
from search_service.kinds import KINDS
from search_service.registrations.request import RegistrationRequest
from search_service.store.artifacts import MEDIA_TYPES
from search_service.store.lease import controller_runs
from search_service.store.states import FINAL
from surrogate_zoo.errors import DatasetError

router = APIRouter(prefix="/datasets", tags=["datasets"])

_REGISTRATION = models_of("registration").view
_LOOK_SECONDS: Final = 0.1
_GOES_ON: Responses = {
    202: {"model": _REGISTRATION, "description": "The registration, which goes on (``Location``)."}
}

Wait = Annotated[float, Query(ge=0, le=60, description="Seconds to wait for the files to be read.")]


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    response_model=RegisteredDataset | _REGISTRATION,
    responses=_GOES_ON,
)
async def register_dataset(
    request: RegistrationRequest,
    parts: ServiceParts,
    asks: CallerOf,
    response: Response,
    *,
    wait: Wait = 20,
    idempotency_key: IdempotencyKey = None,
) -> DatasetView | JobView:
    """Register a dataset: the entry, or after ``wait`` seconds the registration, a job that goes on.

    So it does at once while no controller runs: nobody would read the files.
    """

    def submit() -> str:
        with parts.writing(**bounds(asks.sees)) as session, session.begin():
            kind = KINDS["registration"]
            job = lifecycle.create(
                *(session, parts.settings, kind, request),
                idempotency_key=idempotency_key,
                owner=asks.owner,
            )
            return job.id

    async with parts.writers:
        job_id = await run_in_threadpool(submit)
    look = partial(_registered, partial(parts.reading, **bounds(asks.sees)), job_id)
    nobody_reads = not await run_in_threadpool(controller_runs, parts.engine)
    end = time.monotonic() + (0 if nobody_reads else wait)
    while True:
        async with parts.readers:
            answer = await run_in_threadpool(look)
        if isinstance(answer, DatasetView):
            response.headers["Location"] = f"/v1/datasets/{answer.name}"
            return answer
        if time.monotonic() >= end:
            response.status_code = status.HTTP_202_ACCEPTED
            response.headers["Location"] = f"/v1/registrations/{job_id}"
            return answer
        await anyio.sleep(_LOOK_SECONDS)


def _registered(reading: Callable[[], Session], job_id: str) -> DatasetView | JobView:
    """What has come of a registration: the entry, or the job as long as it goes on.

    Raises:
        DatasetError: It has failed, or was cancelled.
    """
    with reading() as session:
        job = lifecycle.get(session, "registration", job_id)
        if job.state not in FINAL:
            return _REGISTRATION.model_validate(job)
        if job.state != "succeeded":
            raise DatasetError(job.error or f"The registration {job_id} was cancelled.")
        return RegisteredDataset.model_validate(datasets.get(session, job.request["name"]))


@router.get("")
def list_datasets(
    session: ReadSession, after: Cursor = None, limit: Limit = 50
) -> Page[RegisteredDataset]:
    """All registered datasets, by name."""
    rows, following = datasets.page(session, after=after, limit=limit)
    return Page(items=[RegisteredDataset.model_validate(row) for row in rows], next=following)


@router.get("/{name}")
def read_dataset(name: Name, session: ReadSession) -> RegisteredDataset:
    """One dataset with its report: classes, sizes, shares of pixels, fingerprint."""
    return RegisteredDataset.model_validate(datasets.get(session, name))


@router.delete("/{name}", operation_id="delete_dataset")
def delete_dataset(
    _asks: Administrator,
    name: Name,
    parts: ServiceParts,
    _turn: WritersTurn,
    *,
    dry_run: DryRun = False,
) -> Deletion:
    """Delete a dataset's entry and its loss networks, if no job names it; its folder stays as it is."""
    attempt(parts, lambda session: retention.delete_dataset(session, name), dry_run=dry_run)
    return Deletion(datasets=[name], dry_run=dry_run)


@router.head("/{name}/picture", include_in_schema=False)
@router.get("/{name}/picture", response_class=FileResponse, responses=FILE)
def download_picture(
    name: Name, session: ReadSession, parts: ServiceParts, etags: IfNoneMatch = None
) -> Response:
    """A picture of nine training samples with their labels, as found on registration."""
    sha256 = datasets.picture(session, name)
    return stored_file(parts, sha256, f"{name}.png", MEDIA_TYPES[".png"], etags)


@router.get("/{name}/loss-networks")
def list_loss_networks(
    name: Name, session: ReadSession, after: AfterNumber = None, limit: Limit = 50
) -> NumberedPage[LossNetworkView]:
    """The loss networks that were trained on the dataset's masks, the newest first."""
    rows, following = datasets.loss_networks(session, name, after=after, limit=limit)
    return NumberedPage(items=[LossNetworkView.model_validate(row) for row in rows], next=following)


@router.head("/{name}/loss-networks/{sha256}", include_in_schema=False)
@router.get("/{name}/loss-networks/{sha256}", response_class=FileResponse, responses=FILE)
def download_loss_network(
    name: Name,
    sha256: Sha256,
    session: ReadSession,
    parts: ServiceParts,
    etags: IfNoneMatch = None,
) -> Response:
    """The weights of a loss network, safetensors, to build the loss with in one's own training."""
    network = datasets.loss_network(session, name, sha256)
    name = f"{network.kind}.safetensors"
    return stored_file(parts, sha256, name, MEDIA_TYPES[".safetensors"], etags)
