"""What every command shares: the consoles, the service's address, and how errors are shown."""

import functools
import json
import os
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, ParamSpec, TypeVar

import typer
from pydantic import BaseModel
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.client.client import Client
from surrogate_zoo.errors import InputError, LossfitError

DEFAULT_URL = "http://127.0.0.1:8000"

_PIPE_COLUMNS = 240
_PROSE_COLUMNS = 8  # the least that a column of prose is worth

# A table that is piped into another program is not cut off at the width of a terminal.
out = Console(width=None if sys.stdout.isatty() else _PIPE_COLUMNS)
err = Console(stderr=True)

Url = Annotated[
    str, typer.Option("--url", envvar="LOSSFIT_URL", help="Where the service is.", metavar="URL")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="FIELD=VALUE",
        help="Any other field of the request, e.g. training.iterations=500; may be repeated.",
    ),
]

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def connect(url: str) -> Client:
    """A client of the service at ``url`` with the token from LOSSFIT_TOKEN, if any."""
    return Client(url, os.environ.get("LOSSFIT_TOKEN") or None)


def say(message: str) -> None:
    """Tell the user something beside the output proper."""
    err.print(message, highlight=False, soft_wrap=True, markup=False)


def moment(time: datetime) -> str:
    """A time as tables show it, in UTC."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M}"


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    prose: Collection[str] = (),
    empty: str,
) -> None:
    """Print rows under their columns, and no character less: names and ids are there to be copied.

    Args:
        columns: Headings; a column without any content is left out.
        rows: Cells.
        prose: Headings of columns that are broken into lines before any other is.
        empty: What to say where there are no rows.
    """
    if not rows:
        say(empty)
        return
    filled = [index for index in range(len(columns)) if any(row[index] for row in rows)]
    widths = {
        index: max(cell_len(columns[index]), *(cell_len(row[index]) for row in rows))
        for index in filled
    }
    room = [_PROSE_COLUMNS if columns[i] in prose else width for i, width in widths.items()]
    is_roomy = sum(room) + 2 * len(room) <= out.width  # what does not wrap is cut otherwise
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for index in filled:
        no_wrap = is_roomy and columns[index] not in prose
        table.add_column(columns[index], no_wrap=no_wrap, overflow="fold")
    for row in rows:
        table.add_row(*(escape(row[index]) for index in filled))
    out.print(table)


def print_json(answer: BaseModel | Sequence[BaseModel]) -> None:
    """Print what the service answered as JSON."""
    content = (
        answer.model_dump(mode="json")
        if isinstance(answer, BaseModel)
        else [item.model_dump(mode="json") for item in answer]
    )
    out.print_json(json.dumps(content))


def plain_errors(command: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Show the errors that lossfit raises on purpose as one message, with exit status 1."""

    @functools.wraps(command)
    def guarded(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        try:
            return command(*args, **kwargs)
        except LossfitError as error:
            say(f"Error: {error}")
            raise typer.Exit(1) from error

    return guarded


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
