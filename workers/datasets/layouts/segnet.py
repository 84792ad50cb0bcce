"""The SegNet layout, as CamVid comes: ``train.txt``, ``train/``, ``trainannot/``, and so on."""

from workers.datasets.file_dataset import FileDataset, Pair, pair_listed
from workers.datasets.files import DatasetFolder
from workers.datasets.layouts.label_images import LabelImages
from workers.datasets.layouts.name_lists import read_names
from workers.datasets.layouts.splits import listed_in
from workers.tasks.datasets import SegNetSource


def open_segnet(source: SegNetSource, root: DatasetFolder) -> FileDataset:
    """Open a dataset in the SegNet layout; ``train.txt`` is required, the other splits are not."""
    read = LabelImages.of(source)
    pairs: dict[str, dict[str, Pair]] = {}
    for split in listed_in(root):
        images, masks = root.files(split), root.files(f"{split}annot")
        names = read_names(root, f"{split}.txt", images, masks)
        pairs[split] = pair_listed(names, images, masks, read)
    return FileDataset(source, root, source.classes, pairs)
