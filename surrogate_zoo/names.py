"""Registries: one literal collection of named entries, and a clear error for a name it lacks."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

from surrogate_zoo.errors import UnknownNameError


class Named(Protocol):
    """Anything that carries its own name."""

    @property
    def name(self) -> str:
        """The name that users write."""
        ...


Entry = TypeVar("Entry", bound=Named)


class Registry(dict[str, Entry]):
    """Entries by name; an unknown name raises :class:`UnknownNameError` with the known ones."""

    def __init__(self, kind: str, entries: Iterable[Entry]) -> None:
        """Collect ``entries`` of a ``kind`` ("metric", "loss"), which error messages name."""
        super().__init__({entry.name: entry for entry in entries})
        self.kind = kind

    def __missing__(self, name: str) -> Entry:
        raise UnknownNameError(self.kind, name, self)
