"""``lossfit quickstart``: the whole path on a generated dataset, unattended, on two CPU cores."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli.output.console import plain_errors


@plain_errors
def quickstart(
    folder: Annotated[
        Path, typer.Option(help="Where everything goes; a second run finds the first one's work.")
    ] = Path("quickstart"),
) -> None:
    """Search a loss for the boundary F1 score on generated images, and train with it beside two others.

    It runs against a service of its own through REST, as any client would.
    """
    from api.cli.whole_path import walk

    walk(folder.absolute())
