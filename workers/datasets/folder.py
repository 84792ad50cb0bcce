"""A plain folder of images and masks, split by files of names or by ratio."""

from workers.datasets.dataset import refuse
from workers.datasets.decoding import LabelImages
from workers.datasets.file_dataset import FileDataset, pair
from workers.datasets.files import Listing, existing, folder_below, list_files
from workers.datasets.splits import SPLITS, listed_splits, split_by_ratio
from workers.tasks.datasets import FolderSource


def open_folder(source: FolderSource) -> FileDataset:
    """Open a folder dataset.

    Raises:
        DatasetError: A folder is missing; some split files are there but no ``train.txt``; split
            by ratio, an image or a mask has no partner or a wanted split gets no image.
    """
    root = existing(source.root)
    images = list_files(folder_below(root, source.images))
    masks = list_files(folder_below(root, source.masks))
    if any((root / f"{split}.txt").is_file() for split in SPLITS):
        splits = listed_splits(root)
    else:
        _require_partners(images, masks)
        splits = split_by_ratio(tuple(sorted(images.files)), source.ratio, source.seed)
    read = LabelImages.of(source)
    pairs = {
        split: {name: pair(name, images, masks, read) for name in names}
        for split, names in splits.items()
    }
    return FileDataset(source.classes, source.size, pairs)


def _require_partners(images: Listing, masks: Listing) -> None:
    for kind, here, there in (("mask", images, masks), ("image", masks, images)):
        refuse(
            [
                f"{here.files[name]} has no {kind}; there is no {there.folder / name}."
                for name in sorted(here.files.keys() - there.files.keys())
            ]
        )
