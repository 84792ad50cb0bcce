"""What a caller may ask of the training of a loss network; needs pydantic alone."""

from search_service.jobs.fields import DatasetName, Priority
from workers.tasks.base import Fraction, Seed, Spec
from workers.tasks.loss_networks import LossNetworkSpec


class LossNetworkRequest(Spec):
    """The training of a loss network on the masks of a dataset's training split.

    Attributes:
        dataset: Name of a registered dataset.
        network: What to train, and how.
        hold_out: Share of the training masks that the result is measured on.
        seed: Seeds the hold-out cut, weights, batches and noise.
        priority: See :data:`Priority`.
    """

    dataset: DatasetName
    network: LossNetworkSpec
    hold_out: Fraction = 0.2
    seed: Seed = 0
    priority: Priority = 0
