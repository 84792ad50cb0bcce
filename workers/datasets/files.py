"""Files of a dataset: finding them below its folder and reading lists of names."""

import os
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from surrogate_zoo.errors import DatasetError

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".npy")
LEFTOVER_FILES = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini"})
LEFTOVER_FOLDERS = frozenset({"__macosx", "@eadir", "$recycle.bin", "system volume information"})


@dataclass(frozen=True)
class Missing:
    """A file that should be there.

    Attributes:
        path: Where it was looked for, as a text for messages.
        instead: What is there in its place, in a clause; empty where nothing is.
        fault: The sentence that says all, where it is not the file alone that is missing.
    """

    path: str
    instead: str = ""
    fault: str = ""

    def sentence(self, what: str) -> str:
        """The fault, of a thing such as ``'x' of split 'val' has no mask file``."""
        if self.fault:
            return self.fault
        return (
            f"{what}; {self.path} does not exist{f', but {self.instead}' if self.instead else ''}."
        )


@dataclass(frozen=True)
class Listing:
    """Files at any depth below a folder, by their relative path without its ending.

    Attributes:
        folder: The folder.
        files: By name, in Unicode's composed form: macOS has another one than lists have.
        ending: What all of them end with; empty where there are several.
        unread: Files of other endings, by name likewise.
        fault: Why the folder cannot be listed; empty where it can.
    """

    folder: Path
    files: Mapping[str, Path]
    ending: str
    unread: Mapping[str, Path] = field(default_factory=dict)
    fault: str = ""

    def find(self, name: str) -> Path | Missing:
        """The file of ``name``; a name that leads elsewhere is none of the folder's files."""
        return self.files.get(composed(name)) or self.missing(name)

    def missing(self, name: str) -> Missing:
        """What is to be told of a name that none of the files has."""
        other = self.unread.get(composed(name))
        instead = f"{other.name} lies there, and files like it are not read here" if other else ""
        return Missing(f"{self.folder / name}{self.ending}", instead, self.fault)

    def resolve(self, text: str) -> str | None:
        """The name of the file that a path in a list means, wherever the path begins; None if none.

        The longest part of the path that is a name counts: lists have paths of other machines.
        """
        parts = [part for part in text.replace("\\", "/").split("/") if part not in {"", "."}]
        if ".." in parts[:-1]:
            parts = parts[len(parts) - parts[::-1].index("..") :]
        for start in range(len(parts)):
            name = composed(without_ending("/".join(parts[start:]), self.ending))
            if name in self.files:
                return name
        return None


def followed(path: Path) -> Path:
    """Where a path leads, also where that is nowhere: ``Path.resolve`` raises of links in a circle."""
    return Path(os.path.realpath(path))


def composed(name: str) -> str:
    """A name in Unicode's composed form (NFC)."""
    return unicodedata.normalize("NFC", name)


def without_ending(name: str, ending: str = "") -> str:
    """A name without an image's ending, or the one given."""
    for end in (ending, *IMAGE_ENDINGS):
        if end and name.lower().endswith(end.lower()) and len(name) > len(end):
            return name[: -len(end)]
    return name


def is_leftover(part: str) -> bool:
    """Whether a file or folder of this name was left by an operating system or a tool."""
    name = part.lower()
    return name.startswith((".", "~$")) or name in LEFTOVER_FILES or name in LEFTOVER_FOLDERS


