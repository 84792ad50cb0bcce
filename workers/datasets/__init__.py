"""Datasets: generated shapes, the SegNet layout, a plain folder. NumPy and Pillow alone."""

from workers.datasets.dataset import VOID, Dataset, Samples
from workers.datasets.layouts import LAYOUTS, open_dataset
from workers.datasets.report import DatasetReport, describe

__all__ = ["LAYOUTS", "VOID", "Dataset", "DatasetReport", "Samples", "describe", "open_dataset"]
