"""Datasets of image files with masks; the layouts differ in how they find and decode them."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from surrogate_zoo.errors import DatasetError
from workers.datasets.dataset import Dataset, Lost, Objects, Pixels, Sample, refuse
from workers.datasets.decoding import read_image
from workers.datasets.files import Listing, Missing
from workers.datasets.instances import numbered, of_things


class Annotation(NamedTuple):
    """Labels and objects as they were read from a sample's files.

    Attributes:
        mask: uint8 (H, W), void = 255.
        objects: Integers (H, W): 0 or the number of an object, below 2**16 and with gaps where the
            files have them. Where ``mask`` is no thing they say nothing. None: nothing is told
            apart.
        lost: What is not seen of the objects already.
    """

    mask: Pixels
    objects: NDArray[np.integer] | None = None
    lost: Lost = Lost()


Reader = Callable[[Sequence[Path]], Pixels | Annotation]
"""Decodes a mask's files to labels, uint8 (H, W) with void = 255, and objects where there are any."""


@dataclass(frozen=True)
class Mask:
    """Where the labels of one image come from.

    Attributes:
        files: Files that they are read from, the one to name in messages first.
        read: Decodes ``files``.
        beside: What the labels depend on beside the bytes of ``files``; part of the digest.
        named: What to call the mask in messages where it has no file of its own.
    """

    files: tuple[Path, ...]
    read: Reader
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


def pair(name: str, images: Listing, masks: Listing, read: Reader) -> Pair:
    """The sample ``name`` of a layout with one mask file an image."""
    mask = masks.find(name)
    return Pair(images.find(name), mask if isinstance(mask, Missing) else Mask((mask,), read))


def pair_all(images: Listing, masks: Listing, read: Reader) -> dict[str, Pair]:
    """All samples of a split that has folders of its own; an image or a mask may lack the other."""
    names = sorted(images.files.keys() | masks.files.keys())
    if not names:
        raise DatasetError(f"{images.folder} holds no image (*{images.ending}).")
    return {name: pair(name, images, masks, read) for name in names}


def resize(
    image: Image.Image,
    labels: Pixels,
    size: tuple[int, int] | None,
    objects: Objects | None = None,
) -> Sample:
    """Resize to (height, width): bilinear for the image, nearest for the others; None keeps all.

    The numbers of objects that vanish are taken by those that are left.
    """
    if size is None:
        return Sample(np.asarray(image), labels, objects)
    height, width = size

    def nearest(pixels: NDArray[np.integer]) -> NDArray[np.integer]:
        stored = Image.fromarray(pixels)
        return np.asarray(stored.resize((width, height), Image.Resampling.NEAREST))

    return Sample(
        np.asarray(image.resize((width, height), Image.Resampling.BILINEAR)),
        nearest(labels).astype(np.uint8, copy=False),
        None if objects is None else numbered(nearest(objects)),
    )


class FileDataset(Dataset):
    """A dataset of image files with masks.

    Args:
        classes: Class names in the order of their labels.
        size: (height, width) to resize to, or None.
        pairs: The samples.
        remarks: See :class:`Dataset`.
        things: Likewise; the pairs' masks then read objects.
    """

    def __init__(
        self,
        classes: tuple[str, ...],
        size: tuple[int, int] | None,
        pairs: Pairs,
        remarks: Sequence[str] = (),
        things: Sequence[int] = (),
    ) -> None:
        self.classes = classes
        self.things = tuple(things)
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

    def sample(self, split: str, index: int) -> Sample:
        """Decode, check and resize one sample."""
        return self.examined(split, index)[0]

    def examined(self, split: str, index: int) -> tuple[Sample, Lost]:
        """Decode, check and resize one sample, and count the objects that are lost thereby."""
        path, mask = self._files(split, index)
        image, found = read_image(path), mask.read(mask.files)
        labels, objects, lost = found if isinstance(found, Annotation) else Annotation(found)
        height, width = labels.shape
        if image.size != (width, height):
            raise DatasetError(
                f"{mask.title} is {width}x{height} pixels but its image {path} is "
                f"{image.width}x{image.height}; they must agree."
            )
        if objects is None:
            return resize(image, labels, self._size), lost
        whole = of_things(objects, labels, self.things)
        sample = resize(image, labels, self._size, whole)
        left = 0 if sample.instances is None else int(sample.instances.max(initial=0))
        return sample, lost._replace(vanished=int(whole.max(initial=0)) - left)

    def digest(self, split: str, index: int) -> bytes:
        """SHA-256 over the digests of the image, the mask's files, and what is beside them."""
        path, mask = self._files(split, index)
        try:
            parts = [file.read_bytes() for file in (path, *mask.files)]
        except OSError as error:
            raise DatasetError(f"A file of the dataset cannot be read: {error}.") from error
        parts += [mask.beside] if mask.beside else []
        return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).digest()
