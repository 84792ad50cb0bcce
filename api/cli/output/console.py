"""What every command shares: the consoles, the service's address, and how errors are shown.

Commands import what they need when they run, so that help and completion come at once.
"""

import functools
import json
import os
import sys
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, ParamSpec, TypeVar

import typer
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from surrogate_zoo.errors import LossfitError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from api.client.client import Client

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
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def connect(url: str) -> "Client":
    """A client of the service at ``url`` with the token from LOSSFIT_TOKEN, if any."""
    from api.client.client import Client

    return Client(url, os.environ.get("LOSSFIT_TOKEN") or None)


def say(message: str) -> None:
    """Tell the user something beside the output proper."""
    err.print(message, highlight=False, soft_wrap=True, markup=False)


def tell(name: str, value: str) -> None:
    """Print a fact of an answer under its name, unbroken: commands are there to be copied."""
    out.print(f"{name + ':':<17} {value}", highlight=False, markup=False, soft_wrap=True)


def moment(time: datetime) -> str:
    """A time as tables show it, in UTC."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M}"


def duration(seconds: float) -> str:
    """A time span in its two largest units: ``3 min 20 s``."""
    whole = round(seconds)
    for unit, size, smaller, part in (
        ("d", 86400, "h", 3600),
        ("h", 3600, "min", 60),
        ("min", 60, "s", 1),
    ):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // part} {smaller}"
    return f"{whole} s"


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


def print_json(answer: "BaseModel | Sequence[BaseModel]") -> None:
    """Print what the service answered as JSON."""
    from pydantic import BaseModel

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
