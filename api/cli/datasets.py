"""``lossfit datasets``: list, show, check and register datasets."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli import completion
from api.cli.assignments import Assignments, assigned
from api.cli.output.console import (
    DEFAULT_URL,
    AsJson,
    Url,
    connect,
    out,
    plain_errors,
    print_json,
    print_table,
    say,
)
from surrogate_zoo.errors import InputError

if TYPE_CHECKING:
    from api.catalogue_schemas import DatasetView
    from api.client.client import Client

app = typer.Typer(help="Registered datasets.", no_args_is_help=True)

DatasetName = Annotated[
    str,
    typer.Argument(
        metavar="DATASET", help="Name of the dataset.", autocompletion=completion.datasets
    ),
]
Layout = Annotated[
    str,
    typer.Option(
        help="How the files are laid out; 'lossfit fields dataset layout' lists all.",
        autocompletion=completion.layouts,
    ),
]
Classes = Annotated[
    str | None,
    typer.Option(
        help="Class names by label, 0 first, separated by commas; for folder and segnet. "
        "With mode=multilabel none of them is background."
    ),
]


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
            _classes(dataset),
            ", ".join(f"{split} {count}" for split, count in dataset.report["images"].items()),
        )
        for dataset in datasets
    ]
    columns = ("Name", "Layout", "Classes", "Images")
    print_table(columns, rows, prose=("Images",), empty="There are no datasets.")


def _classes(dataset: "DatasetView") -> str:
    """How many classes there are, and how networks tell them apart where that is not by softmax."""
    told = {
        "binary": "2 by one channel",
        "multilabel": f"{len(dataset.report['classes'])} that overlap",
    }
    return told.get(dataset.report.get("mode", ""), str(len(dataset.report["classes"])))


@app.command()
@plain_errors
def show(name: DatasetName, as_json: AsJson = False, url: Url = DEFAULT_URL) -> None:
    """What was found in one dataset: images, classes, remarks; with --json all of its report."""
    from api.cli.output.dataset_tables import print_report

    with connect(url) as client:
        dataset = client.datasets.get(name)
    if as_json:
        print_json(dataset)
    else:
        print_report(name, dataset.report)


@app.command()
@plain_errors
def add(
    name: DatasetName,
    root: Annotated[
        Path | None, typer.Argument(help="Folder on the service's machine; none for shapes.")
    ] = None,
    *,
    layout: Layout = "folder",
    classes: Classes = None,
    assignments: Assignments = None,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Register a dataset: a job in which the service reads it through, and tells all that is wrong with it.

    Example: lossfit datasets add camvid /data/camvid --layout segnet --classes sky,building,...
    --set 'void_labels=[11]' --set 'size=[120,160]'

    Example: lossfit datasets add voc /data/VOCdevkit/VOC2012 --layout voc --set train=trainaug
    """
    from api.cli.output.dataset_tables import print_report
    from api.cli.output.watching import follow
    from api.client.errors import JobError

    source = _source(root, layout, classes, assignments)
    with connect(url) as client:
        job = client.registrations.submit(name=name, source=source)
        try:
            follow(client.registrations, job.id, f"register {name}")
        except JobError:
            _tell_faults(client, job.id)
            raise
        dataset = client.datasets.get(name)
    if as_json:
        print_json(dataset)
    else:
        print_report(name, dataset.report)


def _tell_faults(client: "Client", job_id: str) -> None:
    from api.event_schemas import ErrorEvent

    events = [
        event for event in client.registrations.events(job_id) if isinstance(event, ErrorEvent)
    ]
    for number, fault in enumerate(events[-1].faults if events else [], 1):
        say(f"{number}. {fault}")


@app.command()
@plain_errors
def check(
    root: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder on this machine.")],
    *,
    layout: Layout = "folder",
    classes: Classes = None,
    assignments: Assignments = None,
    as_json: AsJson = False,
) -> None:
    """Read a dataset through without a service, and tell all that is wrong with it at once.

    Layout and fields are those of registering. Prints what the dataset holds, or every fault, and then
    ends with 1. Links may lead anywhere here; the service follows those to folders it allows.

    Example: lossfit datasets check /data/mine --classes background,leaf,stem
    """
    from api.cli.output.dataset_tables import print_report

    try:
        from workers.datasets.checking import check_source
    except ImportError as error:
        raise InputError(
            f"Datasets are checked with {error.name}: pip install 'lossfit[networks]'."
        ) from error
    report, faults = check_source(_source(root, layout, classes, assignments))
    for number, fault in enumerate(faults, 1):
        say(f"{number}. {fault}")
    if report is None:
        say(f"{len(faults)} fault{'s' if len(faults) > 1 else ''} in {root}.")
        raise typer.Exit(1)
    if as_json:
        out.print_json(report)
    else:
        print_report(None, json.loads(report))


def _source(
    root: Path | None, layout: str, classes: str | None, assignments: list[str] | None
) -> dict[str, Any]:
    """A dataset's source as a request has it."""
    source: dict[str, Any] = {"layout": layout}
    source |= {"root": str(root.absolute())} if root else {}
    source |= {"classes": [name.strip() for name in classes.split(",")]} if classes else {}
    return assigned(source, assignments)


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
