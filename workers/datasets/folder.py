"""A plain folder of images and masks, split by files of names or by ratio."""

from pathlib import Path

import numpy as np

from surrogate_zoo.errors import DatasetError
from workers.dataset_sources import FolderSource
from workers.datasets.dataset import refuse
from workers.datasets.files import FileDataset, Pair, folder_below, index_files, read_names

SPLITS = ("train", "val", "test")


def open_folder(source: FolderSource) -> FileDataset:
    """Open a folder dataset.

    Raises:
        DatasetError: A folder is missing; some split files are there but no ``train.txt``; split
            by ratio, an image or a mask has no partner or a wanted split gets no image.
    """
    root = Path(source.root)
    if not root.is_dir():
        raise DatasetError(f"The folder {root} does not exist.")
    images = index_files(folder_below(root, source.images))
    masks = index_files(folder_below(root, source.masks))
    listed = {split: root / f"{split}.txt" for split in SPLITS if (root / f"{split}.txt").is_file()}
    if listed and "train" not in listed:
        raise DatasetError(f"{root / 'train.txt'} does not exist; it must list the training names.")
    if listed:
        splits = {split: read_names(path) for split, path in listed.items()}
    else:
        refuse([f"{images[name]} has no mask." for name in sorted(images.keys() - masks.keys())])
        refuse([f"{masks[name]} has no image." for name in sorted(masks.keys() - images.keys())])
        splits = split_by_ratio(tuple(sorted(images)), source.ratio, source.seed)
    pairs = {
        split: {name: Pair(images.get(name), masks.get(name)) for name in names}
        for split, names in splits.items()
    }
    return FileDataset(source.classes, source.void_labels, source.size, pairs)


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
