"""A plain folder of images and masks, split by files of names or by ratio."""

from surrogate_zoo.errors import DatasetError
from workers.datasets.file_dataset import FileDataset, pair_listed
from workers.datasets.files import DatasetFolder, Listing
from workers.datasets.label_images import LabelImages
from workers.datasets.splits import SPLITS, listed_splits, split_by_ratio
from workers.tasks.datasets import FolderSource


def open_folder(source: FolderSource, root: DatasetFolder) -> FileDataset:
    """Open a folder dataset.

    Noted in ``root.faults``: a folder is missing; some split files are there but no ``train.txt``;
    split by ratio, an image or a mask has no partner.

    Raises:
        DatasetError: Split by ratio, a wanted split gets no image.
    """
    images, masks = root.files(source.images), root.files(source.masks)
    if any(root.has(f"{split}.txt") for split in SPLITS):
        splits = listed_splits(root, images, masks)
    else:
        both = _partners(root, images, masks)
        cut = split_by_ratio(both, source.ratio, source.seed)
        splits = {split: {name: name for name in names} for split, names in cut.items()}
    read = LabelImages.of(source)
    pairs = {split: pair_listed(names, images, masks, read) for split, names in splits.items()}
    return FileDataset(source, root, source.classes, pairs)


def _partners(root: DatasetFolder, images: Listing, masks: Listing) -> tuple[str, ...]:
    """The names that have an image and a mask; the others are noted."""
    for kind, here, there in (("mask", images, masks), ("image", masks, images)):
        for name in sorted(here.files.keys() - there.files.keys() if not there.fault else ()):
            missing = there.missing(name)
            root.note(DatasetError(missing.sentence(f"{here.files[name]} has no {kind}")))
    return tuple(sorted(images.files.keys() & masks.files.keys()))
