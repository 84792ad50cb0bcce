"""Which sample is in which split: by files of names, or by ratio."""

import numpy as np

from surrogate_zoo.errors import DatasetError
from workers.datasets.files import DatasetFolder, Listing
from workers.datasets.layouts.name_lists import Names, read_names

SPLITS = ("train", "val", "test")


def listed_in(root: DatasetFolder) -> tuple[str, ...]:
    """The splits that have a file of names, ``<split>.txt``; ``train`` must have one."""
    return ("train", *(split for split in SPLITS[1:] if root.has(f"{split}.txt")))


def listed_splits(root: DatasetFolder, images: Listing, masks: Listing) -> dict[str, Names]:
    """Names by split from ``train.txt``, ``val.txt`` and ``test.txt``, see :func:`read_names`."""
    return {split: read_names(root, f"{split}.txt", images, masks) for split in listed_in(root)}


def split_by_ratio(
    names: tuple[str, ...], ratio: tuple[float, float, float], seed: int
) -> dict[str, tuple[str, ...]]:
    """Shuffle ``names`` with ``seed`` and cut them by ``ratio``; a share of 0 gives no split.

    Raises:
        DatasetError: A split with a share above 0 would be empty.
    """
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(names))
    cuts = [round(len(names) * share) for share in np.cumsum(ratio)]
    splits: dict[str, tuple[str, ...]] = {}
    for split, share, start, end in zip(SPLITS, ratio, [0, *cuts], cuts, strict=False):
        if share > 0:
            splits[split] = tuple(sorted(names[position] for position in order[start:end]))
            if not splits[split]:
                raise DatasetError(
                    f"The split {split!r} is empty: {len(names)} images are too few for "
                    f"the ratio {ratio}."
                )
    return splits
