"""The proxy task of a search: what goes into it and what comes out of it, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from workers.tasks.base import Curve, Fraction, Seed, Side, Spec
from workers.tasks.datasets import DatasetSource
from workers.tasks.failures import Failure
from workers.tasks.hold_out import HoldOut
from workers.tasks.instances import ClusteringSpec
from workers.tasks.networks import NetworkSpec, check_statistics_are_there
from workers.tasks.scoring import (
    ScoringSpec,
    check_embeddings_are_given,
    check_objects_are_scored,
    names_objects,
)
from workers.tasks.training import TrainingSpec


class RejectionSpec(Spec):
    """Which losses are hopeless, so that nothing is trained with them (see ``workers.proxy.rejection``).

    Attributes:
        share: A loss is rejected that raises the metric by less than this share of what the straight
            line raises it by.
        steps: Gradient steps on the predictions.
        step_size: Change of a logit in one step, root mean square.
        images: Training masks to predict, at most a batch.
    """

    share: Fraction = 0.6
    steps: Annotated[int, Field(ge=1, le=1000)] = 5
    step_size: Annotated[float, Field(gt=0, le=100)] = 0.2
    images: Annotated[int, Field(ge=1, le=64)] = 8


class ProxyOptions(Spec):
    """What the proxy task of a search may be asked for.

    Attributes:
        metric: Name of the metric that scores the hold-out set, or a weighted sum of several.
        network: The proxy network.
        training: Its schedule.
        scoring: Options of the metric.
        hold_out: What candidates are scored on, most often a part of the training split.
        rejection: Which candidates are rejected as hopeless before they are trained; None trains all.
        frozen_encoder: Train decoder and heads alone, on an encoder that keeps its pretrained weights,
            and its batch statistics: a pack of candidates computes the features of a batch once.
        proxy_size: Bring images down, as the released search does: their short side to this many
            pixels before they are scaled and cropped for training; to be scored, the square in their
            middle too. Scores, and their tolerance, then count pixels of that size. None trains and
            scores at the size that images have.
        seed: Seeds the hold-out cut, the initial weights, the batches and the augmentation; all
            candidates of a search share it (common random numbers).
    """

    metric: str
    network: NetworkSpec = NetworkSpec()
    training: TrainingSpec = TrainingSpec()
    scoring: ScoringSpec = ScoringSpec()
    hold_out: HoldOut = HoldOut()
    rejection: RejectionSpec | None = None
    frozen_encoder: bool = False
    proxy_size: Side | None = None
    seed: Seed = 0

    @model_validator(mode="after")
    def _what_is_frozen_was_learned(self) -> Self:
        check_statistics_are_there(self.training, self.network)
        if self.frozen_encoder and not self.network.is_pretrained:
            raise ValueError(
                "frozen_encoder needs a pretrained encoder, random features teach nothing: set "
                "network.weights or network.weights_file"
            )
        return self

    @model_validator(mode="after")
    def _images_have_one_size(self) -> Self:
        if self.proxy_size and self.training.augmentation.short_side not in (None, self.proxy_size):
            raise ValueError(
                "proxy_size sets training.augmentation.short_side itself: leave one of them out"
            )
        return self

    @model_validator(mode="after")
    def _objects_can_be_scored(self) -> Self:
        check_objects_are_scored(self.metric, self.scoring)
        check_embeddings_are_given(self.scoring.clustering, self.network)
        if self.rejection is not None and names_objects(self.metric):
            raise ValueError(
                f"rejection tests predicted labels, and {self.metric} scores objects: leave it out"
            )
        return self

    @property
    def schedule(self) -> TrainingSpec:
        """The schedule, with images brought down where that is asked for."""
        if self.proxy_size is None:
            return self.training
        shown = self.training.augmentation.model_copy(update={"short_side": self.proxy_size})
        return self.training.model_copy(update={"augmentation": shown})


class ProxyTask(ProxyOptions):
    """The proxy task of a search: how one candidate loss is trained with and scored.

    The hold-out set is cut from the training split; val is read only where ``hold_out`` says so, test
    never.

    Attributes:
        dataset: Where the images are.
        loss_networks: Paths of the weights of the loss networks that candidates ask for, by kind.
        warm_start: Path of a learner's state (see ``workers.learning.states``) whose network candidates
            start from, each with an optimiser of its own; None starts from random weights.
        stop_after: Steps after which to stop in the middle of the schedule, and to score; None goes
            to the end.
        states: Folder of learners' states. Those that are stopped are kept there, and one that is
            found there goes on.
        rankseg: Score every network a second time with the decoding ``rankseg``; these metrics are named
            ``rankseg.<metric>``.
    """

    dataset: DatasetSource
    loss_networks: dict[str, str] = Field(default_factory=dict)
    warm_start: str | None = None
    stop_after: Annotated[int, Field(ge=1)] | None = None
    states: str | None = None
    rankseg: bool = False

    @model_validator(mode="after")
    def _stops_in_its_schedule(self) -> "ProxyTask":
        if self.stop_after is not None and self.stop_after > self.training.iterations:
            raise ValueError("stop_after must not be above training.iterations")
        return self


@dataclass(frozen=True)
class Candidate:
    """One candidate of a search.

    Attributes:
        number: Its trial number.
        loss: A loss file's content (``lossfit/loss/v1``), or a draft: its ``scale`` is null where it is
            to be measured on the first batch (see ``surrogate_zoo.losses.scale``).
        learning_rate: Its own peak learning rate; None takes the schedule's.
        embedding: Width of its network's embeddings; None takes that of the task's network.
        clustering: How objects are found in what it predicts, with a radius that fits to the margins of
            its loss; None takes that of the task's scoring.
        scaled: Whether it is trained with the scale that its loss has, or that is measured for it; otherwise
            with the scale 1.
    """

    number: int
    loss: dict[str, Any]
    learning_rate: float | None = None
    embedding: int | None = None
    clustering: ClusteringSpec | None = None
    scaled: bool = True


@dataclass(frozen=True)
class Outcome:
    """What became of one candidate.

    Attributes:
        number: The candidate's trial number.
        score: The task's metric on the hold-out set, as measured; None where the candidate failed or
            was rejected.
        metrics: All metrics on the hold-out set; a metric with nothing to measure is left out.
        error: Why it failed or was rejected, or None.
        failure: Which class of failure that was; None where it did not fail, or was rejected.
        seconds: Wall-clock seconds of its training and evaluation; a pack's are shared evenly.
        curve: (iteration, mean training loss since the point before), about fifty points.
        worker: Where it ran: host, pid, device, threads and the version of torch. Scores repeat bit
            for bit on a CPU with the same thread count and version. On a GPU also how its ``steps`` ran:
            ``graph``, or ``loop`` and why not as a graph.
        iterations: Steps that it was trained for.
        rejected: Whether it was not trained because it is hopeless (see ``workers.proxy.rejection``).
        scales: What was measured for a draft, as ``surrogate_zoo.losses.scale.filled`` takes it.
        hold_out: How the hold-out set was cut, in a sentence.
        stopped: Whether it was trained outside, and ended early there as one of the worst; its scores are
            then what it is told to have come to.
    """

    number: int
    score: float | None
    metrics: Mapping[str, float]
    error: str | None
    seconds: float
    curve: Curve = ()
    worker: Mapping[str, str | int] = field(default_factory=dict)
    iterations: int = 0
    rejected: bool = False
    scales: tuple[float, ...] = ()
    hold_out: str = ""
    stopped: bool = False
    failure: Failure | None = None


def state_path(folder: str | Path, number: int) -> Path:
    """Where the state of the candidate of that number lies in ``folder``, ``ProxyTask.states`` say."""
    return Path(folder) / f"{number}.pt"
