"""``lossfit losses alias``, ``unalias``, ``aliases``: second names of losses, which may be moved."""

from typing import Annotated

import typer

from api.cli import completion
from api.cli.losses import LossName, Version
from api.cli.output.console import (
    DEFAULT_URL,
    AsJson,
    Url,
    connect,
    moment,
    plain_errors,
    print_json,
    print_table,
    say,
)

app = typer.Typer()

Alias = Annotated[
    str,
    typer.Argument(
        metavar="ALIAS",
        help="The alias; no loss has that name.",
        autocompletion=completion.aliases,
    ),
]


@app.command()
@plain_errors
def alias(name: Alias, loss: LossName, version: Version = None, url: Url = DEFAULT_URL) -> None:
    """Let ALIAS stand for LOSS wherever the name of a loss is taken, whichever it stood for before.

    Example: lossfit losses alias production asl-miou-camvid; lossfit retrain production camvid
    """
    with connect(url) as client:
        pointed = client.losses.point(name, loss, version)
    say(f"{pointed.name} stands for {pointed.loss} v{pointed.version}.")


@app.command()
@plain_errors
def unalias(name: Alias, url: Url = DEFAULT_URL) -> None:
    """Remove ALIAS; the loss that it stood for stays."""
    with connect(url) as client:
        client.losses.remove_alias(name)
    say(f"{name} stands for no loss any more.")


@app.command()
@plain_errors
def aliases(as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """All aliases, and what they stand for."""
    with connect(url) as client:
        found = list(client.losses.aliases())
    if as_json:
        print_json(found)
        return
    rows = [(row.name, row.loss, str(row.version), moment(row.moved_at)) for row in found]
    print_table(("Alias", "Loss", "Ver.", "Since"), rows, prose=("Since",), empty="There are none.")
