"""``/v1/datasets``: register a dataset, and read what was found in it."""

from fastapi import APIRouter, status

from api.dependencies import Cursor, Limit, Name, ReadSession, ServiceParts, WriteSession
from api.schemas import DatasetView, Page
from search_service import datasets
from search_service.requests import DatasetRequest

router = APIRouter(prefix="/datasets", tags=["datasets"])


@router.post("", status_code=status.HTTP_201_CREATED)
def register_dataset(
    request: DatasetRequest, session: WriteSession, parts: ServiceParts
) -> DatasetView:
    """Register a dataset: read it through, and refuse it with a reason where it is wrong."""
    return DatasetView.model_validate(datasets.register(session, parts.settings, request))


@router.get("")
def list_datasets(
    session: ReadSession, after: Cursor = None, limit: Limit = 50
) -> Page[DatasetView]:
    """All registered datasets, by name."""
    found, following = datasets.page(session, after=after, limit=limit)
    return Page(items=[DatasetView.model_validate(one) for one in found], next=following)


@router.get("/{name}")
def read_dataset(name: Name, session: ReadSession) -> DatasetView:
    """One dataset with its report: classes, sizes, shares of pixels, fingerprint."""
    return DatasetView.model_validate(datasets.get(session, name))
