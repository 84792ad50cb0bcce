"""The SegNet layout, as CamVid comes: ``train.txt``, ``train/``, ``trainannot/``, and so on."""

from pathlib import Path

from surrogate_zoo.errors import DatasetError
from workers.dataset_sources import SegNetSource
from workers.datasets.files import FileDataset, Pair, folder_below, index_files, read_names

SPLITS = ("train", "val", "test")


def open_segnet(source: SegNetSource) -> FileDataset:
    """Open a dataset in the SegNet layout; ``train.txt`` is required, the other splits are not.

    Raises:
        DatasetError: A folder or ``train.txt`` is missing, or a split file is empty.
    """
    root = Path(source.root)
    if not root.is_dir():
        raise DatasetError(f"The folder {root} does not exist.")
    listed = {split: root / f"{split}.txt" for split in SPLITS if (root / f"{split}.txt").is_file()}
    if "train" not in listed:
        raise DatasetError(f"{root / 'train.txt'} does not exist; it must list the training names.")
    pairs = {split: _pair(root, split, read_names(path)) for split, path in listed.items()}
    return FileDataset(source.classes, source.void_labels, source.size, pairs)


def _pair(root: Path, split: str, names: tuple[str, ...]) -> dict[str, Pair]:
    images = index_files(folder_below(root, split))
    masks = index_files(folder_below(root, f"{split}annot"))
    return {name: Pair(images.get(name), masks.get(name)) for name in names}
