"""What travels between the service and a worker: datasets, networks, trainings, as frozen values.

Every value is checked where it is made, so a worker never meets a negative size. The module needs
pydantic alone, so that the API can check a request without loading torch.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from workers.dataset_sources import DatasetSource
from workers.retraining_specs import EarlyStopSpec, Log, MlflowSpec
from workers.spec_base import Fraction, Seed, Side, Spec

Precision = Literal["float32", "bfloat16", "float16"]
"""What a network's convolutions are computed in."""


class NetworkSpec(Spec):
    """A segmentation network.

    Attributes:
        architecture: A name of :data:`workers.architectures.ARCHITECTURES`.
        encoder: An encoder's name in segmentation-models-pytorch, or ``tu-`` and a name of timm;
            None for a network that has none to choose.
        weights: ``imagenet`` for pretrained encoder weights, None for a random start.
        weights_file: Path on the workers of a safetensors file with the encoder's weights instead,
            as huggingface.co has it or as a retraining left it.
        options: Further keyword arguments of the architecture, e.g. ``decoder_channels``.
    """

    architecture: str = "DeepLabV3Plus"
    encoder: str | None = "resnet18"
    weights: Literal["imagenet"] | None = None
    weights_file: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _weights_come_from_one_place(self) -> "NetworkSpec":
        if self.weights is not None and self.weights_file is not None:
            raise ValueError("weights and weights_file exclude each other: set weights to null")
        return self


class AugmentationSpec(Spec):
    """Random scale, crop, flip and colour jitter; the defaults are the released proxy task's.

    Attributes:
        scale: Range of the random scale factor; (1, 1) switches scaling off.
        flip: Probability of a horizontal flip.
        colour: Strength of brightness, contrast and saturation jitter, 0 switches it off.
    """

    scale: tuple[Annotated[float, Field(gt=0, le=8)], Annotated[float, Field(gt=0, le=8)]] = (
        0.5,
        2.0,
    )
    flip: Annotated[float, Field(ge=0, le=1)] = 0.5
    colour: Annotated[float, Field(ge=0, le=1)] = 0.25

    @model_validator(mode="after")
    def _scale_is_a_range(self) -> "AugmentationSpec":
        if self.scale[0] > self.scale[1]:
            raise ValueError("scale must be (smallest, largest)")
        return self


class TrainingSpec(Spec):
    """One SGD training: the schedule of the released proxy task unless changed.

    Attributes:
        iterations: Optimiser steps.
        batch_size: Images a step.
        accumulate: Parts that a step's batch is cut into, one forward and backward pass each, to
            save memory. Gradients are the mean of the parts'. A part has batch statistics of its
            own, and so has a loss that is a ratio of sums: the result is near that of 1, not the
            same.
        crop: (height, width) of a training crop in pixels.
        learning_rate: Peak learning rate of the encoder.
        minimum_learning_rate: Floor of the poly decay.
        power: Exponent of the poly decay.
        warmup: Steps of linear warm-up before the decay.
        momentum: SGD momentum.
        weight_decay: L2 penalty.
        head_factor: Learning-rate factor of everything that is not the encoder.
        auxiliary_weight: Weight of the same loss on auxiliary logits, which inference does without:
            the network's own, or those of a head on the encoder's stage before the last. 0 goes
            without; None is 0.4 for a network that has its own (OCRNet), else 0.
        precision: What the network's convolutions are computed in while it trains; weights and
            losses are float32. None is float32 on a CPU, and on a GPU bfloat16, or float16 with
            loss scaling where it has no bfloat16. Predictions are made as with None.
        ema_decay: Score and save an exponential moving average of the weights instead, which keeps
            this share of itself at every step (see ``workers.averaging``); None does without.
        augmentation: See :class:`AugmentationSpec`.
    """

    iterations: Annotated[int, Field(ge=1, le=10_000_000)] = 1000
    batch_size: Annotated[int, Field(ge=2, le=4096)] = 32
    accumulate: Annotated[int, Field(ge=1, le=2048)] = 1
    crop: tuple[Side, Side] = (128, 128)
    learning_rate: Annotated[float, Field(gt=0, le=100)] = 0.02
    minimum_learning_rate: Annotated[float, Field(ge=0, le=100)] = 1e-4
    power: Annotated[float, Field(gt=0, le=10)] = 0.9
    warmup: Annotated[int, Field(ge=0)] = 0
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 5e-4
    head_factor: Annotated[float, Field(gt=0, le=1000)] = 10.0
    auxiliary_weight: Annotated[float, Field(ge=0, le=100)] | None = None
    precision: Precision | None = None
    ema_decay: Annotated[float, Field(ge=0, lt=1)] | None = None
    augmentation: AugmentationSpec = AugmentationSpec()

    @model_validator(mode="after")
    def _schedule_falls(self) -> "TrainingSpec":
        if self.minimum_learning_rate > self.learning_rate:
            raise ValueError("minimum_learning_rate must not be above learning_rate")
        if self.warmup >= self.iterations:
            raise ValueError("warmup must be shorter than iterations")
        return self

    @model_validator(mode="after")
    def _parts_are_alike(self) -> "TrainingSpec":
        if self.batch_size % self.accumulate or self.batch_size < 2 * self.accumulate:
            raise ValueError(
                "accumulate must cut batch_size into equal parts of two images or more: "
                "batch statistics of one image are none"
            )
        return self


