"""The SegNet layout, as CamVid comes: ``train.txt``, ``train/``, ``trainannot/``, and so on."""

from workers.datasets.decoding import LabelImages
from workers.datasets.file_dataset import FileDataset, Pair, pair
from workers.datasets.files import existing, folder_below, list_files
from workers.datasets.splits import listed_splits
from workers.tasks.datasets import SegNetSource


def open_segnet(source: SegNetSource) -> FileDataset:
    """Open a dataset in the SegNet layout; ``train.txt`` is required, the other splits are not.

    Raises:
        DatasetError: A folder or ``train.txt`` is missing, or a split file is empty.
    """
    root = existing(source.root)
    read = LabelImages.of(source)
    pairs: dict[str, dict[str, Pair]] = {}
    for split, names in listed_splits(root).items():
        images = list_files(folder_below(root, split))
        masks = list_files(folder_below(root, f"{split}annot"))
        pairs[split] = {name: pair(name, images, masks, read) for name in names}
    return FileDataset(source.classes, source.size, pairs)
