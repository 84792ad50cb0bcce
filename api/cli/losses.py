"""``lossfit losses``: look through the zoo, and download a loss."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.table import Table

from api.cli.console import DEFAULT_URL, AsJson, Url, connect, out, plain_errors
from api.client.client import Client

app = typer.Typer(help="The zoo of losses.", no_args_is_help=True)

Format = Literal["json", "python"]

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
        found = list(client.items("/v1/losses", metric=metric))
    if as_json:
        out.print_json(json.dumps(found))
        return
    table = Table("Name", "Version", "Kind", "Metric", "Tags")
    for loss in found:
        table.add_row(
            loss["name"],
            str(loss["version"]),
            loss["kind"],
            loss["metric"] or "",
            ", ".join(loss["tags"]),
        )
    out.print(table)


@app.command()
@plain_errors
def show(name: LossName, version: Version = None, url: Url = DEFAULT_URL) -> None:
    """One loss with its control points, its provenance and what it needs, as JSON."""
    with connect(url) as client:
        out.print_json(json.dumps(client.get(f"/v1/losses/{name}", version=version)))


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
        given, content = fetch(client, name, file_format, version)
    path = output or Path(given)
    path.write_bytes(content)
    out.print(str(path), highlight=False, soft_wrap=True)


def fetch(
    client: Client, name: str, file_format: Format = "json", version: int | None = None
) -> tuple[str, bytes]:
    """A loss as a file: the name that the service gives it, and its bytes."""
    return client.file(f"/v1/losses/{name}/download", format=file_format, version=version)