Devices = Annotated[int, Field(ge=1, le=64)]
"""Devices that share the batches of one training."""


def check_devices(training: TrainingSpec, devices: int) -> None:
    """Refuse shares of different sizes, and of single images, which have no batch statistics.

    Raises:
        ValueError: ``devices`` does not cut the batches into equal parts of two images or more.
    """
    part = training.batch_size // training.accumulate
    if devices > 1 and (part % devices or part < 2 * devices):
        raise ValueError(
            f"devices must cut the {part} images of a forward pass into equal parts of two or more"
        )


class RejectionSpec(Spec):
    """Which losses are hopeless, so that nothing is trained with them (see ``workers.rejection``).

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


class ScoringSpec(Spec):
    """How predictions are scored (see ``surrogate_zoo.SegmentationEvaluator``).

    Attributes:
        tolerance: Boundary tolerance in pixels of the boundary metrics.
        exclude_background: Leave class 0 out of boundaries (PASCAL VOC).
    """

    tolerance: Annotated[int, Field(ge=0, le=64)] = 5
    exclude_background: bool = False


class InferenceSpec(Spec):
    """How predictions are made of a network's logits: on whole images, once, unless changed.

    Attributes:
        window: (height, width) in pixels of a window that slides over the image; where windows
            overlap, their logits are averaged. None predicts whole images.
        overlap: Share of the window that neighbours have in common, at least.
        scales: The image is predicted at each of these scales, and the probabilities averaged.
        flip: Predict the mirrored image too, and average the probabilities.
        decoding: How probabilities become labels: ``argmax``, the likeliest class of every pixel; or
            ``rankseg``, the labels of an image that maximise its expected mean IoU, all pixels
            together (RankSEG-RMA, Wang and Dai, NeurIPS 2025).
    """

    window: tuple[Side, Side] | None = None
    overlap: Annotated[float, Field(ge=0, lt=1)] = 1 / 3
    scales: Annotated[
        tuple[Annotated[float, Field(ge=0.1, le=4)], ...], Field(min_length=1, max_length=16)
    ] = (1.0,)
    flip: bool = False
    decoding: Literal["argmax", "rankseg"] = "argmax"


class ProxyTask(Spec):
    """The proxy task of a search: how one candidate loss is trained with and scored.

    The hold-out set is cut from the training split; val and test are never read.

    Attributes:
        dataset: Where the images are.
        metric: Name of the metric that scores the hold-out set, or a weighted sum of several.
        network: The proxy network.
        training: Its schedule.
        scoring: Options of the metric.
        hold_out: Share of the training split that is held out for the score.
        seed: Seeds the hold-out cut, the initial weights, the batches and the augmentation; all
            candidates of a search share it (common random numbers).
        loss_networks: Paths of the weights of the loss networks that candidates ask for, by kind.
        rejection: Which candidates are rejected before they are trained; None trains all.
        warm_start: Path of a learner's state (see ``workers.kept_states``) whose network candidates
            start from, each with an optimiser of its own; None starts from random weights.
        stop_after: Steps after which to stop in the middle of the schedule, and to score; None goes
            to the end.
        states: Folder of learners' states. Those that are stopped are kept there, and one that is
            found there goes on.
    """

    dataset: DatasetSource
    metric: str
    network: NetworkSpec = NetworkSpec()
    training: TrainingSpec = TrainingSpec()
    scoring: ScoringSpec = ScoringSpec()
    hold_out: Fraction = 0.2
    seed: Seed = 0
    loss_networks: dict[str, str] = Field(default_factory=dict)
    rejection: RejectionSpec | None = None
    warm_start: str | None = None
    stop_after: Annotated[int, Field(ge=1)] | None = None
    states: str | None = None

    @model_validator(mode="after")
    def _stops_in_its_schedule(self) -> "ProxyTask":
        if self.stop_after is not None and self.stop_after > self.training.iterations:
            raise ValueError("stop_after must not be above training.iterations")
        return self


class RetrainingTask(Spec):
    """A full training with one loss, scored on a split that the search never saw.

    Attributes:
        dataset: Where the images are.
        loss: A loss file's content (``segloss/loss/v1``).
        network: The network.
        training: Its schedule.
        scoring: Options of the metrics.
        inference: How the predictions that are scored are made.
        split: Split that the result is scored on.
        seed: Seeds initial weights, batches and augmentation.
        checkpoint_every: Steps between two checkpoints.
        devices: GPUs of one machine that share every batch, and CPU processes where there are none;
            the loss is that of the whole batch.
        early_stop: When to end before the schedule does; None never.
        log: Logs to write into the folder: loss and learning rate every 20 iterations, scores.
        mlflow: Where MLflow logs the same; None does not.
        loss_networks: Paths of the weights of the loss networks that the loss asks for, by kind.
        rankseg: Score the network a second time with the decoding ``rankseg``: a control of what
            needs no training.
    """

    dataset: DatasetSource
    loss: dict[str, Any]
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
    mlflow: MlflowSpec | None = None
    loss_networks: dict[str, str] = Field(default_factory=dict)
    rankseg: bool = False

    @model_validator(mode="after")
    def _shares_are_alike(self) -> "RetrainingTask":
        check_devices(self.training, self.devices)
        return self


# Presets for two CPU cores, measured on the generated dataset (one thread of a 2.6 GHz EPYC).
#
# A proxy takes 3.4 s of training and 0.2 s of scoring; 7% of that is batch assembly. Scores on the
# hold-out set (hold_out 0.25, seeds 0 and 1) in percent:
#
#         cross entropy  straight line  published  16 drawn around the line   rank correlation of
#                                       (VOC)      (sigma 0.2): range         those between seeds
#   mAcc  48, 50         63, 67         64, 63     32..65, 31..69             0.69
#   BF1   45, 45         46, 46         42, 43     44..51, 40..48             0.60
QUICK_NETWORK = NetworkSpec(
    architecture="Linknet", encoder="tu-resnet18", options={"encoder_depth": 2}
)
"""170,000 weights: a ResNet-18 cut after its first stage, since thin shapes need fine maps."""

QUICK_PROXY = TrainingSpec(
    iterations=120,
    batch_size=8,
    crop=(48, 48),
    learning_rate=0.2,
    warmup=5,
    head_factor=1.0,
    augmentation=AugmentationSpec(scale=(1.0, 1.0), colour=0.1),
)
"""Schedule of a proxy of the ``quick`` preset."""

# A minute on one thread. On val: cross entropy mIoU 48, mAcc 57, BF1 50 (tolerance 2); published
# mAcc parameters mAcc 75; naive mAcc surrogate mAcc 69; naive BF1 surrogate BF1 76.
QUICK_RETRAINING = TrainingSpec(
    iterations=500,
    batch_size=16,
    crop=(64, 64),
    learning_rate=0.2,
    warmup=10,
    head_factor=1.0,
    augmentation=AugmentationSpec(scale=(0.9, 1.2), colour=0.1),
)
"""Schedule of a retraining of the ``quick`` preset."""

QUICK_SCORING = ScoringSpec(tolerance=2)
"""Two pixels of a 64-pixel image; the five of the default would forgive most errors."""

QUICK_HOLD_OUT = 0.25
"""40 of the 160 training images."""
