"""Losses on the way from one zoo to another: a folder or a ZIP file of loss files with their cards.

::

    zoo.json                              which losses, oldest first, their tags and notes
    semeda-all/8c1f.../loss.json          a loss file
    semeda-all/8c1f.../README.md          its card

A folder with a ``loss.json`` alone is one loss. Nothing in it is executed, and no path leads out of it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final, Protocol
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from surrogate_zoo.errors import LossFileError, StorageError
from surrogate_zoo.files import DAMAGED_ZIP
from surrogate_zoo.losses.card import CARD, FILE, card
from surrogate_zoo.losses.document import MAX_BYTES, Document, dump_loss_file, parse_loss_file
from surrogate_zoo.losses.registry import checked

MANIFEST: Final = "zoo.json"
SCHEMA: Final = "lossfit/zoo/v1"


@dataclass(frozen=True)
class Packed:
    """One version of a loss on its way.

    Attributes:
        document: The loss file's content.
        tags: The tags that point at it.
        note: What people wrote to it.
    """

    document: Document
    tags: tuple[str, ...] = ()
    note: str = ""

    @property
    def folder(self) -> str:
        """Where its file and its card lie."""
        return f"{self.document['name']}/{self.document['sha256'][:16]}"


def write(target: Path, losses: Iterable[Packed]) -> None:
    """Write losses with their cards.

    Args:
        target: A ZIP file, if it ends in ``.zip``, which is replaced; else a folder, made if it is not
            there, whose other files stay.
        losses: Versions of one name in their order, the oldest first.

    Raises:
        LossFileError: A document is no loss file.
        StorageError: They cannot be written there.
    """
    files = dict(_files(list(losses)))
    try:
        if target.suffix == ".zip":
            _write_zip(target, files)
        else:
            write_files(target, files)
    except OSError as error:
        raise StorageError(f"{target} cannot be written: {error.strerror or error}.") from error


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write texts below a folder, by their paths there."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        part.write_text(text, encoding="utf-8")
        part.replace(path)


def read(source: Path) -> list[Packed]:
    """Read losses that :func:`write` wrote, or the one of a folder with a ``loss.json``.

    Args:
        source: A folder or a ZIP file.

    Returns:
        The losses in their order, checked.

    Raises:
        LossFileError: It holds no losses, or something in it is damaged or leads out of it.
        StorageError: It cannot be read.
    """
    try:
        with _opened(source) as place:
            if not place.has(MANIFEST) and place.has(FILE):
                return [Packed(_loss(place, FILE))]
            return [
                Packed(_loss(place, row["file"], row["sha256"]), row["tags"], row["note"])
                for row in _manifest(place)
            ]
    except DAMAGED_ZIP as error:
        raise LossFileError(f"{source} is damaged, or no ZIP file: {error}.") from error
    except OSError as error:
        raise StorageError(f"{source} cannot be read: {error.strerror or error}.") from error


def loss_files(document: Mapping[str, Any]) -> dict[str, str]:
    """The files of one loss by name: the loss file and its card."""
    return {FILE: dump_loss_file(dict(document)), CARD: card(document)}


def _files(losses: list[Packed]) -> Iterator[tuple[str, str]]:
    rows = []
    for packed in losses:
        for name, text in loss_files(packed.document).items():
            yield f"{packed.folder}/{name}", text
        sha256, tags = packed.document["sha256"], list(packed.tags)
        row = {"file": f"{packed.folder}/{FILE}", "sha256": sha256, "tags": tags}
        rows.append(row | {"note": packed.note})
    yield MANIFEST, json.dumps({"schema": SCHEMA, "losses": rows}, indent=2) + "\n"


def _write_zip(target: Path, files: Mapping[str, str]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    with ZipFile(part, "w", ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(ZipInfo(name), text, ZIP_DEFLATED)  # of no date: the same bytes again
    part.replace(target)


class _Place(Protocol):
    """A folder or a ZIP file that is read."""

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        ...

    def bytes_of(self, name: str) -> bytes:
        """The file's bytes, at most one more than a loss file may have."""
        ...


@dataclass(frozen=True)
class _Folder:
    root: Path

    def has(self, name: str) -> bool:
        return (self.root / name).is_file()

    def bytes_of(self, name: str) -> bytes:
        path = (self.root / name).resolve()
        if not path.is_relative_to(self.root.resolve()):
            raise LossFileError(f"{name} leads out of {self.root}.")
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)


@dataclass(frozen=True)
class _Zip:
    archive: ZipFile

    def has(self, name: str) -> bool:
        return name in self.archive.namelist()

    def bytes_of(self, name: str) -> bytes:
        if not self.has(name):
            raise LossFileError(f"The ZIP file lacks {name}.")
        with self.archive.open(name) as file:
            return file.read(MAX_BYTES + 1)


@contextmanager
def _opened(source: Path) -> Iterator[_Place]:
    if source.is_dir():
        yield _Folder(source)
        return
    if source.exists() and not source.is_file():
        raise LossFileError(f"{source} is no file.")  # a device may never end
    with ZipFile(source) as archive:
        yield _Zip(archive)


def _text(place: _Place, name: str) -> str:
    content = place.bytes_of(name)
    if len(content) > MAX_BYTES:
        raise LossFileError(f"{name} is larger than 16 MiB: not a loss file.")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise LossFileError(f"{name} is not UTF-8.") from error


def _loss(place: _Place, name: str, sha256: str | None = None) -> Document:
    document = checked(parse_loss_file(_text(place, name), name))
    if sha256 is not None and document["sha256"] != sha256:
        raise LossFileError(f"{name} is not the loss that {MANIFEST} names: its sha256 differs.")
    return document


def _manifest(place: _Place) -> list[dict[str, Any]]:
    """The rows of the manifest, each with ``file``, ``sha256``, ``tags`` and ``note``."""
    if not place.has(MANIFEST):
        raise LossFileError(f"There are no losses here: neither {MANIFEST} nor {FILE}.")
    wrong = LossFileError(f"{MANIFEST} is no list of losses of the schema {SCHEMA}.")
    try:
        body = json.loads(_text(place, MANIFEST))
        if body["schema"] != SCHEMA:
            raise wrong
        return [_row(row) for row in body["losses"]]
    except LossFileError:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise wrong from error


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    name, sha256, note, tags = row["file"], row["sha256"], row["note"], tuple(row["tags"])
    if not all(isinstance(value, str) for value in (name, sha256, note, *tags)):
        raise TypeError
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        raise LossFileError(f"{MANIFEST} names {name}, which leads out of its folder.")
    return {"file": name, "sha256": sha256, "tags": tags, "note": note}
