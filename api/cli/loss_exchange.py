"""``lossfit losses export``, ``import``, ``push``, ``pull``: losses from one place to another."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli.losses import LossName, Tags, Version, print_versions
from api.cli.output.console import DEFAULT_URL, Url, connect, out, plain_errors

app = typer.Typer()

Hub = Annotated[
    str,
    typer.Argument(
        metavar="PLACE", help="A folder, or hf://user/name[@revision] (needs lossfit[hub])."
    ),
]


@app.command(name="export")
@plain_errors
def export_losses(
    target: Annotated[Path, typer.Argument(help="A folder, or a file whose name ends in .zip.")],
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[LOSS]...", help="Which losses; all but the built-in ones if none."
        ),
    ] = None,
    *,
    url: Url = DEFAULT_URL,
) -> None:
    """Write losses with all versions, tags and cards to a folder or a ZIP file.

    Example: lossfit losses export zoo.zip; lossfit losses import zoo.zip --url https://elsewhere
    """
    with connect(url) as client:
        print_versions(client.losses.export(target, names or ()))


@app.command(name="import")
@plain_errors
def import_losses(
    source: Annotated[Path, typer.Argument(help="What `losses export` wrote.")],
    *,
    url: Url = DEFAULT_URL,
) -> None:
    """Add the losses of a folder or a ZIP file, tags too; those that are there already stay."""
    with connect(url) as client:
        print_versions(client.losses.import_from(source))


@app.command()
@plain_errors
def push(
    name: LossName,
    place: Hub,
    *,
    version: Version = None,
    private: Annotated[
        bool, typer.Option("--private", help="A repository that is made is for you alone.")
    ] = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Write a loss and its card to a folder or to a repository of the Hugging Face hub."""
    from surrogate_zoo.losses.sharing import push_loss

    with connect(url) as client:
        document = client.losses.get(name, version).document
    out.print(push_loss(document, place, private=private), highlight=False, soft_wrap=True)


@app.command()
@plain_errors
def pull(place: Hub, *, tags: Tags = None, url: Url = DEFAULT_URL) -> None:
    """Add the loss of a folder or of a repository of the Hugging Face hub to the zoo."""
    from surrogate_zoo.losses.sharing import pull_loss

    document = pull_loss(place)
    with connect(url) as client:
        print_versions([client.losses.add(document, tags=tags or ())])