class DatasetFolder:
    """The folder that everything of a dataset lies below, and what is wrong in it.

    Faults that are found while a dataset is opened are noted, so that all can be told at once; what
    cannot be gone on from is raised.

    Args:
        root: The folder.
        links: Folders that links inside of it may lead below.

    Attributes:
        path: The folder, links resolved.
        faults: Sentences.
        passed_over: Files and folders that other tools left.
        unread: Files of endings that are not read, where nothing else has their name.
        linked: Files that links to the outside stand for.

    Raises:
        DatasetError: It is not there.
    """

    def __init__(self, root: str, links: tuple[str, ...] = ()) -> None:
        if not Path(root).is_dir():
            raise DatasetError(f"The folder {root} does not exist.")
        self.given = Path(root)
        self.path = Path(root).resolve()
        self.allowed = (self.path, *(Path(link).resolve() for link in links))
        self.faults: list[str] = []
        self.passed_over: set[Path] = set()
        self.unread: set[Path] = set()
        self.linked: set[Path] = set()

    def note(self, error: DatasetError) -> None:
        """Keep a fault, once."""
        self.faults += error.faults

    def files(self, name: str, *endings: str) -> Listing:
        """List the files below the folder ``name`` that have one of ``endings``, or else images.

        A folder that is not there, or lies outside, is noted, and two files whose names differ in
        their ending alone are.
        """
        try:
            folder = self.folder(name)
        except DatasetError as error:
            self.note(error)
            one = endings[0] if len(endings) == 1 else ""
            return Listing(self.given / name, {}, one, fault=str(error))
        return self._list(folder, endings)

    def folder(self, name: str) -> Path:
        """The folder ``name``.

        Raises:
            DatasetError: It is not there, or lies outside.
        """
        folder = self._inside(name)
        if not folder.is_dir():
            raise DatasetError(f"The folder {self.given / name} does not exist.")
        if not folder.is_relative_to(self.path):
            self.linked.add(self.path / name)
        return folder

    def file(self, name: str) -> Path:
        """The file ``name``.

        Raises:
            DatasetError: It is not there, or lies outside.
        """
        path = self._inside(name)
        if not path.is_file():
            raise DatasetError(f"The file {self.given / name} does not exist.")
        return path

    def has(self, name: str) -> bool:
        """Whether there is a file ``name``."""
        return (self.given / name).is_file()

    def below(self, name: str) -> "DatasetFolder":
        """The folder ``name`` as one of its own, which shares what is noted.

        Raises:
            DatasetError: It is not there, or lies outside.
        """
        inner = DatasetFolder(str(self.folder(name)), tuple(map(str, self.allowed)))
        inner.given = self.given / name
        inner.faults, inner.passed_over = self.faults, self.passed_over
        inner.unread, inner.linked = self.unread, self.linked
        return inner

    def remarks(self) -> Iterator[str]:
        """What was passed over, in plain sentences, with paths below the folder."""
        for some, kind, told in (
            (self.passed_over, "leftover", "of other tools passed over"),
            (self.unread, "file", "with other endings not read"),
            (self.linked, "link", "to files outside of the folder followed"),
        ):
            if some:
                first = min(some)
                shown = (
                    first.relative_to(self.path) if first.is_relative_to(self.path) else first.name
                )
                yield f"{len(some)} {kind}{'s' if len(some) > 1 else ''} {told}, such as {shown}."

    def _inside(self, name: str) -> Path:
        path = followed(self.given / name)
        if not self._may_read(path):
            raise DatasetError(
                f"{self.given / name} lies outside the dataset's folder {self.given}."
            )
        return path

    def _may_read(self, path: Path) -> bool:
        return any(path.is_relative_to(folder) for folder in self.allowed)

    def _list(self, folder: Path, endings: tuple[str, ...]) -> Listing:
        wanted = endings or IMAGE_ENDINGS
        plain = all(end.startswith(".") for end in wanted)  # others pick some of a layout's files
        files: dict[str, Path] = {}
        unread: dict[str, Path] = {}
        for path in self._walk(folder):
            ending = next((end for end in wanted if path.name.lower().endswith(end.lower())), None)
            relative = path.relative_to(folder).as_posix()
            if ending is None and plain:
                unread.setdefault(composed(relative.rpartition(".")[0] or relative), path)
            if ending is None:
                continue
            name = composed(relative[: -len(ending)])
            if name in files:
                self.note(DatasetError(f"{path} and {files[name]} share a name; keep one of them."))
            elif self._is_readable(path):
                files[name] = path
        self.unread |= {path for name, path in unread.items() if name not in files}
        return Listing(folder, files, endings[0] if len(endings) == 1 else "", unread)

    def _is_readable(self, path: Path) -> bool:
        """Whether a file lies where files may be read; a link that leads elsewhere is noted."""
        if not path.is_symlink():
            return path.is_file()
        target = followed(path)
        if not self._may_read(target):
            self.note(
                DatasetError(
                    f"{path} links to a file outside the folders that may be read, {target}: copy it "
                    "instead, or have its folder allowed (LOSSFIT_DATASET_ROOTS)."
                )
            )
            return False
        if not target.is_file():
            self.note(DatasetError(f"{path} links to {target}, which does not exist."))
            return False
        if not target.is_relative_to(self.path):
            self.linked.add(path)
        return True

    def _walk(self, folder: Path) -> Iterator[Path]:
        """Every file below ``folder`` in a fixed order; leftovers are passed over, and counted.

        A linked folder is entered where it leads to what may be read, each once.
        """
        entered: set[Path] = set()
        for parent, folders, names in os.walk(folder, followlinks=True):
            here = followed(Path(parent))
            if here in entered:
                folders.clear()
                continue
            entered.add(here)
            self.passed_over |= {Path(parent, name) for name in folders if is_leftover(name)}
            folders[:] = sorted(
                name
                for name in folders
                if not is_leftover(name) and self._may_enter(Path(parent, name))
            )
            for name in sorted(names):
                if is_leftover(name):
                    self.passed_over.add(Path(parent, name))
                else:
                    yield Path(parent, name)

    def _may_enter(self, folder: Path) -> bool:
        if not folder.is_symlink():
            return True
        target = folder.resolve()
        if self._may_read(target):
            if not target.is_relative_to(self.path):
                self.linked.add(folder)
            return True
        self.note(
            DatasetError(
                f"{folder} links to a folder outside those that may be read, {target}: copy it instead, "
                "or have it allowed (LOSSFIT_DATASET_ROOTS)."
            )
        )
        return False
