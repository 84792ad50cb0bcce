"""What a retraining ends with; needs pydantic alone."""

from pydantic import Field

from search_service.loss_networks.result import SuppliedNetwork
from workers.tasks.described import Described
from workers.tasks.objects import ObjectReport


class RetrainingOutcome(Described):
    """What a retraining ends with.

    Attributes:
        loss: Name of the loss, or the weighted sum.
        version: Its version in the zoo; null of a weighted sum.
        versions: Versions of the sum's terms, by name.
        metrics: All scores on the split, by name.
        objects: How objects were made, and their scores; null where none were made.
        files: The job's files.
        seconds: Wall time of training and scoring.
        loss_networks: Those that the loss carries.
    """

    loss: str
    version: int | None = None
    versions: dict[str, int] = Field(default_factory=dict)
    metrics: dict[str, float | None]
    objects: ObjectReport | None = None
    files: list[str] = Field(default_factory=list)
    seconds: float
    loss_networks: list[SuppliedNetwork] = Field(default_factory=list)
