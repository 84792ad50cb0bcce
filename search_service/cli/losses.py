"""``segloss losses``: look through the zoo, and download a loss."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.table import Table

from search_service.cli.client import Client
from search_service.cli.console import DEFAULT_URL, AsJson, Url, connect, out, plain_errors

app = typer.Typer(help="The zoo of losses.", no_args_is_help=True)

Format = Literal["json", "python"]
_SUFFIX: dict[Format, str] = {"json": ".json", "python": ".py"}

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
    """One loss with its control points and provenance, as JSON."""
    with connect(url) as client:
        out.print_json(json.dumps(client.get(f"/v1/losses/{name}", version=version)))


@app.command()
@plain_errors
def download(
    name: LossName,
    output: Annotated[Path | None, typer.Option(help="The file; named by the loss.")] = None,
    file_format: Annotated[
        Format, typer.Option("--format", help="A loss file, or Python that needs torch alone.")
    ] = "json",
    version: Version = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Download a loss for one's own training."""
    with connect(url) as client:
        path = save(client, name, output or Path(name), file_format, version)
    out.print(str(path), highlight=False, soft_wrap=True)


def save(
    client: Client, name: str, path: Path, file_format: Format = "json", version: int | None = None
) -> Path:
    """Write a loss to ``path``, which gets the format's suffix if it has none of its own."""
    if not path.suffix or path.name == name:
        path = path.with_name(path.name + _SUFFIX[file_format])
    text = client.text(f"/v1/losses/{name}/download", format=file_format, version=version)
    path.write_text(text, encoding="utf-8")
    return path
