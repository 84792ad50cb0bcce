"""``lossfit backup`` and ``lossfit restore``: the whole service of this machine in one file."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli.output.console import plain_errors, say
from api.cli.serving.tokens import Home


@plain_errors
def backup(
    file: Annotated[Path, typer.Argument(help="The file to write, a tar.", dir_okay=False)],
    home: Home = None,
) -> None:
    """Write jobs, losses, datasets' entries, tokens and all files of the service, which may be at work."""
    from api.cli.serving import operator
    from search_service.backup import save

    files = save(operator.settings_of({"HOME": home and home.absolute()}), file)
    say(f"{file} holds all rows and {files} files.")


@plain_errors
def restore(
    file: Annotated[Path, typer.Argument(help="What `lossfit backup` wrote.", dir_okay=False)],
    home: Home = None,
) -> None:
    """Fill a new service with a backup; what ran then goes on once `lossfit serve` is started."""
    from api.cli.serving import operator
    from search_service.backup import load

    settings = operator.settings_of({"HOME": home and home.absolute()})
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = load(settings, file)
    say(f"All rows and {files} files are back in {settings.home}.")
