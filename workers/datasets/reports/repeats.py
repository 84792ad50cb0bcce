"""What a dataset's report tells of images that occur twice, or nearly: within train, and between splits."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict

from workers.datasets.reports.near_duplicates import NEAR, Hash, NearDuplicates, distances
from workers.tasks.described import Described

LISTED_PAIRS = 10
LISTED_NEIGHBOURS = 4


class Repeated(Described):
    """Near duplicates within the training split, see ``workers.datasets.reports.near_duplicates``.

    Attributes:
        groups: Groups of two images or more.
        images: Images in them.
        video: Whether the split is in the order of a video.
        largest: Names of some images of the largest group that follow each other.
    """

    model_config = ConfigDict(frozen=True)

    groups: int = 0
    images: int = 0
    video: bool = False
    largest: tuple[str, ...] = ()


class Shared(Described):
    """Images of another split that the training split has too, or nearly.

    Attributes:
        split: The other split.
        exact: How many of its images have the same pixels as a training image.
        near: How many others are near duplicates of one.
        pairs: (name in train, name in the other split) of ten at most, the most alike first.
    """

    model_config = ConfigDict(frozen=True)

    split: str
    exact: int
    near: int
    pairs: tuple[tuple[str, str], ...]


def repeated(names: Sequence[str], hashes: Sequence[Hash]) -> Repeated:
    """Find the near duplicates within a split, by its images' names and hashes."""
    found = NearDuplicates.among(hashes)
    sizes = np.bincount(found.groups)
    if sizes.max() == 1:
        return Repeated(video=found.video)
    members = np.flatnonzero(found.groups == sizes.argmax())
    start = max(0, (len(members) - LISTED_NEIGHBOURS) // 2)
    return Repeated(
        groups=int((sizes > 1).sum()),
        images=int(sizes[sizes > 1].sum()),
        video=found.video,
        largest=tuple(names[index] for index in members[start : start + LISTED_NEIGHBOURS]),
    )


def shared(
    split: str,
    names: tuple[Sequence[str], Sequence[str]],
    pixels: tuple[Sequence[bytes], Sequence[bytes]],
    hashes: tuple[Sequence[Hash], Sequence[Hash]],
) -> Shared:
    """Compare another split with the training split.

    Args:
        split: The other split.
        names: Names of the images of train and of the other split.
        pixels: Digests of their pixels.
        hashes: Their hashes.
    """
    train = np.stack(list(hashes[0]))
    same = {digest: index for index, digest in enumerate(pixels[0])}
    found: list[tuple[float, int, int]] = []
    for other, (digest, its_hash) in enumerate(zip(pixels[1], hashes[1], strict=True)):
        if digest in same:
            found.append((-1.0, same[digest], other))
            continue
        far: NDArray[np.float32] = distances(its_hash[None], train)[0]
        if far.min() <= NEAR:
            found.append((float(far.min()), int(far.argmin()), other))
    exact = sum(distance < 0 for distance, *_ in found)
    pairs = [(names[0][ours], names[1][theirs]) for _, ours, theirs in sorted(found)]
    return Shared(
        split=split, exact=exact, near=len(found) - exact, pairs=tuple(pairs[:LISTED_PAIRS])
    )


def told(images: Mapping[str, int], within: Repeated, between: Sequence[Shared]) -> Iterator[str]:
    """The remarks of a report, in plain sentences."""
    if within.groups:
        yield (
            f"{within.images} of the {images['train']} training images are near duplicates of others, "
            f"in {within.groups} group{'s' if within.groups > 1 else ''}"
            + (", in the order of a video" if within.video else "")
            + ": hold-out sets are cut by groups."
        )
    for other in between:
        if other.exact:
            yield (
                f"{other.exact} of the {images[other.split]} images of the split {other.split!r} have "
                f"the same pixels as a training image, such as {other.pairs[0][1]}."
            )
        if other.near:
            pair = other.pairs[min(other.exact, LISTED_PAIRS - 1)]
            yield (
                f"{other.near} of the {images[other.split]} images of the split {other.split!r} are "
                f"near duplicates of training images, such as {pair[1]} of {pair[0]}."
            )
