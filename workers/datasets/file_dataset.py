"""Datasets of image files with masks; the layouts differ in how they find and decode them."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from surrogate_zoo.errors import DatasetError
from workers.datasets.dataset import Dataset, Pixels, refuse
from workers.datasets.decoding import read_image
from workers.datasets.files import Listing, Missing


@dataclass(frozen=True)
class Mask:
    """Where the labels of one image come from.

    Attributes:
        files: Files that they are read from, the one to name in messages first.
        read: Decodes ``files`` to uint8 (H, W), void = 255.
        beside: What the labels depend on beside the bytes of ``files``; part of the digest.
        named: What to call the mask in messages where it has no file of its own.
    """

    files: tuple[Path, ...]
    read: Callable[[Sequence[Path]], Pixels]
    beside: bytes = b""
    named: str = ""

    @property
    def title(self) -> str:
        """What to call the mask in messages."""
        return self.named or str(self.files[0])


@dataclass(frozen=True)
class Pair:
    """One sample."""

    image: Path | Missing
    mask: Mask | Missing


Pairs = Mapping[str, Mapping[str, Pair]]
"""Split -> sample name -> sample."""


def pair(
    name: str, images: Listing, masks: Listing, read: Callable[[Sequence[Path]], Pixels]
) -> Pair:
    """The sample ``name`` of a layout with one mask file an image."""
    mask = masks.find(name)
    return Pair(images.find(name), mask if isinstance(mask, Missing) else Mask((mask,), read))


def pair_all(
    images: Listing, masks: Listing, read: Callable[[Sequence[Path]], Pixels]
) -> dict[str, Pair]:
    """All samples of a split that has folders of its own; an image or a mask may lack the other."""
    names = sorted(images.files.keys() | masks.files.keys())
    if not names:
        raise DatasetError(f"{images.folder} holds no image (*{images.ending}).")
    return {name: pair(name, images, masks, read) for name in names}


def resize(
    image: Image.Image, labels: Pixels, size: tuple[int, int] | None
) -> tuple[Pixels, Pixels]:
    """Resize to (height, width): bilinear for the image, nearest for its labels; None keeps both."""
    if size is None:
        return np.asarray(image), labels
    height, width = size
    mask = Image.fromarray(labels).resize((width, height), Image.Resampling.NEAREST)
    image = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image), np.asarray(mask)


class FileDataset(Dataset):
    """A dataset of image files with masks.

    Args:
        classes: Class names in the order of their labels.
        size: (height, width) to resize to, or None.
        pairs: The samples.
        remarks: See :class:`Dataset`.
    """

    def __init__(
        self,
        classes: tuple[str, ...],
        size: tuple[int, int] | None,
        pairs: Pairs,
        remarks: Sequence[str] = (),
    ) -> None:
        self.classes = classes
        self.splits = {split: tuple(named) for split, named in pairs.items()}
        self.remarks = tuple(remarks)
        self._pairs = pairs
        self._size = size
        owner: dict[Path, str] = {}
        refuse(
            [
                f"{pair.image} is in split {split!r} and in split {owner[pair.image]!r}; "
                "an image may be in one split only."
                for split, named in pairs.items()
                for pair in named.values()
                if isinstance(pair.image, Path) and owner.setdefault(pair.image, split) != split
            ]
        )

    def _files(self, split: str, index: int) -> tuple[Path, Mask]:
        name = self.names(split)[index]
        pair = self._pairs[split][name]
        if isinstance(pair.image, Missing):
            raise DatasetError(
                f"{name!r} of split {split!r} has no image file; {pair.image.path} does not exist."
            )
        if isinstance(pair.mask, Missing):
            raise DatasetError(
                f"{name!r} of split {split!r} has no mask file; {pair.mask.path} does not exist."
            )
        return pair.image, pair.mask

    def sample(self, split: str, index: int) -> tuple[Pixels, Pixels]:
        """Decode, check and resize one sample."""
        path, mask = self._files(split, index)
        image, labels = read_image(path), mask.read(mask.files)
        height, width = labels.shape
        if image.size != (width, height):
            raise DatasetError(
                f"{mask.title} is {width}x{height} pixels but its image {path} is "
                f"{image.width}x{image.height}; they must agree."
            )
        return resize(image, labels, self._size)

    def digest(self, split: str, index: int) -> bytes:
        """SHA-256 over the digests of the image, the mask's files, and what is beside them."""
        path, mask = self._files(split, index)
        try:
            parts = [file.read_bytes() for file in (path, *mask.files)]
        except OSError as error:
            raise DatasetError(f"A file of the dataset cannot be read: {error}.") from error
        parts += [mask.beside] if mask.beside else []
        return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).digest()
