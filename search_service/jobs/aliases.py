"""Aliases in requests: a job is of the loss that an alias stood for when it was asked for. No torch."""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy.orm import Session

from search_service.jobs.kind import Request
from surrogate_zoo.errors import InputError
from surrogate_zoo.store import aliases
from surrogate_zoo.sums import renamed, term_names


def resolved(session: Session, request: Request) -> Request:
    """Return a request with the losses and versions that its aliases stand for in their places.

    A version that is asked for of an alias is one of its loss.

    Raises:
        InputError: Two names of it stand for one loss, whose versions could not be told apart.
    """
    # What a field is where nothing is asked for, such as a search's start, the straight line, is no name.
    left = {field: type(request).model_fields[field].default for field in request.named}
    fields = {
        field: value
        for field, default in left.items()
        if (value := getattr(request, field)) != default
    }
    names = dict.fromkeys(name for value in fields.values() for name in _names(value))
    found = aliases.among(session, names)
    if not found:
        return request
    losses = {alias: loss.name for alias, loss in found.items()}
    first: dict[str, str] = {}
    for name in names:
        loss = losses.get(name, name)
        if (other := first.setdefault(loss, name)) != name:
            raise InputError(
                f"{other!r} and {name!r} are one loss, {loss}: a request names a loss once."
            )
    changed = {field: _renamed(value, losses) for field, value in fields.items()}
    versions = {loss.name: loss.version for loss in found.values()}
    return request.model_copy(update=changed).at_versions(versions)


def _names(value: Any) -> Iterator[str]:
    """The names in a field: none, a name or a sum, or several of them."""
    if isinstance(value, str):
        yield from term_names(value)
    else:
        for each in value or ():
            yield from term_names(each)


def _renamed(value: Any, losses: Mapping[str, str]) -> Any:
    """A field's value with other names in the places of some."""
    if isinstance(value, str):
        return renamed(value, losses)
    if isinstance(value, Mapping):
        return {renamed(each, losses): told for each, told in value.items()}
    return value and tuple(renamed(each, losses) for each in value)
