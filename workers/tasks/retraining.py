"""A retraining: what it may be asked for, what goes into it and what comes out, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from surrogate_zoo.sums import is_sum, parse_sum
from workers.tasks.base import FolderTask, Seed, Spec
from workers.tasks.datasets import DatasetSource
from workers.tasks.hold_out import HoldOut
from workers.tasks.networks import NetworkSpec, check_statistics_are_there
from workers.tasks.objects import ClusteringTuning, ObjectOptions
from workers.tasks.scoring import (
    InferenceSpec,
    check_embeddings_are_given,
    check_objects_are_scored,
)
from workers.tasks.training import Devices, TrainingSpec, check_parts


def _is_metric(text: str) -> str:
    """Check the form of a metric's name or of a weighted sum; whether it exists is seen later."""
    if is_sum(text):
        parse_sum(text)
    return text


class EarlyStopSpec(Spec):
    """Looks at a hold-out set, which is not trained on.

    The split that the result is scored on is never looked at. The weights of the best look are
    kept; a schedule that ends first keeps them too.

    Attributes:
        metric: What is looked at: the name of a metric, or a weighted sum of several.
        hold_out: What is looked at, most often a part of the training split.
        every: Iterations between two looks; the schedule's end is looked at in any case.
        patience: Looks in a row without a better score after which the training ends.
    """

    metric: Annotated[str, AfterValidator(_is_metric)] = "miou"
    hold_out: HoldOut = HoldOut(share=0.1)
    every: Annotated[int, Field(ge=1)] = 500
    patience: Annotated[int, Field(ge=1)] = 5


WEIGHTS = "weights.safetensors"
"""Name of the file with the trained weights in a retraining's folder."""

METRICS = "metrics.json"
"""Name of the file with what it scored."""

CHECKPOINT = "checkpoint.pt"
"""Name of the file that it goes on from."""

Log = Literal["tensorboard"]
"""A log that a retraining can write into its folder."""


class MlflowSpec(Spec):
    """Where a retraining is logged by MLflow.

    Attributes:
        tracking_uri: As MLflow reads it: ``http://host:5000``, ``sqlite:////path/mlflow.db``, ...
        run: Name of the run; a retraining that goes on continues the newest run of its name.
        experiment: Name of the experiment; made if it is not there.
    """

    tracking_uri: Annotated[str, Field(min_length=1)]
    run: str
    experiment: str = "lossfit"


class RetrainingOptions(ObjectOptions):
    """What retrainings may be asked for, alone or in a comparison; objects as :class:`ObjectOptions`.

    Attributes:
        training: The schedule.
        inference: How the predictions that are scored are made.
        split: Split that the result is scored on.
        checkpoint_every: Steps between two checkpoints.
        devices: Workers that share every batch, of one machine or of several. Losses and batch
            statistics are those of the whole batch: the result is that of 1, up to rounding.
        early_stop: When to end before the schedule does, by a hold-out set of each retraining's own;
            None never.
    """

    training: TrainingSpec = TrainingSpec()
    inference: InferenceSpec = InferenceSpec()
    split: Literal["val", "test"] = "val"
    checkpoint_every: Annotated[int, Field(ge=1)] = 200
    devices: Devices = 1
    early_stop: EarlyStopSpec | None = None

    @model_validator(mode="after")
    def _shares_are_alike(self) -> Self:
        check_parts(self.training, self.devices)
        return self

    @property
    def held_out(self) -> HoldOut | None:
        """What is not trained on, for early stopping and the tuning of clusterings."""
        asked = (self.early_stop, self.tune_clustering)
        return next((each.hold_out for each in asked if each is not None), None)

    @model_validator(mode="after")
    def _scored_split_is_not_looked_at(self) -> Self:
        for name in ("early_stop", "tune_clustering"):
            asked: EarlyStopSpec | ClusteringTuning | None = getattr(self, name)
            if asked is None:
                continue
            if asked.hold_out.split == self.split:
                raise ValueError(
                    f"{name}.hold_out looks at the split {self.split}, which the result is scored on: "
                    "leave its split out, or score another one"
                )
            if asked.hold_out != self.held_out:
                raise ValueError(
                    "early_stop and tune_clustering look at one hold-out set: give both the same "
                    "hold_out"
                )
        return self

    @model_validator(mode="after")
    def _objects_are_looked_at(self) -> Self:
        if self.early_stop is not None:
            check_objects_are_scored(self.early_stop.metric, self.scoring)
        return self


class SingleRetrainingOptions(RetrainingOptions):
    """What one retraining may be asked for.

    Attributes:
        network: The network.
        seed: Seeds initial weights, batches and augmentation.
        log: Logs to write into the folder: loss and learning rate every 20 iterations, scores.
    """

    network: NetworkSpec = NetworkSpec()
    seed: Seed = 0
    log: tuple[Log, ...] = ()

    @model_validator(mode="after")
    def _frozen_statistics_were_learned(self) -> Self:
        check_statistics_are_there(self.training, self.network)
        return self

    @model_validator(mode="after")
    def _embeddings_are_given(self) -> Self:
        for clustering in self.ways.values():
            check_embeddings_are_given(clustering, self.network)
        return self


@dataclass(frozen=True)
class RetrainingResult:
    """A finished retraining.

    Attributes:
        metrics: All metrics on the task's split; a metric with nothing to measure is left out.
        files: Names of the files written into its folder.
        seconds: Wall-clock seconds it took, interruptions left out.
        objects: What was told of objects, see ``workers.retraining.objects``; empty where none were
            made.
        remarks: What went on without, such as a log that did not answer, in plain sentences.
    """

    metrics: Mapping[str, float]
    files: tuple[str, ...]
    seconds: float
    objects: Mapping[str, Any] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


class RetrainingTask(SingleRetrainingOptions, FolderTask[RetrainingResult]):
    """A full training with one loss, scored on a split that the search never saw.

    Attributes:
        dataset: Where the images are.
        loss: A loss file's content (``lossfit/loss/v1``).
        mlflow: Where MLflow logs what ``log`` does; None does not.
        loss_networks: Paths of the weights of the loss networks that the loss asks for, by kind.
        rankseg: Score the network a second time with the decoding ``rankseg``: a control of what
            needs no training.
    """

    dataset: DatasetSource
    loss: dict[str, Any]
    mlflow: MlflowSpec | None = None
    loss_networks: dict[str, str] = Field(default_factory=dict)
    rankseg: bool = False

    @property
    def workers(self) -> int:
        """One for each of ``devices``."""
        return self.devices
