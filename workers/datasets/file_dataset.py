"""Datasets of image files with masks; the layouts differ in how they find and decode them."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from surrogate_zoo.errors import DatasetError
from workers.datasets.dataset import Bands, Dataset, Lost, Objects, Pixels, Sample, refusal
from workers.datasets.files import DatasetFolder, Listing, Missing
from workers.datasets.image_files import UPRIGHT, Decoded, read_image
from workers.datasets.instances import numbered, of_things
from workers.tasks.file_sources import FilesSource


class Annotation(NamedTuple):
    """Labels and objects as they were read from a sample's files.

    Attributes:
        mask: uint8 (H, W), void = 255; of a multi-label (H, W, C), see
            :class:`workers.datasets.dataset.Sample`.
        objects: Integers (H, W): 0 or the number of an object, below 2**16 and with gaps where the
            files have them. Where ``mask`` is neither a thing nor its border they say nothing. None:
            nothing is told apart.
        lost: What is not seen of the objects already.
    """

    mask: Pixels
    objects: NDArray[np.integer] | None = None
    lost: Lost = Lost()


Reader = Callable[[Sequence[Path]], Pixels | Annotation]
"""Decodes a mask's files to labels, as an :class:`Annotation` has them, and objects where there are any."""


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


def pair(
    name: str, images: Listing, masks: Listing, read: Reader, mask_name: str | None = None
) -> Pair:
    """The sample ``name`` of a layout with one mask file an image, of the same name if no other."""
    mask = masks.find(name if mask_name is None else mask_name)
    return Pair(images.find(name), mask if isinstance(mask, Missing) else Mask((mask,), read))


def pair_listed(
    names: Mapping[str, str], images: Listing, masks: Listing, read: Reader
) -> dict[str, Pair]:
    """The samples that a list names, image's name -> mask's."""
    return {name: pair(name, images, masks, read, mask) for name, mask in names.items()}


def pair_all(root: DatasetFolder, images: Listing, masks: Listing, read: Reader) -> dict[str, Pair]:
    """All samples of a split that has folders of its own; an image or a mask may lack the other."""
    names = sorted(images.files.keys() | masks.files.keys())
    if not names and not images.fault and not masks.fault:
        root.note(DatasetError(f"{images.folder} holds no image (*{images.ending})."))
    return {name: pair(name, images, masks, read) for name in names}


def resize(
    image: Bands,
    labels: Pixels,
    size: tuple[int, int] | None,
    objects: Objects | None = None,
) -> Sample:
    """Resize to (height, width): bilinear for the image, nearest for the others; None keeps all.

    Each band is resized alone. The numbers of objects that vanish are taken by those that are left.
    """
    if size is None:
        return Sample(image, labels, objects)
    height, width = size

    def nearest(pixels: NDArray[np.integer]) -> NDArray[np.integer]:
        if pixels.ndim == 3:  # channels of a multi-label
            return np.stack([nearest(channel) for channel in np.moveaxis(pixels, 2, 0)], axis=2)
        stored = Image.fromarray(np.ascontiguousarray(pixels))
        return np.asarray(stored.resize((width, height), Image.Resampling.NEAREST))

    return Sample(
        resized_bands(image, size),
        nearest(labels).astype(np.uint8, copy=False),
        None if objects is None else numbered(nearest(objects)),
    )


def resized_bands(image: Bands, size: tuple[int, int]) -> Bands:
    """An image (H, W, B) at (height, width), bilinear, each band alone; whole numbers stay whole."""
    height, width = size

    def band(index: int) -> NDArray[Any]:
        pixels = image[..., index]
        exact = pixels if image.dtype == np.uint8 else pixels.astype(np.float32)
        stored = Image.fromarray(np.ascontiguousarray(exact))
        return np.asarray(stored.resize((width, height), Image.Resampling.BILINEAR))

    bands = np.stack([band(index) for index in range(image.shape[2])], axis=2)
    return bands.round().astype(image.dtype) if image.dtype == np.uint16 else bands


