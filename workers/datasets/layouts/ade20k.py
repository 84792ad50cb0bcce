"""ADE20K as in the scene parsing benchmark (ADEChallengeData2016): 150 classes, stored from 1."""

from workers.datasets.dataset import compare_counts
from workers.datasets.decoding import labels_from_one
from workers.datasets.file_dataset import FileDataset, pair_all
from workers.datasets.files import DatasetFolder
from workers.datasets.layouts.class_names import ADE20K
from workers.datasets.layouts.label_images import LabelImages
from workers.tasks.datasets import Ade20kSource

FOLDERS = {"train": "training", "val": "validation"}
PUBLISHED = {"train": 20_210, "val": 2000}


def open_ade20k(source: Ade20kSource, root: DatasetFolder) -> FileDataset:
    """Open the splits ``train`` and ``val``; label 0 is void, label k the class k - 1."""
    read = LabelImages(labels_from_one(len(ADE20K)))
    pairs = {
        split: pair_all(
            root,
            root.files(f"images/{folder}"),
            root.files(f"annotations/{folder}", ".png"),
            read,
        )
        for split, folder in FOLDERS.items()
    }
    remarks = ["The test split has no public labels; it is left out."]
    return FileDataset(
        source, root, ADE20K, pairs, remarks=remarks + compare_counts(pairs, PUBLISHED)
    )
