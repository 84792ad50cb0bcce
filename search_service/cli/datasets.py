"""``segloss datasets``: list, show and register datasets."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from search_service.cli.console import (
    DEFAULT_URL,
    AsJson,
    Assignments,
    Url,
    assigned,
    connect,
    out,
    plain_errors,
)

app = typer.Typer(help="Registered datasets.", no_args_is_help=True)

DatasetName = Annotated[str, typer.Argument(metavar="DATASET", help="Name of the dataset.")]


@app.command(name="list")
@plain_errors
def list_datasets(as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """All registered datasets."""
    with connect(url) as client:
        found = list(client.items("/v1/datasets"))
    if as_json:
        out.print_json(json.dumps(found))
        return
    table = Table("Name", "Layout", "Classes", "Images")
    for dataset in found:
        images = dataset["report"]["images"]
        table.add_row(
            dataset["name"],
            dataset["source"]["layout"],
            str(len(dataset["report"]["classes"])),
            ", ".join(f"{split} {count}" for split, count in images.items()),
        )
    out.print(table)


@app.command()
@plain_errors
def show(name: DatasetName, url: Url = DEFAULT_URL) -> None:
    """One dataset with the report of what was found in it, as JSON."""
    with connect(url) as client:
        out.print_json(json.dumps(client.get(f"/v1/datasets/{name}")))


@app.command()
@plain_errors
def add(
    name: DatasetName,
    root: Annotated[
        Path | None, typer.Argument(help="Folder on the service's machine; none for shapes.")
    ] = None,
    *,
    layout: Annotated[
        Literal["folder", "segnet", "shapes"], typer.Option(help="How the files are laid out.")
    ] = "folder",
    classes: Annotated[
        str | None, typer.Option(help="Class names by label, 0 first, separated by commas.")
    ] = None,
    assignments: Assignments = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Register a dataset; the service reads it through and tells what is wrong with it.

    Example: segloss datasets add camvid /data/camvid --layout segnet --classes sky,building,...
    --set 'void_labels=[11]' --set 'size=[120,160]'
    """
    source: dict[str, Any] = {"layout": layout}
    source |= {"root": str(root.absolute())} if root else {}
    source |= {"classes": [one.strip() for one in classes.split(",")]} if classes else {}
    with connect(url) as client:
        body = {"name": name, "source": assigned(source, assignments)}
        out.print_json(json.dumps(client.post("/v1/datasets", body)["report"]))