class FileDataset(Dataset):
    """A dataset of image files with masks.

    Args:
        source: Where it is, and how it is read.
        root: Its folder; what is wrong with the samples as a whole is noted there.
        classes: Class names in the order of their labels.
        pairs: The samples.
        remarks: See :class:`Dataset`.
        things: Likewise; the pairs' masks then read objects.
        border: Label of a class whose pixels belong to objects of the one thing, too; None without one.
    """

    def __init__(
        self,
        source: FilesSource,
        root: DatasetFolder,
        classes: tuple[str, ...],
        pairs: Pairs,
        *,
        remarks: Sequence[str] = (),
        things: Sequence[int] = (),
        border: int | None = None,
    ) -> None:
        self.classes = classes
        self.things = tuple(things)
        self._objects_on = self.things if border is None else (*self.things, border)
        self.bands, self.mode = source.bands, source.mode
        self.splits = {split: tuple(named) for split, named in pairs.items()}
        self.remarks = (*remarks, *root.remarks())
        self._pairs = pairs
        self._size = source.size
        owner: dict[Path, str] = {}
        for split, named in pairs.items():
            for one in named.values():
                if isinstance(one.image, Missing):
                    continue
                file = one.image.resolve() if one.image.is_symlink() else one.image
                if owner.setdefault(file, split) != split:
                    fault = f"{one.image} is in split {split!r} and in split {owner[file]!r}; "
                    root.note(DatasetError(f"{fault}an image may be in one split only."))

    def _files(self, split: str, index: int) -> tuple[Path, Mask]:
        name = self.names(split)[index]
        pair = self._pairs[split][name]
        if not isinstance(pair.image, Missing) and not isinstance(pair.mask, Missing):
            return pair.image, pair.mask
        raise refusal(
            [
                one.sentence(f"{name!r} of split {split!r} has no {what} file")
                for what, one in (("image", pair.image), ("mask", pair.mask))
                if isinstance(one, Missing)
            ]
        )

    def files(self, split: str, index: int) -> tuple[Path, ...]:
        """The image and the mask's files, those of them that are there."""
        pair = self._pairs[split][self.names(split)[index]]
        image = () if isinstance(pair.image, Missing) else (pair.image,)
        return image + (() if isinstance(pair.mask, Missing) else pair.mask.files)

    def beside(self, split: str, index: int) -> bytes:
        """What the labels depend on beside the mask's files."""
        mask = self._pairs[split][self.names(split)[index]].mask
        return b"" if isinstance(mask, Missing) else mask.beside

    def sample(self, split: str, index: int) -> Sample:
        """Decode, check and resize one sample."""
        return self.examined(split, index)[0]

    def examined(self, split: str, index: int) -> tuple[Sample, Lost]:
        """Decode, check and resize one sample, and count the objects that are lost thereby."""
        path, mask = self._files(split, index)
        image, found = _both(path, mask, self.bands)
        labels, objects, lost = found if isinstance(found, Annotation) else Annotation(found)
        _check_sizes(path, image, mask, labels)
        lost = lost._replace(turned=image.orientation != UPRIGHT)
        if objects is None:
            return resize(image.pixels, labels, self._size), lost
        whole = of_things(objects, labels, self._objects_on)
        sample = resize(image.pixels, labels, self._size, whole)
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


def _both(path: Path, mask: Mask, bands: int | None) -> tuple[Decoded, Pixels | Annotation]:
    """Decode an image and its mask; where both are wrong, both are told."""
    try:
        image = read_image(path, bands)
    except DatasetError as error:
        faults = list(error.faults)
        try:
            mask.read(mask.files)
        except DatasetError as other:
            faults += other.faults
        raise refusal(faults) from error
    return image, mask.read(mask.files)


def _check_sizes(path: Path, image: Decoded, mask: Mask, labels: Pixels) -> None:
    """Refuse a mask of another size than its image.

    Raises:
        DatasetError: It has; names both files, the sizes and the likely reason.
    """
    height, width = image.pixels.shape[:2]
    if labels.shape[:2] == (height, width):
        return
    advice = "save the mask anew at the image's size, with its labels unmixed (nearest)"
    if labels.shape[:2] == (width, height) and image.orientation != UPRIGHT:
        advice = (
            f"the image has the EXIF orientation {image.orientation} and is read turned upright, as "
            "viewers show it: turn the mask too, or remove the tag"
        )
    raise DatasetError(
        f"{mask.title} is {labels.shape[1]}x{labels.shape[0]} pixels but its image {path} is "
        f"{width}x{height}; they must agree: {advice}."
    )
