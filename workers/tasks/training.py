"""What travels between the service and a worker: datasets, networks, trainings, as frozen values.

Every value is checked where it is made, so a worker never meets a negative size. The module needs
pydantic alone, so that the API can check a request without loading torch.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from workers.tasks.base import Side, Spec

Precision = Literal["float32", "bfloat16", "float16"]
"""What a network's convolutions are computed in."""


class AugmentationSpec(Spec):
    """Random scale, crop, flip and colour jitter; the defaults are the released proxy task's.

    Attributes:
        scale: Range of the random scale factor; (1, 1) switches scaling off.
        flip: Probability of a horizontal flip.
        colour: Strength of brightness, contrast and saturation jitter, 0 switches it off.
        short_side: Scale factors are relative to the image with its short side at this many pixels;
            None, to the image as it is.
    """

    scale: tuple[Annotated[float, Field(gt=0, le=8)], Annotated[float, Field(gt=0, le=8)]] = (
        0.5,
        2.0,
    )
    flip: Annotated[float, Field(ge=0, le=1)] = 0.5
    colour: Annotated[float, Field(ge=0, le=1)] = 0.25
    short_side: Side | None = None

    @model_validator(mode="after")
    def _scale_is_a_range(self) -> "AugmentationSpec":
        if self.scale[0] > self.scale[1]:
            raise ValueError("scale must be (smallest, largest)")
        return self


MOMENTUM = 0.9
"""SGD's momentum, unless another is asked for."""

Beta = Annotated[float, Field(ge=0, lt=1)]


class TrainingSpec(Spec):
    """One training: the schedule of the released proxy task unless changed.

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
        optimiser: ``sgd``, or ``adamw`` (Loshchilov and Hutter, ICLR 2019), whose rates are about a
            hundredth of those of SGD.
        momentum: SGD's momentum.
        betas: AdamW's averaging of gradients and of their squares; None is (0.9, 0.999).
        weight_decay: SGD's L2 penalty on all weights; AdamW's decoupled decay, which leaves out biases
            and the weights of normalisations.
        head_factor: Learning-rate factor of everything that is not the encoder.
        auxiliary_weight: Weight of the same loss on auxiliary logits, which inference does without:
            the network's own, or those of a head on the encoder's stage before the last. 0 goes
            without; None is 0.4 for a network that has its own (OCRNet), else 0.
        precision: What the network's convolutions are computed in while it trains; weights and
            losses are float32. None is float32 on a CPU, and on a GPU bfloat16, or float16 with
            loss scaling where it has no bfloat16. Predictions are made as with None.
        ema_decay: Score and save an exponential moving average of the weights instead, which keeps
            this share of itself at every step (see ``workers.learning.averaging``); None does without.
        frozen_statistics: Whether the encoder's batch normalisations keep the means and variances that
            its pretrained weights came with, as DeepLab v2 and SEMEDA do, so that small batches do no
            harm; their scales and shifts learn on.
        augmentation: How training images are varied.
    """

    iterations: Annotated[int, Field(ge=1, le=10_000_000)] = 1000
    batch_size: Annotated[int, Field(ge=2, le=4096)] = 32
    accumulate: Annotated[int, Field(ge=1, le=2048)] = 1
    crop: tuple[Side, Side] = (128, 128)
    learning_rate: Annotated[float, Field(gt=0, le=100)] = 0.02
    minimum_learning_rate: Annotated[float, Field(ge=0, le=100)] = 1e-4
    power: Annotated[float, Field(gt=0, le=10)] = 0.9
    warmup: Annotated[int, Field(ge=0)] = 0
    optimiser: Literal["sgd", "adamw"] = "sgd"
    momentum: Annotated[float, Field(ge=0, lt=1)] = MOMENTUM
    betas: tuple[Beta, Beta] | None = None
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 5e-4
    head_factor: Annotated[float, Field(gt=0, le=1000)] = 10.0
    auxiliary_weight: Annotated[float, Field(ge=0, le=100)] | None = None
    precision: Precision | None = None
    ema_decay: Annotated[float, Field(ge=0, lt=1)] | None = None
    frozen_statistics: bool = False
    augmentation: AugmentationSpec = AugmentationSpec()

    @model_validator(mode="after")
    def _schedule_falls(self) -> "TrainingSpec":
        if self.minimum_learning_rate > self.learning_rate:
            raise ValueError(
                f"minimum_learning_rate is {self.minimum_learning_rate:g} and learning_rate "
                f"{self.learning_rate:g}: lower the minimum, which the rate falls to"
            )
        if self.warmup >= self.iterations:
            raise ValueError(
                f"warmup is {self.warmup} steps and the training has {self.iterations} iterations: set "
                f"warmup below {self.iterations}, to 0 say, or train longer"
            )
        return self

    @model_validator(mode="after")
    def _options_are_of_the_optimiser(self) -> Self:
        if self.optimiser == "sgd" and self.betas is not None:
            raise ValueError("betas are AdamW's: set optimiser to adamw, or leave them out")
        if self.optimiser == "adamw" and self.momentum != MOMENTUM:
            raise ValueError("AdamW takes no momentum: leave it out, and set betas instead")
        return self

    def with_learning_rate(self, rate: float) -> Self:
        """The schedule with another peak rate, its floor lowered in proportion where the rate is."""
        share = min(1.0, rate / self.learning_rate)
        floor = share * self.minimum_learning_rate
        return self.model_copy(update={"learning_rate": rate, "minimum_learning_rate": floor})

    @model_validator(mode="after")
    def _parts_are_alike(self) -> "TrainingSpec":
        if self.batch_size % self.accumulate or self.batch_size < 2 * self.accumulate:
            raise ValueError(
                f"accumulate is {self.accumulate} and batch_size {self.batch_size}: it must cut the batch "
                "into equal parts of two images or more, since batch statistics of one image are none"
            )
        return self


Devices = Annotated[int, Field(ge=1, le=64)]
"""Workers that share the batches of one training."""


def check_parts(training: TrainingSpec, devices: int) -> None:
    """Refuse parts of different sizes.

    Raises:
        ValueError: ``devices`` does not cut the batches into equal parts.
    """
    part = training.batch_size // training.accumulate
    if part % devices:
        raise ValueError(f"devices must cut the {part} images of a forward pass into equal parts")
