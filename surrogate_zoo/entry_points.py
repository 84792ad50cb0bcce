"""What installed packages announce under an entry point group."""

from importlib.metadata import EntryPoint, entry_points


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
