"""A small file as the service sends it: its name and its bytes."""

import os
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Self

import httpx

from surrogate_zoo.errors import StorageError


@dataclass(frozen=True)
class NamedFile:
    """A file that is small enough for the memory.

    Attributes:
        name: What the service calls it.
        content: Its bytes.
    """

    name: str
    content: bytes

    @classmethod
    def of(cls, response: httpx.Response) -> Self:
        """The file that an answer holds; its path's last part is its name unless it says another."""
        header = Message()
        header["Content-Disposition"] = response.headers.get("content-disposition", "")
        name = header.get_filename() or response.url.path
        return cls(Path(name).name, response.content)

    def save(self, target: Path | None = None) -> Path:
        """Write it to ``target``, or under its own name into that folder or the current one.

        Raises:
            StorageError: It cannot be written there.
        """
        path = target or Path()
        path = path / self.name if path.is_dir() else path
        part = path.with_name(f"{path.name}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(self.content)
            return part.replace(path)
        except OSError as error:
            raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> StorageError:
    """What to say where a file cannot be written."""
    reason = error.strerror or (os.strerror(error.errno) if error.errno else type(error).__name__)
    return StorageError(f"{path} cannot be written ({reason}); choose another place.")
