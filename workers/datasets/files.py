"""Files of a dataset: finding them below its folder and reading lists of names."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from surrogate_zoo.errors import DatasetError
from workers.datasets.dataset import refuse

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


@dataclass(frozen=True)
class Missing:
    """A file that should be there; ``path`` says where it was looked for, as a text for messages."""

    path: str


@dataclass(frozen=True)
class Listing:
    """Files at any depth below a folder, by their relative path without its ending."""

    folder: Path
    files: Mapping[str, Path]
    ending: str

    def find(self, name: str) -> Path | Missing:
        """The file of ``name``; a name that leads elsewhere is none of the folder's files."""
        return self.files.get(name, Missing(f"{self.folder / name}{self.ending}"))


def existing(root: str) -> Path:
    """The dataset's folder.

    Raises:
        DatasetError: It is not there.
    """
    folder = Path(root)
    if not folder.is_dir():
        raise DatasetError(f"The folder {root} does not exist.")
    return folder


def folder_below(root: Path, name: str) -> Path:
    """The folder ``name`` below ``root``, symbolic links resolved.

    Raises:
        DatasetError: It is not there, or lies outside ``root``.
    """
    folder = _inside(root, name)
    if not folder.is_dir():
        raise DatasetError(f"The folder {root / name} does not exist.")
    return folder


def file_below(root: Path, name: str) -> Path:
    """The file ``name`` below ``root``, symbolic links resolved.

    Raises:
        DatasetError: It is not there, or lies outside ``root``.
    """
    path = _inside(root, name)
    if not path.is_file():
        raise DatasetError(f"The file {root / name} does not exist.")
    return path


def _inside(root: Path, name: str) -> Path:
    path = (root / name).resolve()
    if not path.is_relative_to(root.resolve()):
        raise DatasetError(f"{root / name} lies outside the dataset's folder {root}.")
    return path


def list_files(folder: Path, *endings: str) -> Listing:
    """List the files below ``folder`` that have one of ``endings``, images where none is given.

    Raises:
        DatasetError: Two files differ in their ending alone, or one links to outside the folder.
    """
    wanted = endings or IMAGE_ENDINGS
    files: dict[str, Path] = {}
    for path in _files(folder):
        ending = next((end for end in wanted if path.name.lower().endswith(end.lower())), None)
        if ending is None or not path.is_file():
            continue
        name = path.relative_to(folder).as_posix()[: -len(ending)]
        if name in files:
            raise DatasetError(f"{path} and {files[name]} share a name; keep one of them.")
        if path.is_symlink() and not path.resolve().is_relative_to(folder):
            raise DatasetError(f"{path} links to a file outside its folder; copy it instead.")
        files[name] = path
    return Listing(folder, files, endings[0] if len(endings) == 1 else "")


def _files(folder: Path) -> Iterator[Path]:
    """Everything below ``folder`` in a fixed order; linked folders are not entered."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(parent, name) for name in sorted(names))


def read_names(root: Path, name: str) -> tuple[str, ...]:
    """Names listed one a line in ``name`` below ``root``; an image's ending and blanks are dropped.

    Raises:
        DatasetError: The file is missing, lies outside ``root``, is not text, is empty, or lists a
            name twice.
    """
    path = file_below(root, name)
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read as a list of names: {error}.") from error
    stripped = [Path(line.strip()) for line in lines if line.strip()]
    names = [
        (name.with_suffix("") if name.suffix.lower() in IMAGE_ENDINGS else name).as_posix()
        for name in stripped
    ]
    if not names:
        raise DatasetError(f"{path} lists no names: the split is empty.")
    refuse(
        [
            f"{path} lists {name!r} {times} times."
            for name, times in Counter(names).items()
            if times > 1
        ]
    )
    return tuple(names)
