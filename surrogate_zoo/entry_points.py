"""What installed packages announce under an entry point group."""

import traceback
from importlib.metadata import EntryPoint, entry_points
from typing import Final

GROUPS: Final = ("lossfit.metrics", "lossfit.networks")
"""Groups under which users bring code of their own."""


def installed(group: str) -> list[EntryPoint]:
    """Entry points of a group by package and name, each once.

    Python finds each twice in a process that has loaded the package importlib-metadata, as some
    libraries do: it looks for packages as well.
    """
    points = {
        (package_of(point), point.name, point.value): point for point in entry_points(group=group)
    }
    return [points[key] for key in sorted(points)]


def package_of(point: EntryPoint) -> str:
    """Name of the package that announces an entry point."""
    return point.dist.name if point.dist else point.module


def brought_by(error: BaseException) -> str | None:
    """The installed package of a user whose code an error came out of; None where there is none."""
    modules = {
        str(frame.f_globals.get("__name__", "")).partition(".")[0]
        for frame, _ in traceback.walk_tb(error.__traceback__)
    }
    for group in GROUPS:
        for point in installed(group):
            if point.module.partition(".")[0] in modules:
                return package_of(point)
    return None
