"""``lossfit datasets``: list, show and register datasets."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.console import (
    DEFAULT_URL,
    AsJson,
    Assignments,
    Url,
    assigned,
    connect,
    out,
    plain_errors,
    print_json,
    print_table,
)
from workers.tasks.datasets import LAYOUT_NAMES

app = typer.Typer(help="Registered datasets.", no_args_is_help=True)

DatasetName = Annotated[str, typer.Argument(metavar="DATASET", help="Name of the dataset.")]


@app.command(name="list")
@plain_errors
def list_datasets(as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """All registered datasets."""
    with connect(url) as client:
        datasets = list(client.datasets.list())
    if as_json:
        print_json(datasets)
        return
    rows = [
        (
            dataset.name,
            dataset.source["layout"],
            str(len(dataset.report["classes"])),
            ", ".join(f"{split} {count}" for split, count in dataset.report["images"].items()),
        )
        for dataset in datasets
    ]
    columns = ("Name", "Layout", "Classes", "Images")
    print_table(columns, rows, prose=("Images",), empty="There are no datasets.")


@app.command()
@plain_errors
def show(name: DatasetName, url: Url = DEFAULT_URL) -> None:
    """One dataset with the report of what was found in it, as JSON."""
    with connect(url) as client:
        print_json(client.datasets.get(name))


@app.command()
@plain_errors
def add(
    name: DatasetName,
    root: Annotated[
        Path | None, typer.Argument(help="Folder on the service's machine; none for shapes.")
    ] = None,
    *,
    layout: Annotated[
        str, typer.Option(help=f"How the files are laid out: {', '.join(LAYOUT_NAMES)}.")
    ] = "folder",
    classes: Annotated[
        str | None,
        typer.Option(
            help="Class names by label, 0 first, separated by commas; for folder and segnet."
        ),
    ] = None,
    assignments: Assignments = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Register a dataset; the service reads it through and tells what is wrong with it.

    Example: lossfit datasets add camvid /data/camvid --layout segnet --classes sky,building,...
    --set 'void_labels=[11]' --set 'size=[120,160]'

    Example: lossfit datasets add voc /data/VOCdevkit/VOC2012 --layout voc --set train=trainaug
    """
    source: dict[str, Any] = {"layout": layout}
    source |= {"root": str(root.absolute())} if root else {}
    source |= {"classes": [name.strip() for name in classes.split(",")]} if classes else {}
    source = assigned(source, assignments)
    with connect(url) as client:
        out.print_json(json.dumps(client.datasets.register(name=name, source=source).report))


@app.command()
@plain_errors
def picture(
    name: DatasetName,
    output: Annotated[
        Path | None,
        typer.Option(help="The file; the current folder and the dataset's name if not."),
    ] = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Download a picture of nine training samples with their labels."""
    with connect(url) as client:
        path = client.datasets.picture(name).save(output)
    out.print(str(path), highlight=False, soft_wrap=True)
