"""What a pixel of a dataset may carry, as losses, networks and evaluators have to know it."""

from surrogate_zoo.labelling import Labelling, labelling_of
from surrogate_zoo.modes import channels_of, mode_of_logits
from workers.datasets.dataset import Dataset


def labelling_in(dataset: Dataset) -> Labelling:
    """The labelling of a dataset's masks: one channel where it is binary, one a class otherwise."""
    channels = channels_of(len(dataset.classes), dataset.mode)
    return labelling_of(channels, mode_of_logits(dataset.mode))
