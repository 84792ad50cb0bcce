"""What the images of a dataset are, as networks and batches have to know it."""

from workers.datasets.dataset import Samples
from workers.datasets.reports.band_statistics import statistics_of
from workers.tasks.datasets import DatasetSource
from workers.tasks.file_sources import FilesSource
from workers.tasks.images import RGB, ImageFormat


def images_of(source: DatasetSource, training: Samples) -> ImageFormat:
    """The format of a dataset's images: RGB, or its bands with their mean and deviation.

    Args:
        source: The dataset. What registering it found counts.
        training: Its training split, which bands are measured on where it is not registered.
    """
    if not isinstance(source, FilesSource) or source.bands is None:
        return RGB
    known = source.registered
    if known is not None and known.depth and known.mean and known.deviation:
        return ImageFormat(
            bands=source.bands, depth=known.depth, mean=known.mean, deviation=known.deviation
        )
    found = statistics_of(training.images)
    return ImageFormat(
        bands=source.bands, depth=found.depth, mean=found.mean, deviation=found.deviation
    )
