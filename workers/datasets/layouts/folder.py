"""A plain folder of images and masks, split by files of names or by ratio."""

import re
from collections.abc import Iterator
from dataclasses import replace

from surrogate_zoo.errors import DatasetError
from workers.datasets.file_dataset import FileDataset, Pair
from workers.datasets.files import DatasetFolder, Listing
from workers.datasets.layouts.multilabel import MaskFiles, mask_names
from workers.datasets.layouts.splits import SPLITS, listed_splits, split_by_ratio
from workers.tasks.datasets import FolderSource
from workers.tasks.labels import CLASS, IMAGE


def open_folder(source: FolderSource, root: DatasetFolder) -> FileDataset:
    """Open a folder dataset.

    Noted in ``root.faults``: a folder is missing; some split files are there but no ``train.txt``;
    split by ratio, an image or a mask has no partner.

    Raises:
        DatasetError: Split by ratio, a wanted split gets no image.
    """
    images, masks = root.files(source.images), root.files(source.masks)
    if source.images == source.masks and source.mask_name != IMAGE:
        images = _without_masks(images, source)
    files = MaskFiles(source, images, masks)
    if any(root.has(f"{split}.txt") for split in SPLITS):
        splits = listed_splits(root, images, masks)
    else:
        both = _partners(source, root, images, masks)
        cut = split_by_ratio(both, source.ratio, source.seed)
        splits = {split: {name: name for name in names} for split, names in cut.items()}
    pairs = {
        split: {
            image: Pair(images.find(image), files.of(image, mask)) for image, mask in some.items()
        }
        for split, some in splits.items()
    }
    remarks = [*files.remarks(), *_of_no_class(source, images, masks)]
    return FileDataset(source, root, source.classes, pairs, remarks=remarks)


def _without_masks(images: Listing, source: FolderSource) -> Listing:
    """The images of a folder that the masks lie in, too."""
    masks = {mask for image in images.files for mask in mask_names(source, image)}
    return replace(images, files={n: path for n, path in images.files.items() if n not in masks})


def _partners(
    source: FolderSource,
    root: DatasetFolder,
    images: Listing,
    masks: Listing,
) -> tuple[str, ...]:
    """The names that have an image and a mask; the others are noted."""
    empty = source.missing_masks == "empty"
    whole = []
    for image, path in sorted(images.files.items()):
        lacking = [name for name in mask_names(source, image) if name not in masks.files]
        if lacking and not empty and not masks.fault:
            missing = masks.missing(lacking[0])
            root.note(DatasetError(missing.sentence(f"{path} has no mask")))
        elif not masks.fault:
            whole.append(image)
    for image, name in _images_of(source, masks):
        if image not in images.files and not images.fault:
            missing = images.missing(image)
            root.note(DatasetError(missing.sentence(f"{masks.files[name]} has no image")))
    return tuple(whole)


def _images_of(source: FolderSource, masks: Listing) -> Iterator[tuple[str, str]]:
    """The image's name and the mask's of every file that the pattern fits."""
    pattern = re.escape(source.mask_name).replace(re.escape(IMAGE), "(?P<image>.+)")
    classes = "|".join(map(re.escape, source.classes))
    fits = re.compile(pattern.replace(re.escape(CLASS), f"(?:{classes})"))
    for name in sorted(masks.files):
        if found := fits.fullmatch(name):
            yield found["image"], name


def _of_no_class(source: FolderSource, images: Listing, masks: Listing) -> Iterator[str]:
    """How many files of masks fit to no image and class; they are left aside."""
    if source.mask_name == IMAGE or source.images == source.masks:
        return
    known = {name for image in images.files for name in mask_names(source, image)}
    known |= {name for _, name in _images_of(source, masks)}
    if strange := sorted(masks.files.keys() - known):
        yield (
            f"{len(strange)} files of masks have names that mask_name={source.mask_name} does not make of "
            f"the images and classes, and are not read, such as {masks.files[strange[0]].name}."
        )
