"""``/v1/jobs``: the jobs of every kind in one list, each with what it is about and how it stands."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AfterValidator, Field

from api.dependencies import Cursor, Limit, ReadSession, ServiceParts
from api.overview_schemas import JobSummary
from api.schemas import Page
from search_service import overview
from search_service.jobs.fields import TagName
from search_service.kinds import KINDS
from search_service.store.states import State

router = APIRouter(prefix="/jobs", tags=["jobs"])


def _known(name: str) -> str:
    if name not in KINDS:
        raise ValueError(f"must be one of {', '.join(KINDS)}")
    return name


KindName = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": list(KINDS)})]
Kinds = Annotated[
    list[KindName] | None,
    Query(max_length=16, description=f"Only these kinds: {', '.join(KINDS)}. May be repeated."),
]
States = Annotated[
    list[State] | None, Query(max_length=16, description="Only in these states. May be repeated.")
]
Text = Annotated[
    str,
    Query(
        max_length=200,
        description="What the id begins with, or what dataset, metrics, losses, name, note or tags "
        "contain.",
    ),
]
Tags = Annotated[
    list[TagName] | None,
    Query(max_length=16, description="Only jobs with this tag; of several, with all of them."),
]


@router.get("", operation_id="list_jobs")
def list_jobs(
    session: ReadSession,
    parts: ServiceParts,
    *,
    kind: Kinds = None,
    state: States = None,
    tag: Tags = None,
    text: Text = "",
    after: Cursor = None,
    limit: Limit = 50,
) -> Page[JobSummary]:
    """The jobs of every kind, the newest first."""
    found, following = overview.page(
        *(session, parts.settings),
        kinds=kind or (),
        states=state or (),
        tags=tag or (),
        text=text,
        after=after,
        limit=limit,
    )
    return Page(items=[_view(summary) for summary in found], next=following)


def _view(summary: overview.Summary) -> JobSummary:
    facts = {name: value for name, value in vars(summary).items() if name != "job"}
    columns = JobSummary.model_fields.keys() - facts.keys()
    return JobSummary(**facts, **{name: getattr(summary.job, name) for name in columns})
