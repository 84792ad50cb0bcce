"""Image and mask files: finding, pairing and decoding them, with errors that name the file."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from surrogate_zoo.errors import DatasetError
from workers.datasets.dataset import VOID, Dataset, Pixels, refuse

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})
COLOUR_MODES = frozenset({"RGB", "RGBA", "L", "LA", "P", "1", "CMYK", "YCbCr"})  # 8 bits a channel
UNREADABLE = (
    OSError,
    ValueError,
    SyntaxError,  # what Pillow raises for a broken PNG chunk
    UnidentifiedImageError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


@dataclass(frozen=True)
class Pair:
    """Files of one sample; None where there is none."""

    image: Path | None
    mask: Path | None


def folder_below(root: Path, name: str) -> Path:
    """The folder ``name`` below ``root``, symbolic links resolved.

    Raises:
        DatasetError: It is not there, or lies outside ``root``.
    """
    folder = (root / name).resolve()
    if not folder.is_relative_to(root.resolve()):
        raise DatasetError(f"{root / name} lies outside the dataset's folder {root}.")
    if not folder.is_dir():
        raise DatasetError(f"The folder {root / name} does not exist.")
    return folder


def index_files(folder: Path) -> dict[str, Path]:
    """Image files at any depth below ``folder``: relative path without suffix -> path.

    Raises:
        DatasetError: Two files differ in their suffix alone, or one links to outside the folder.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in SUFFIXES or not path.is_file():
            continue
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in found:
            raise DatasetError(f"{path} and {found[name]} share a name; keep one of them.")
        if not path.resolve().is_relative_to(folder):
            raise DatasetError(f"{path} links to a file outside its folder; copy it instead.")
        found[name] = path
    return found


def read_names(path: Path) -> tuple[str, ...]:
    """Names listed one a line in a split file; an image suffix is dropped, blank lines are skipped.

    Raises:
        DatasetError: The file is not text, is empty, or lists a name twice.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read as a list of names: {error}.") from error
    stripped = [Path(line.strip()) for line in lines if line.strip()]
    names = [
        (name.with_suffix("") if name.suffix.lower() in SUFFIXES else name).as_posix()
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


def label_table(classes: int, void_labels: Sequence[int]) -> NDArray[np.int16]:
    """(256,) stored label -> label, void = 255, -1 for a label out of range; void wins."""
    table = np.full(256, -1, dtype=np.int16)
    table[:classes] = np.arange(classes)
    table[list(void_labels)] = VOID
    return table


def _open(path: Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            image.load()
            return image
    except UNREADABLE as error:
        raise DatasetError(f"{path} cannot be read as an image: {error}.") from error


def read_image(path: Path) -> Image.Image:
    """Decode an image to 8-bit RGB."""
    image = _open(path)
    if image.mode not in COLOUR_MODES:
        raise DatasetError(
            f"{path} has mode {image.mode}; images must have 8 bits a channel. Convert it first."
        )
    return image.convert("RGB")


def read_mask(path: Path, table: NDArray[np.int16]) -> Image.Image:
    """Decode a mask of one 8-bit label a pixel and map its labels through ``table``."""
    mask = _open(path)
    if mask.mode != "L":
        raise DatasetError(
            f"{path} has mode {mask.mode}; a mask must be 8-bit grey (mode L) with one label a "
            "pixel. Save colour or palette masks as label numbers first."
        )
    stored = np.asarray(mask)
    labels = table[stored]
    if labels.min(initial=0) < 0:
        wrong = ", ".join(str(label) for label in np.unique(stored[labels < 0])[:8])
        raise DatasetError(
            f"{path} holds labels out of range: {wrong}. Labels are 0.."
            f"{int(np.count_nonzero((table >= 0) & (table != VOID))) - 1} or declared void."
        )
    return Image.fromarray(labels.astype(np.uint8))


class FileDataset(Dataset):
    """A dataset of image and mask files; the layouts differ in how they find the pairs.

    Args:
        classes: Class names in the order of their labels.
        void_labels: Stored labels that mean void; void wins over a class of the same label.
        size: (height, width) to resize to, bilinear for images and nearest for masks, or None.
        pairs: Split -> sample name -> files.
    """

    def __init__(
        self,
        classes: tuple[str, ...],
        void_labels: Sequence[int],
        size: tuple[int, int] | None,
        pairs: Mapping[str, Mapping[str, Pair]],
    ) -> None:
        self.classes = classes
        self.splits = {split: tuple(named) for split, named in pairs.items()}
        self._pairs = pairs
        self._size = size
        self._table = label_table(len(classes), void_labels)
        owner: dict[Path, str] = {}
        refuse(
            [
                f"{pair.image} is in split {split!r} and in split {owner[pair.image]!r}; "
                "an image may be in one split only."
                for split, named in pairs.items()
                for pair in named.values()
                if pair.image is not None and owner.setdefault(pair.image, split) != split
            ]
        )

    def _files(self, split: str, index: int) -> tuple[Path, Path]:
        name = self.names(split)[index]
        pair = self._pairs[split][name]
        if pair.image is None or pair.mask is None:
            missing = "image" if pair.image is None else "mask"
            raise DatasetError(f"{name!r} of split {split!r} has no {missing} file.")
        return pair.image, pair.mask

    def sample(self, split: str, index: int) -> tuple[Pixels, Pixels]:
        """Decode, check and resize one pair of files."""
        image_path, mask_path = self._files(split, index)
        image, mask = read_image(image_path), read_mask(mask_path, self._table)
        if image.size != mask.size:
            raise DatasetError(
                f"{mask_path} is {mask.width}x{mask.height} pixels but its image {image_path} is "
                f"{image.width}x{image.height}; they must agree."
            )
        if self._size is not None:
            height, width = self._size
            image = image.resize((width, height), Image.Resampling.BILINEAR)
            mask = mask.resize((width, height), Image.Resampling.NEAREST)
        return np.asarray(image), np.asarray(mask)

    def digest(self, split: str, index: int) -> bytes:
        """SHA-256 over the digests of both files."""
        try:
            digests = [
                hashlib.sha256(path.read_bytes()).digest() for path in self._files(split, index)
            ]
        except OSError as error:
            raise DatasetError(f"A file of the dataset cannot be read: {error}.") from error
        return hashlib.sha256(b"".join(digests)).digest()
