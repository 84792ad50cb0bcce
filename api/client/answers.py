"""What the service answered: a model that is checked, or one message of what is wrong."""

from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from api.client.addresses import shown
from api.client.errors import ServiceError, StrangerError
from api.schemas import PROBLEM, Problem

Answer = TypeVar("Answer", bound=BaseModel)


def media_type(response: httpx.Response) -> str:
    """The media type of an answer, without its parameters."""
    return str(response.headers.get("content-type", "")).partition(";")[0].strip().lower()


def check(response: httpx.Response) -> None:
    """Refuse what is no success; reads the body then.

    Raises:
        ServiceError: With the problem's detail and fields, where it is one.
    """
    if response.is_success:
        return
    response.read()
    raise _problem(response) or stranger(response)


def parsed(response: httpx.Response, model: type[Answer]) -> Answer:
    """The JSON of an answer as a model.

    Raises:
        ServiceError: It is no JSON, or not what the model says.
    """
    try:
        content = from_json(response.content)
    except ValueError as error:
        raise stranger(response) from error
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ServiceError(
            f"{shown(response.url)} answered what this client cannot read ({field}: {first['msg']}); "
            "are client and service of the same version of lossfit?",
            response.status_code,
        ) from error


def stranger(response: httpx.Response) -> StrangerError:
    """What to say of an answer that lossfit does not give: a login page, a proxy's error."""
    status = f"{response.status_code} {response.reason_phrase}".strip()
    if response.has_redirect_location:
        told = f"sends on to {response.headers['location']}, which lossfit does not do"
    elif not response.content:
        told = f"answered {status} with nothing, but lossfit does not"
    else:
        told = f"answered {status} with {media_type(response) or 'bytes'}, but not as lossfit does"
    return StrangerError(
        f"{shown(response.url)} {told}; is that the service's address, and no login page or proxy "
        "before it?",
        response.status_code,
    )


def _problem(response: httpx.Response) -> ServiceError | None:
    """The problem document of a refused request as one message."""
    if media_type(response) != PROBLEM:
        return None
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        return None
    message = problem.detail
    if len(problem.errors) > 1:
        lines = (f"\n  {error.field or error.place}: {error.message}" for error in problem.errors)
        message = f"{problem.title}:{''.join(lines)}"
    return ServiceError(message, response.status_code)
