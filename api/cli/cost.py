"""What a job will cost, said before it is submitted where no worker has a GPU."""

from collections.abc import Mapping
from typing import Any, Final

from api.cli.output.console import duration, say
from api.client.client import Client
from api.client.jobs import Jobs
from search_service.jobs.estimate import Estimate

_SHORT_MINUTES: Final = 10
_SMALL: Final = "quick"
"""The preset that is made for processors."""


def warn_without_gpu(client: Client, jobs: Jobs[Any], body: Mapping[str, object]) -> None:
    """Say what a job will cost where no worker has a GPU, unless it is known to be over in minutes.

    Raises:
        ServiceError: The request is refused; submitted it would be, too.
    """
    if body.get("preset") == _SMALL or body.get("trainer") == "external":
        return
    devices = [worker.device for worker in client.workers.list() if worker.device is not None]
    if not devices or any(device != "cpu" for device in devices):
        return
    estimate = jobs.estimate(body)
    if estimate.minutes is None or estimate.minutes > _SHORT_MINUTES:
        say(_told(estimate, len(devices)))


def _told(estimate: Estimate, workers: int) -> str:
    size = f"{estimate.trainings:,.0f} trainings, {estimate.steps:,.0f} steps"
    if estimate.minutes is None:
        return (
            f"No worker has a GPU, and nothing like this was trained here yet: {size} may take long. "
            "--preset quick takes minutes on two cores."
        )
    lasts = duration(60 * estimate.minutes / workers)
    return (
        f"No worker has a GPU: {size} take about {lasts} on {workers} workers, as measured on "
        f"{estimate.measured_on} trainings. --preset quick takes minutes on two cores."
    )
