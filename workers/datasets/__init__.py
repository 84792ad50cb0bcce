"""Datasets in the layouts that their owners have on disk; most need NumPy and Pillow alone."""

from workers.datasets.dataset import VOID, Dataset, Samples
from workers.datasets.layouts import LAYOUTS, open_dataset
from workers.datasets.picture import draw_samples
from workers.datasets.report import DatasetReport, describe

__all__ = [
    "LAYOUTS",
    "VOID",
    "Dataset",
    "DatasetReport",
    "Samples",
    "describe",
    "draw_samples",
    "open_dataset",
]
