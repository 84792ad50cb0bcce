"""What a caller may ask of the training of a loss network; needs pydantic alone."""

from pydantic import ConfigDict

from search_service.jobs.fields import DatasetName, JobRequest
from workers.tasks.loss_networks import LossNetworkOptions


class LossNetworkRequest(LossNetworkOptions, JobRequest):
    """The training of a loss network on the masks of a dataset's training split.

    Attributes:
        dataset: Name of a registered dataset.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"dataset": "shapes", "network": {"kind": "edge_network", "iterations": 200}},
            ]
        }
    )

    dataset: DatasetName
