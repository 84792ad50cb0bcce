"""``--set FIELD=VALUE``: any field of a request from the command line."""

import json
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from api.cli import completion
from surrogate_zoo.errors import InputError

Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="FIELD=VALUE",
        help="Any other field of the request, e.g. training.iterations=500; may be repeated. "
        "'lossfit fields' lists them.",
        autocompletion=completion.assignments,
    ),
]


def assigned(body: dict[str, Any], assignments: Iterable[str] | None) -> dict[str, Any]:
    """``body`` with every ``path.to.field=value`` put in; values are JSON, or else plain text.

    Raises:
        InputError: An assignment without ``=``, or a path through something that is no object.
    """
    for assignment in assignments or ():
        path, equals, text = assignment.partition("=")
        if not path or not equals:
            raise InputError(f"--set takes FIELD=VALUE, not {assignment!r}.")
        *parents, field = path.split(".")
        fields = body
        for parent in parents:
            fields = fields.setdefault(parent, {})
            if not isinstance(fields, dict):
                raise InputError(f"--set {path}: {parent} has no fields.")
        fields[field] = _value(text)
    return body


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
