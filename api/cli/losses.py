"""``lossfit losses``: look through the zoo, download a loss, add one of your own."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from api.catalogue_schemas import LossView
from api.cli.answer_tables import tell_race
from api.cli.console import (
    DEFAULT_URL,
    AsJson,
    Url,
    assigned,
    connect,
    out,
    plain_errors,
    print_json,
    print_table,
    say,
)
from api.client.losses import Format

app = typer.Typer(help="The zoo of losses.", no_args_is_help=True)

Tags = Annotated[
    list[str] | None, typer.Option("--tag", help="A tag that is to point at it; may be repeated.")
]
Parameters = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PARAMETER=VALUE",
        help="A parameter that differs from the entry's; may be repeated. `losses show` tells all.",
    ),
]

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

    What its parameters may be, and what the race of its search said of it, is told beside that.
    """
    with connect(url) as client:
        loss = client.losses.get(name, version)
    print_json(loss)
    for row in loss.parameters:
        say(f"{row.name}: {row.range}; {json.dumps(row.value)} here. {row.meaning}")
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


@app.command()
@plain_errors
def add(
    file: Annotated[Path, typer.Argument(help="A loss file, as `losses download` writes it.")],
    *,
    tags: Tags = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Add a loss file to the zoo, as the next version of its name; the same again adds nothing."""
    with connect(url) as client:
        print_versions([client.losses.add(file, tags=tags or ())])


@app.command()
@plain_errors
def make(
    loss: Annotated[str, typer.Argument(metavar="LOSS", help="The handmade loss to make it of.")],
    *,
    name: Annotated[str, typer.Option(help="Its name in the zoo.")],
    parameters: Parameters = None,
    title: Annotated[str, typer.Option(help="A line for people.")] = "",
    scale: Annotated[
        float | None, typer.Option(help="What it is multiplied by; the entry's scale if not given.")
    ] = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Add a handmade loss with parameters of your own to the zoo.

    Example: lossfit losses make semeda --set lambdas=[1,0.5,0.25] --name semeda-all
    """
    asked = assigned({}, parameters)
    with connect(url) as client:
        print_versions([client.losses.make(name, loss, asked, title=title, scale=scale)])


def print_versions(losses: Sequence[LossView]) -> None:
    """Print versions of losses with what tells them apart."""
    rows = [
        (loss.name, str(loss.version), loss.kind, ", ".join(loss.tags), loss.sha256)
        for loss in losses
    ]
    columns = ("Name", "Ver.", "Kind", "Tags", "SHA-256")
    print_table(columns, rows, prose=("Tags", "SHA-256"), empty="There are no such losses.")
