"""What every command shares: the consoles, the service's address, and how errors are shown."""

import functools
import os
from collections.abc import Callable
from typing import Annotated, ParamSpec, TypeVar

import typer
from rich.console import Console

from search_service.cli.client import Client
from surrogate_zoo.errors import SeglossError

DEFAULT_URL = "http://127.0.0.1:8000"

out = Console()
err = Console(stderr=True)

Url = Annotated[
    str, typer.Option("--url", envvar="SEGLOSS_URL", help="Where the service is.", metavar="URL")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def connect(url: str) -> Client:
    """A client of the service at ``url`` with the token from SEGLOSS_TOKEN, if any."""
    return Client(url, os.environ.get("SEGLOSS_TOKEN") or None)


def plain_errors(command: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Show the errors that segloss raises on purpose as one message, with exit status 1."""

    @functools.wraps(command)
    def guarded(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        try:
            return command(*args, **kwargs)
        except SeglossError as error:
            err.print(f"[red]Error:[/red] {error}", highlight=False, soft_wrap=True, markup=True)
            raise typer.Exit(1) from error

    return guarded
