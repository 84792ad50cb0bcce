"""What a caller may ask of a retraining; needs pydantic alone."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from search_service.jobs.fields import (
    DatasetName,
    LossTerms,
    Name,
    Priority,
    Version,
    check_terms,
    term_names,
)
from search_service.presets import filled
from search_service.retrainings.presets import RETRAINING_PRESETS, RetrainingPreset
from surrogate_zoo.sums import is_sum
from workers.tasks.base import Seed, Spec
from workers.tasks.networks import NetworkSpec
from workers.tasks.retraining import EarlyStopSpec, Log
from workers.tasks.scoring import InferenceSpec, ScoringSpec
from workers.tasks.training import Devices, TrainingSpec, check_devices


class RetrainingRequest(Spec):
    """A full training with a loss of the zoo, or with a weighted sum of several.

    Attributes:
        loss: Name of the loss in the zoo, or a weighted sum: ``0.5*cross-entropy+0.5*dice``.
        version: Its version; None takes the newest at the time of the request.
        versions: Versions of a weighted sum's terms, by name; a term that is left out takes the
            newest at the time of the request.
        dataset: Name of a registered dataset.
        preset: What network, training, scoring and inference are where they are not given: a paper's
            schedule, see :data:`search_service.retrainings.presets.RETRAINING_PRESETS`. None takes
            the defaults.
        network: The network.
        training: Its schedule; single fields that are not given are the preset's.
        scoring: Options of the metrics.
        inference: How the predictions that are scored are made.
        split: Split that the result is scored on.
        seed: Seeds initial weights, batches and augmentation.
        checkpoint_every: Steps between two checkpoints.
        devices: GPUs of one machine that share every batch; processes where there are none.
        early_stop: When to end before the schedule does; None never.
        log: Logs among the files: ``tensorboard``.
        priority: See :data:`Priority`.
    """

    loss: LossTerms
    version: Version | None = None
    versions: dict[Name, Version] = Field(default_factory=dict)
    dataset: DatasetName
    preset: RetrainingPreset | None = None
    network: NetworkSpec = NetworkSpec()
    training: TrainingSpec = TrainingSpec()
    scoring: ScoringSpec = ScoringSpec()
    inference: InferenceSpec = InferenceSpec()
    split: Literal["val", "test"] = "val"
    seed: Seed = 0
    checkpoint_every: Annotated[int, Field(ge=1)] = 200
    devices: Devices = 1
    early_stop: EarlyStopSpec | None = None
    log: tuple[Log, ...] = ()
    priority: Priority = 0

    @model_validator(mode="before")
    @classmethod
    def _fill_in_preset(cls, given: object) -> object:
        return filled(given, RETRAINING_PRESETS)

    @model_validator(mode="after")
    def _shares_are_alike(self) -> Self:
        check_devices(self.training, self.devices)
        return self

    @model_validator(mode="after")
    def _versions_fit(self) -> Self:
        if self.version is not None and is_sum(self.loss):
            raise ValueError(
                "version is of a single loss; give the versions of a weighted sum's terms as "
                'versions, such as {"dice": 1}'
            )
        check_terms("versions", self.versions, self.terms)
        return self

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of a weighted sum's terms, each once; none of a single loss."""
        return term_names(self.loss) if is_sum(self.loss) else ()
