"""``lossfit clean``: deletes what is old and what nothing needs, on the service's machine."""

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from api.cli.output.console import out, plain_errors, say
from api.cli.serving.tokens import Home
from surrogate_zoo.errors import InputError

if TYPE_CHECKING:
    from search_service.deletion import Deletion

_AGE: Final = re.compile(r"(\d{1,5})([dhw])")
_UNITS: Final = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


@plain_errors
def clean(
    older_than: Annotated[
        str, typer.Option(help="Age of what goes: hours, days or weeks, such as 12h, 30d, 8w.")
    ],
    *,
    unused: Annotated[
        bool, typer.Option("--unused", help="Also datasets and losses that nothing names.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would go, and delete nothing.")
    ] = False,
    home: Home = None,
) -> None:
    """Delete jobs that have been over for so long, and files that nothing names; the service may run.

    What something else needs stays, and is told with what needs it.

    Example: lossfit clean --older-than 30d --dry-run
    """
    _print(_clean(home, _age(older_than), unused=unused, dry_run=dry_run))


def _clean(home: Path | None, age: timedelta, *, unused: bool, dry_run: bool) -> "Deletion":
    from api.cli.serving import operator
    from search_service import retention

    settings = operator.settings_of({"HOME": home and home.absolute()})
    operator.migrate(settings)
    return retention.clean_service(settings, age, unused=unused, dry_run=dry_run)


def _age(text: str) -> timedelta:
    if (found := _AGE.fullmatch(text)) is None:
        raise InputError(f"{text!r} is no age: take hours, days or weeks, such as 12h, 30d or 8w.")
    return int(found[1]) * _UNITS[found[2]]


def _print(told: "Deletion") -> None:
    for kind, names in (("job", told.jobs), ("dataset", told.datasets), ("loss", told.losses)):
        for name in names:
            out.print(f"{kind} {name}", highlight=False, markup=False, soft_wrap=True)
    for kept in told.kept:
        say(f"Kept {kept.what}: {kept.reason}.")
    would = "would be" if told.dry_run else "are"
    say(
        f"Jobs: {len(told.jobs)}, datasets: {len(told.datasets)}, losses: {len(told.losses)}, "
        f"files: {told.files} ({told.bytes / 1e6:,.1f} MB) {would} deleted."
    )
