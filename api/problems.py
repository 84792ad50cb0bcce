"""Problem details (RFC 9457): the one shape of every error that this API answers with."""

import errno
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from api.schemas import PROBLEM, FieldError, Problem
from search_service.jobs.limits import CostError
from surrogate_zoo.errors import (
    ConflictError,
    InputError,
    LossfitError,
    NotFoundError,
    StorageError,
    meant,
)

MOST_FIELDS: Final = 100
"""Of a request that one answer lists."""

_QUOTED: Final = re.compile(r"'([^']*)'")


class Kind(NamedTuple):
    """What problems of one status share: the last part of their type and their title."""

    slug: str
    title: str


KINDS: Final[Mapping[int, Kind]] = {
    400: Kind("malformed-request", "The request could not be read"),
    401: Kind("unauthorized", "A valid token is needed"),
    403: Kind("forbidden", "This is not allowed"),
    404: Kind("not-found", "There is no such thing here"),
    405: Kind("method-not-allowed", "This address does not take that method"),
    409: Kind("conflict", "The present state does not allow this"),
    413: Kind("body-too-large", "The request body is too large"),
    415: Kind("unsupported-media-type", "The request body must be JSON"),
    416: Kind("range-not-satisfiable", "The file has no such bytes"),
    422: Kind("invalid-input", "The request is not valid"),
    429: Kind("too-many-requests", "Too many requests"),
    500: Kind("internal-error", "The service failed on this request"),
    503: Kind("unavailable", "The service cannot answer now"),
    507: Kind("storage-full", "There is no room left"),
}


def problem_response(
    status: int,
    detail: str,
    *,
    instance: str,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
    cost: CostError | None = None,
) -> JSONResponse:
    """Build the answer for one problem.

    Args:
        status: HTTP status, one of :data:`KINDS` or any other error status.
        detail: What went wrong this time and what to do about it.
        instance: The path that was asked for.
        errors: The offending fields.
        headers: Further response headers.
        cost: Whose figures and limits are told.
    """
    kind = KINDS.get(status, Kind(f"http-{status}", "The request was refused"))
    problem = Problem(
        type=f"urn:lossfit:problem:{kind.slug}",
        title=kind.title,
        status=status,
        detail=detail,
        instance=instance,
        errors=list(errors),
        figures=cost.figures if cost else {},
        limits=cost.limits if cost else {},
    )
    optional = {"errors", "figures", "limits"}
    content = problem.model_dump(exclude={name for name in optional if not getattr(problem, name)})
    return JSONResponse(content, status, headers=dict(headers or {}), media_type=PROBLEM)


def field_errors(errors: Iterable[Mapping[str, Any]]) -> list[FieldError]:
    """Turn pydantic's errors into fields and messages; the offending values are not repeated."""
    return [_field_error(error) for error in errors]


def _field_error(error: Mapping[str, Any]) -> FieldError:
    place, *path = error["loc"]
    message = error["msg"].removeprefix("Value error, ")
    if close := _meant(error):
        message = f"{message}. {close}"
    return FieldError(place=place, field=".".join(str(part) for part in path), message=message)


def _meant(error: Mapping[str, Any]) -> str:
    """Which word was meant by one that is none of a choice; the word itself is not repeated."""
    context = error.get("ctx") or {}
    match error["type"]:
        case "literal_error" | "enum":
            return meant(error["input"], _QUOTED.findall(context["expected"]))
        case "union_tag_invalid":
            return meant(context["tag"], _QUOTED.findall(context["expected_tags"]))
        case _:
            return ""


def _answer(request: Request, status: int, detail: str, **rest: Any) -> JSONResponse:
    return problem_response(status, detail, instance=request.url.path, **rest)


def status_of(error: LossfitError) -> int:
    """The HTTP status of an error that the service raised on purpose."""
    match error:
        case ConflictError():
            return 409
        case NotFoundError():
            return 404
        case InputError():
            return 422
        case StorageError(__cause__=OSError(errno=errno.ENOSPC | errno.EDQUOT)):
            return 507
        case StorageError():
            return 503
        case _:
            return 500


def _on_service_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, LossfitError)  # noqa: S101  registered for this class alone
    cost = error if isinstance(error, CostError) else None
    return _answer(request, status_of(error), str(error), cost=cost)


def _on_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101  registered for this class alone
    found = error.errors()
    errors = field_errors(found[:MOST_FIELDS])
    first = f"{errors[0].field or errors[0].place}: {errors[0].message}" if errors else ""
    more = f" (and {len(found) - 1} more, see errors)" if len(found) > 1 else ""
    return _answer(request, 422, f"{first}{more}", errors=errors)


def _on_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101  registered for this class alone
    detail = {
        404: f"There is nothing at {request.url.path}; the paths are listed in /openapi.json.",
        405: f"{request.method} is not possible here; the header Allow lists what is.",
    }.get(error.status_code, error.detail)
    return _answer(request, error.status_code, detail, headers=error.headers)


def _on_unstorable(request: Request, _error: Exception) -> JSONResponse:
    return _answer(
        request, 422, "A value is larger than the database can hold; send a smaller one."
    )


def _on_database(request: Request, error: Exception) -> JSONResponse:
    return _answer(
        request,
        503,
        f"The database did not take the request ({type(error).__name__}); try again in a moment.",
        headers={"Retry-After": "2"},
    )


def _on_bug(request: Request, error: Exception) -> JSONResponse:
    return _answer(
        request,
        500,
        f"An unexpected {type(error).__name__} was raised; the service's log has the traceback.",
        # Starlette raises the error again, for the log, and the server then hangs up: without this the
        # client's next request would go into a closed connection.
        headers={"Connection": "close"},
    )


def add_problem_handlers(app: FastAPI) -> None:
    """Make every error of ``app`` a problem document."""
    app.add_exception_handler(LossfitError, _on_service_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(DataError, _on_unstorable)
    app.add_exception_handler(DBAPIError, _on_database)
    app.add_exception_handler(PoolTimeoutError, _on_database)
    app.add_exception_handler(Exception, _on_bug)
