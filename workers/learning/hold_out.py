"""The hold-out set: a part of the training split that is not trained on, and has no neighbours in it.

What is alike must not be cut in two: a network recognises an image whose neighbour it was trained on,
and the score tells what it remembers rather than what it has learnt.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogate_zoo.errors import DatasetError
from workers.datasets.dataset import Bands, Samples
from workers.datasets.layouts.registry import open_dataset
from workers.datasets.reports.band_statistics import as_picture
from workers.datasets.reports.near_duplicates import NearDuplicates, hash_of
from workers.learning.groups import grouped
from workers.learning.streams import Stream, generator
from workers.tasks.datasets import DatasetSource
from workers.tasks.hold_out import Blocks, HoldOut

_OTHER_WAYS = (
    'Group them in another way, such as hold_out {"groups": {"blocks": 8}}, or let single images be '
    'held out: {"groups": null}.'
)

EXCESS = 1.5
"""Times the number that is asked for: no group is drawn that leads beyond it, unless all would."""

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Cut:
    """Which images are trained on, and which are scored.

    Attributes:
        kept: Positions in the training split of those to train on, sorted.
        held: Positions of those to score, sorted; in ``split``.
        told: How they were told apart, in one sentence.
        split: The split that ``held`` counts in.
    """

    kept: tuple[int, ...]
    held: tuple[int, ...]
    told: str
    split: str = "train"


def cut_hold_out(source: DatasetSource, samples: Samples, spec: HoldOut, seed: int) -> Cut:
    """Cut the training split into images to train on and images to score.

    The same arguments give the same cut. Whole groups are held out, drawn at random until their number
    is as near as possible to what is asked for. With groups by near duplicates no image that is trained
    on is a near duplicate of one that is held out.

    Args:
        source: Whose images they are.
        samples: All of the training split.
        spec: How to cut.
        seed: Draws the groups.

    Raises:
        DatasetError: Nothing would be left to train on, the groups cannot be read, or the dataset has
            no split of the name.
    """
    images = len(samples)
    if spec.split is not None:
        scored = len(open_dataset(source).names(spec.split))
        told = f"all {images} training images trained on, {scored} of the split {spec.split} scored"
        return Cut(tuple(range(images)), tuple(range(scored)), told, spec.split)
    wanted = _wanted(images, spec)
    if spec.groups is None:
        held = draw(np.arange(images), wanted, seed)
        return _cut(images, held, held, "single images, drawn at random")
    if spec.groups == "auto":
        return _by_near_duplicates(samples.images, wanted, seed)
    groups, how = grouped(samples.names, spec.groups, source)
    held = draw(groups, wanted, seed)
    gap = spec.groups.gap if isinstance(spec.groups, Blocks) else 0
    beside = np.unique(held[:, None] + np.arange(-gap, gap + 1))
    told = f"{_of_groups(groups, held)} {how}"
    return _cut(images, held, beside, told, "images next to them")


def held_out(source: DatasetSource, samples: Samples, cut: Cut) -> Samples:
    """The samples that ``cut.held`` counts in: ``samples``, or those of another split, decoded now."""
    return samples if cut.split == "train" else open_dataset(source).read(cut.split)


def draw(groups: Numbers, wanted: int, seed: int) -> Numbers:
    """Draw groups until the number of their images is as near as possible to what is wanted.

    A group that would lead away from it, or to half as many again, is passed over. One group at least
    is drawn, the smallest where all are too large, and one is not.

    Args:
        groups: (N,) number of each image's group, from 0 on.
        wanted: Number of images.
        seed: Seeds the order that groups are looked at in.

    Returns:
        Positions of the drawn images, sorted.

    Raises:
        DatasetError: There is one group alone.
    """
    sizes = np.bincount(groups)
    if len(sizes) == 1:
        raise DatasetError(
            f"All {len(groups)} training images are one group: none can be held out. {_OTHER_WAYS}"
        )
    drawn: list[int] = []
    number = 0
    for group in generator(seed, Stream.HOLD_OUT).permutation(len(sizes)):
        after = number + int(sizes[group])
        nearer = abs(after - wanted) < abs(number - wanted) and after <= EXCESS * wanted
        if nearer and len(drawn) + 1 < len(sizes):
            drawn.append(int(group))
            number = after
    return np.flatnonzero(np.isin(groups, drawn or [int(sizes.argmin())]))


def _wanted(images: int, spec: HoldOut) -> int:
    """How many images are to be held out."""
    share = spec.share or 0.0
    wanted = spec.images or max(1, round(images * share))
    if wanted >= images:
        asked = f"{spec.images} images" if spec.images else f"a share of {share}"
        raise DatasetError(
            f"{images} training images are too few to hold out {asked} for the score."
        )
    return wanted


def _by_near_duplicates(images: Sequence[Bands], wanted: int, seed: int) -> Cut:
    duplicates = NearDuplicates.among(hash_of(as_picture(image)) for image in images)
    groups = duplicates.groups
    if groups.max() == len(images) - 1:
        held = draw(groups, wanted, seed)
        return _cut(
            len(images), held, held, "single images, drawn at random: no two are near duplicates"
        )
    parts, cut_up = _without_giants(groups, wanted)
    held = draw(parts, wanted, seed)
    told = f"{_of_groups(parts, held)} groups of near duplicates"
    told += ", the largest of them cut into blocks" if cut_up else ""
    told += ", in the order of a video" if duplicates.video else ""
    beside = np.flatnonzero(duplicates.beside(held))
    return _cut(len(images), held, beside, told, "neighbours of them")


def _without_giants(groups: Numbers, wanted: int) -> tuple[Numbers, bool]:
    """Cut groups that are too large to be drawn into blocks, where they are most of the images.

    The hold-out set would come from the few others alone.

    Returns:
        (N,) number of each image's part, and whether groups were cut.
    """
    sizes = np.bincount(groups)
    giants = np.flatnonzero(sizes > EXCESS * wanted)
    if 2 * sizes[giants].sum() < len(groups):
        return groups, False
    size = -(-wanted // 2)
    block = np.zeros(len(groups), dtype=np.int64)
    for giant in giants:
        members = np.flatnonzero(groups == giant)
        block[members] = np.arange(len(members)) * -(-len(members) // size) // len(members)
    parts = np.unique(np.stack([groups, block]), axis=1, return_inverse=True)[1]
    return parts.reshape(-1).astype(np.int64), True


def _of_groups(groups: Numbers, held: Numbers) -> str:
    return f"{len(np.unique(groups[held]))} of {groups.max() + 1}"


def _cut(images: int, held: Numbers, beside: Numbers, how: str, dropped: str = "") -> Cut:
    """The cut that trains on neither what is held out nor what is beside it.

    Raises:
        DatasetError: More would be left out than is trained on.
    """
    kept = np.setdiff1d(np.arange(images), np.union1d(held, beside))
    out = images - len(held) - len(kept)
    if out > len(kept):
        raise DatasetError(
            f"Of {images} training images {len(held)} would be held out and {out} left out as "
            f"{dropped}, which leaves {len(kept)} to train on. {_OTHER_WAYS}"
        )
    told = f"{len(held)} of {images} training images held out: {how}"
    told += f"; {out} {dropped} left out of both" if out else ""
    return Cut(tuple(kept.tolist()), tuple(held.tolist()), told)
