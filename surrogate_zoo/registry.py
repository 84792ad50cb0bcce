"""Registries: one literal collection of named entries, and a clear error for a name it lacks."""

from collections import UserDict
from collections.abc import Callable, Iterable, Iterator
from threading import RLock
from typing import Protocol, TypeVar

from surrogate_zoo.errors import UnknownNameError


class Named(Protocol):
    """Anything that carries its own name."""

    @property
    def name(self) -> str:
        """The name that users write."""
        ...


Entry = TypeVar("Entry", bound=Named)


class Registry(UserDict[str, Entry]):
    """Entries by name; an unknown name raises :class:`UnknownNameError` with the known ones."""

    def __init__(self, kind: str, entries: Iterable[Entry]) -> None:
        """Collect ``entries`` of a ``kind`` ("metric", "loss"), which error messages name."""
        self.kind = kind
        self._more: list[Callable[[Registry[Entry]], None]] = []
        self._lock = RLock()  # re-entrant: who adds entries may read those that are there
        super().__init__({entry.name: entry for entry in entries})

    def complete_by(self, add: "Callable[[Registry[Entry]], None]") -> None:
        """Let ``add`` add its entries when the registry is next read, once."""
        self._more.append(add)

    @property
    def data(self) -> dict[str, Entry]:
        """The entries, complete: whatever reads a UserDict reads this."""
        with self._lock:
            while self._more:
                self._more.pop()(self)
        return self._entries

    @data.setter
    def data(self, entries: dict[str, Entry]) -> None:
        self._entries = entries

    def __missing__(self, name: str) -> Entry:
        raise UnknownNameError(self.kind, name, self)

    def __iter__(self) -> Iterator[str]:
        """Names in the order of registration; a copy, so that others may register meanwhile."""
        return iter(list(self.data))
