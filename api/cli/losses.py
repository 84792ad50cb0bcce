"""``lossfit losses``: look through the zoo, and download a loss."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli.answer_tables import tell_race
from api.cli.console import (
    DEFAULT_URL,
    AsJson,
    Url,
    connect,
    out,
    plain_errors,
    print_json,
    print_table,
)
from api.client.catalogues import Format

app = typer.Typer(help="The zoo of losses.", no_args_is_help=True)

LossName = Annotated[str, typer.Argument(metavar="LOSS", help="Name of the loss.")]
Version = Annotated[int | None, typer.Option(help="A version; the newest by default.", min=1)]


@app.command(name="list")
@plain_errors
def list_losses(
    metric: Annotated[str | None, typer.Option(help="Only losses of this metric.")] = None,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """All losses, by name."""
    with connect(url) as client:
        losses = list(client.losses.list(metric=metric))
    if as_json:
        print_json(losses)
        return
    rows = [
        (loss.name, str(loss.version), loss.kind, loss.metric or "", ", ".join(loss.tags))
        for loss in losses
    ]
    columns = ("Name", "Ver.", "Kind", "Metric", "Tags")
    print_table(columns, rows, prose=("Tags",), empty="There are no such losses.")


@app.command()
@plain_errors
def show(name: LossName, version: Version = None, url: Url = DEFAULT_URL) -> None:
    """One loss with its control points, its provenance and what it needs, as JSON.

    What the race of its search said of it is told beside that.
    """
    with connect(url) as client:
        loss = client.losses.get(name, version)
    print_json(loss)
    tell_race(loss.document["provenance"], loss.name)


@app.command()
@plain_errors
def download(
    name: LossName,
    output: Annotated[
        Path | None, typer.Option(help="The file; the current folder and the loss's name if not.")
    ] = None,
    file_format: Annotated[
        Format, typer.Option("--format", help="A loss file, or Python that needs torch alone.")
    ] = "json",
    version: Version = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Download a loss for one's own training."""
    with connect(url) as client:
        path = client.losses.download(name, output, file_format=file_format, version=version)
    out.print(str(path), highlight=False, soft_wrap=True)
