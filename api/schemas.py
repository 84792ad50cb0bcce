"""What the API answers with everywhere: views of stored objects, pages of them, and problems.

Needs pydantic alone: the Python client reads the same models, here and in the modules beside this one.
"""

from datetime import datetime
from typing import Final, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from search_service.store.states import WorkerState
from workers.tasks.described import Answer, Described

PROBLEM: Final = "application/problem+json"
"""Media type of every error."""

Place = Literal["body", "query", "path", "header", "cookie"]

Item = TypeVar("Item", bound=BaseModel)


class View(Answer):
    """Base of all views: made from a stored object's attributes."""

    model_config = ConfigDict(from_attributes=True)


class Page(Answer, Generic[Item]):
    """One page of a collection."""

    items: list[Item] = Field(description="Those of this page, in order.")
    next: str | None = Field(description="Pass it as `after` for the next page; null on the last.")


class KindView(View):
    """A kind of job."""

    name: str = Field(description="What a job's `kind` says.")
    path: str = Field(description="Its collection below `/v1`.")
    title: str = Field(description="What people call it.")


class NumberedPage(Answer, Generic[Item]):
    """One page of a collection whose items are numbered."""

    items: list[Item] = Field(description="Those of this page, in order.")
    next: int | None = Field(description="Pass it as `after` for the next page; null on the last.")


class Items(Answer, Generic[Item]):
    """A whole collection."""

    items: list[Item] = Field(description="All of them.")


class WorkerView(View):
    """A worker, and what it does."""

    model_config = ConfigDict(from_attributes=True, extra="allow")

    state: WorkerState = Field(description="What it does, or that it does not answer.")
    host: str | None = Field(None, description="Of one that answers, as the next ones.")
    pid: int | None = Field(None, description="Number of its process there.")
    device: str | None = Field(None, description="What it trains on: `cpu`, `cuda:0`.")
    threads: int | None = Field(None, description="Threads that it computes with.")
    at: datetime = Field(description="When it was seen so.")


class AuditEntryView(View):
    """A request that was to change something, and how it was answered."""

    number: int = Field(description="It counts up; a page goes on below it.")
    at: datetime = Field(description="When it was answered.")
    owner: str = Field(description="Who asked.")
    token: str | None = Field(description="Name of their token; null of the operator's own.")
    client: str = Field(description="Address that it came from.")
    method: str = Field(description="Of the request.")
    path: str = Field(description="Of the request.")
    status: int = Field(description="Of the answer.")


class Health(Answer):
    """Whether the service can take requests."""

    status: Literal["ok"] = Field(description="An answer of another status tells what is wrong.")
    warnings: list[str] = Field(
        default=[],
        description="What does not stop the service and should be looked at, a sentence each.",
    )


class FieldError(Answer):
    """One offending field of a request."""

    place: Place = Field(description="Where in the request the field stands.")
    field: str = Field(description="Dotted path of the field, e.g. `training.iterations`.")
    message: str = Field(description="What is wrong with it.")


class Problem(Described):
    """An error as RFC 9457 describes it; what it has nothing to say of is left out."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:lossfit:problem:not-found",
                    "title": "There is no such thing here",
                    "status": 404,
                    "detail": "There is no loss named 'asl-macc-moon'. Did you mean 'asl-macc-voc'?",
                    "instance": "/v1/losses/asl-macc-moon",
                }
            ]
        }
    )

    type: str = Field(description="A URN that names the kind of problem.")
    title: str = Field(description="The kind of problem, in words.")
    status: int = Field(description="The HTTP status, repeated.")
    detail: str = Field(description="What went wrong this time, and what to do.")
    instance: str = Field(description="The path that was asked for.")
    errors: list[FieldError] = Field(default=[], description="The offending fields, where known.")
    figures: dict[str, float | None] = Field(
        default={}, description="What a job would cost that is refused for it; null is not known."
    )
    limits: dict[str, float | None] = Field(
        default={}, description="What is allowed, by the same names; null is no limit."
    )
