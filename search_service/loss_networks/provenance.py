"""What a published loss network says about where it comes from."""

from typing import TYPE_CHECKING, Any

from search_service.jobs.provenance import LICENCE, installed_versions
from search_service.store.tables import Dataset
from workers.tasks.loss_networks import LossNetworkResult, LossNetworkTask

if TYPE_CHECKING:  # samplers load torch
    pass


def of_loss_network(
    job_id: str, dataset: Dataset, task: LossNetworkTask, trained: LossNetworkResult
) -> dict[str, Any]:
    """What a repeat needs beyond the row's own columns; the dataset is told as in :func:`of_search`."""
    return {
        "job": job_id,
        "dataset": {"name": dataset.name, **dataset.report},
        "hold_out": task.hold_out.model_dump(mode="json"),
        "parameters": trained.parameters,
        "seconds": trained.seconds,
        "versions": installed_versions(),
        "licence": LICENCE,
    }
