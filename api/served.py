"""The models that routes declare where the client reads a plainer one: a job by its kind, a report.

At run time a request and a result are JSON as it is stored; here their schemas are told too, so that
forms and generated clients know every field.
"""

from functools import cache, reduce
from operator import or_
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Discriminator, Field, create_model

from api.catalogue_schemas import DatasetView
from api.job_schemas import JobDetail, JobView
from api.schemas import Page
from search_service.jobs.kind import Kind
from search_service.kinds import KINDS
from workers.datasets.reports.report import DatasetReport
from workers.tasks.described import DescribedAs


class JobModels(NamedTuple):
    """A kind's job, alone, with how far it has come, and a page of them."""

    view: type[JobView]
    detail: type[JobDetail]
    page: Any


class RegisteredDataset(DatasetView):
    """A registered dataset: where its images are, and what was found there."""

    report: Annotated[dict[str, Any], DescribedAs(DatasetReport)] = Field(
        description="What was found there."
    )


@cache
def models_of(name: str) -> JobModels:
    """The models of a kind's jobs: :class:`JobView` and :class:`JobDetail` with its request and result."""
    kind = KINDS[name]
    stem = kind.request.__name__.removesuffix("Request")
    view: type[JobView] = create_model(
        f"{stem}Job", __base__=JobView, __doc__=f"{kind.title}: a job.", **_fields(kind)
    )
    told = f"{kind.title}: a job, with how far it has come."
    detail: type[JobDetail] = create_model(
        f"{stem}JobDetail", __base__=JobDetail, __doc__=told, **_fields(kind)
    )
    page: Any = Page
    return JobModels(view, detail, page[view])


def _fields(kind: Kind[Any]) -> dict[str, Any]:
    """The fields in which kinds differ."""
    literal: Any = Literal
    request: Any = Annotated[dict[str, Any], DescribedAs(kind.request)]
    result: Any = Annotated[dict[str, Any], DescribedAs(kind.result)]
    inherited = JobView.model_fields
    return {
        "kind": (literal[kind.name], Field(description=inherited["kind"].description)),
        "request": (request, Field(description=inherited["request"].description)),
        "result": (result | None, Field(description=inherited["result"].description)),
    }


AnyJob: Any = Annotated[
    reduce(or_, [models_of(name).detail for name in KINDS]), Discriminator("kind")
]
"""A job of whatever kind, which its field ``kind`` tells."""
