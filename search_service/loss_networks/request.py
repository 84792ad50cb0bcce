"""What a caller may ask of the training of a loss network; needs pydantic alone."""

from search_service.jobs.fields import DatasetName, JobRequest
from workers.tasks.loss_networks import LossNetworkOptions


class LossNetworkRequest(LossNetworkOptions, JobRequest):
    """The training of a loss network on the masks of a dataset's training split.

    Attributes:
        dataset: Name of a registered dataset.
    """

    dataset: DatasetName
