"""``lossfit losses``: look through the zoo, download a loss, add one of your own."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import completion
from api.cli.annotations import NewNote, NewTags, NoTags, told
from api.cli.assignments import assigned
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
from api.client.formats import Format

if TYPE_CHECKING:
    from api.catalogue_schemas import LossDetail, LossView

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

LossName = Annotated[
    str,
    typer.Argument(
        metavar="LOSS", help="Name or alias of the loss.", autocompletion=completion.losses
    ),
]
Version = Annotated[
    int | None,
    typer.Option(
        help="A version; the newest by default, of an alias the one it stands for.", min=1
    ),
]


@app.command(name="list")
@plain_errors
def list_losses(
    metric: Annotated[str | None, typer.Option(help="Only losses of this metric.")] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(help="Only versions with this tag; repeated, with all of them."),
    ] = None,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """All losses, by name."""
    with connect(url) as client:
        losses = list(client.losses.list(metric=metric, tags=tag))
    if as_json:
        print_json(losses)
        return
    columns: dict[str, list[str]] = {
        "Name": [loss.name for loss in losses],
        "Ver.": [str(loss.version) for loss in losses],
        "Kind": [loss.kind for loss in losses],
        "Metric": [loss.metric or "" for loss in losses],
        "Tags": [", ".join(loss.tags) for loss in losses],
        "Aliases": [", ".join(loss.aliases) for loss in losses],
    }
    if not any(columns["Aliases"]):
        del columns["Aliases"]
    rows = list(zip(*columns.values(), strict=True))
    prose = ("Tags", "Aliases")
    print_table(list(columns), rows, prose=prose, empty="There are no such losses.")


@app.command()
@plain_errors
def show(
    name: LossName, version: Version = None, as_json: AsJson = False, url: Url = DEFAULT_URL
) -> None:
    """One loss: what it is, what it needs, its parameters, what the race of its search said of it.

    With --json all of it, its control points and provenance too.
    """
    from api.cli.output.answer_tables import tell_race

    with connect(url) as client:
        loss = client.losses.get(name, version)
    if as_json:
        print_json(loss)
        return
    _print_loss(loss)
    tell_race(loss.document["provenance"], loss.name)


def _print_loss(loss: "LossDetail") -> None:
    needs = [*loss.needs.inputs, *loss.needs.facts]
    rows = [
        ("Loss", f"{loss.name} v{loss.version} (versions: {', '.join(map(str, loss.versions))})"),
        ("Kind", loss.kind),
        ("Metric", loss.metric or ""),
        ("Title", str(loss.document.get("title") or "")),
        ("Tags", ", ".join(loss.tags)),
        ("Aliases", ", ".join(loss.aliases)),
        ("Note", loss.note),
        ("Needs", ", ".join(needs) or "logits and target alone"),
        ("SHA-256", loss.sha256),
        ("Download", f"lossfit losses download {loss.name}"),
    ]
    for name, value in rows:
        if value:
            out.print(f"{name + ':':<10} {value}", highlight=False, markup=False, soft_wrap=True)
    if loss.parameters:
        columns = ("Parameter", "Here", "May be", "What it is")
        told = [(p.name, json.dumps(p.value), p.range, p.meaning) for p in loss.parameters]
        out.print()
        print_table(columns, told, prose=columns[1:], empty="")


@app.command()
@plain_errors
def annotate(
    name: LossName,
    *,
    tag: NewTags = None,
    note: NewNote = None,
    no_tags: NoTags = False,
    version: Version = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Write tags and a note to a loss, to find it again."""
    with connect(url) as client:
        tags = [] if no_tags else tag
        loss = client.losses.annotate(name, version, note=note, tags=tags)
    say(f"The loss {loss.name} v{loss.version} has {told(loss.tags, loss.note)}.")


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


def print_versions(losses: "Sequence[LossView]") -> None:
    """Print versions of losses with what tells them apart."""
    rows = [
        (loss.name, str(loss.version), loss.kind, ", ".join(loss.tags), loss.sha256)
        for loss in losses
    ]
    columns = ("Name", "Ver.", "Kind", "Tags", "SHA-256")
    print_table(columns, rows, prose=("Tags", "SHA-256"), empty="There are no such losses.")
