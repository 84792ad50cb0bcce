"""Handmade losses that compare regions: sums over the batch first, then a ratio of each class."""

from typing import NamedTuple, Unpack

import torch
from torch import Tensor

from surrogate_zoo.batch import may_hold_void
from surrogate_zoo.labelling import ONLY_SETS
from surrogate_zoo.losses import declarations
from surrogate_zoo.losses.handmade.base import Common, HandmadeLoss
from surrogate_zoo.losses.handmade.batch import Batch
from surrogate_zoo.metrics.maps import rows_by_label
from surrogate_zoo.metrics.probabilities import probabilities


class Overlap(NamedTuple):
    """Sums over the batch's valid pixels, (K,) each, K as of ``Batch.by_class``.

    Attributes:
        both: Probability of the class where it is the true one.
        predicted: Probability of the class; its square, if so asked for.
        pixels: Pixels of the class in the target.
    """

    both: Tensor
    predicted: Tensor
    pixels: Tensor


def overlap(batch: Batch, *, squared: bool = False) -> Overlap:
    """Sum softmax probabilities by class; void pixels do not count."""
    num_classes, labels = batch.scores.shape[1], batch.labels
    counted = batch.valid.to(batch.scores.dtype)
    void = ~batch.valid if may_hold_void(batch.valid) else None
    every, true = probabilities(batch.scores, labels, void)
    if squared and batch.soft is not None:
        sums = (every * batch.soft, every.square(), batch.soft.square())
        return Overlap(*_by_class(batch, *(each.sum((2, 3)) for each in sums)))
    predicted = (every.square() if squared else every).sum((2, 3))
    both, pixels = (rows_by_label(labels, each, num_classes).sum(1) for each in (true, counted))
    return Overlap(*_by_class(batch, both, predicted, pixels))


def _by_class(batch: Batch, *sums: Tensor) -> Tensor:
    """Sums of masks and their classes, (N, C) each, over the whole batch: (sums, K)."""
    return batch.total(batch.by_class(torch.stack(sums, -1)).T)


def _of_valid(values: Tensor, batch: Batch) -> Tensor:
    """Values (N, C, H, W), 0 at void pixels."""
    return values * batch.valid[:, None] if may_hold_void(batch.valid) else values


def mean_of_present(losses: Tensor, pixels: Tensor, weights: Tensor | None) -> Tensor:
    """Mean by weights of losses (K,) over the classes with pixels in the target; 0 without any."""
    present = (pixels > 0).to(losses.dtype)
    if weights is None:
        return (losses * present).sum() / present.sum().clamp(min=1)
    whole = (weights * present).sum()
    return (losses * present * weights).sum() / (whole + (whole == 0))


class Dice(HandmadeLoss):
    """1 - mean over the classes present of the Dice coefficient over the batch.

    Sudre et al., Generalised Dice overlap, DLMIA 2017, eq. 2; with a squared denominator Milletari et
    al., V-Net, 3DV 2016, section 3. Written here because segmentation-models-pytorch lets an absent
    class add 0 to a mean over all classes, which scales the loss by the share of classes present, and
    because ports label void pixels with the last class.

    Args:
        smooth: Added to numerator and denominator.
        squared: Sum squares of probabilities in the denominator.
    """

    shared = declarations.REDUCES

    def __init__(
        self,
        *,
        smooth: float,
        squared: bool = False,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        declarations.DICE.check(smooth=smooth, squared=squared)
        self.smooth, self.squared = smooth, squared
        self.no_soft = "" if squared else ONLY_SETS

    def of_valid(self, batch: Batch) -> Tensor:
        """``1 - (2 both + smooth) / (predicted + pixels + smooth)``."""
        both, predicted, pixels = overlap(batch, squared=self.squared)
        whole = predicted + pixels + self.smooth
        coefficients = (2 * both + self.smooth) / (whole + (whole == 0))
        # Rounding of the sums must not take it below 0.
        return mean_of_present((1 - coefficients).clamp(min=0), pixels, batch.weights)


class Tversky(HandmadeLoss):
    """1 - mean over the classes present of the Tversky index over the batch.

    Salehi et al., Tversky loss function for image segmentation, MLMI 2017, eq. 3: false positives
    weigh alpha, false negatives beta; with both 1/2 it is Dice. A focusing exponent below 1 makes it
    the focal Tversky loss (Abraham and Khan, ISBI 2019, eq. 4, with exponent 1 / gamma).

    Args:
        alpha: Weight of false positives, >= 0.
        beta: Weight of false negatives, >= 0; the two are not both 0.
        exponent: Of each class's loss, > 0.
    """

    shared = declarations.REDUCES
    no_soft = ONLY_SETS

    # Below this a class's loss is linear: a root's slope at 0 is infinite.
    _FLAT = 1e-6

    def __init__(
        self,
        *,
        alpha: float,
        beta: float,
        exponent: float,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        declarations.TVERSKY.check(alpha=alpha, beta=beta, exponent=exponent)
        self.alpha, self.beta, self.exponent = alpha, beta, exponent

    def of_valid(self, batch: Batch) -> Tensor:
        """``1 - both / (both + alpha FP + beta FN)``, raised to the exponent."""
        both, predicted, pixels = overlap(batch)
        missed = self.alpha * (predicted - both) + self.beta * (pixels - both)
        missed = missed.clamp(min=0)  # what the rounding of the sums may leave below 0
        whole = both + missed
        losses = missed / (whole + (whole == 0))
        if self.exponent != 1:
            curved = losses.clamp(min=self._FLAT) ** self.exponent
            losses = torch.where(
                losses < self._FLAT, losses * self._FLAT ** (self.exponent - 1), curved
            )
        return mean_of_present(losses, pixels, batch.weights)


class JaccardMetric(HandmadeLoss):
    """Jaccard metric loss: the soft Jaccard loss, made fit for soft labels; mean over classes present.

    Wang, Ning and Blaschko, Jaccard Metric Losses, NeurIPS 2023. Of probabilities x and labels y of
    one class at all valid pixels of the batch, with d the sum of ``|x - y|``::

        JML1 = 1 - (|x| + |y| - d) / (|x| + |y| + d)        JML2 = 1 - <x, y> / (<x, y> + d)

    On hard labels both are ``1 - <x, y> / (|x| + |y| - <x, y>)``, which on soft labels has its minimum
    elsewhere than at x = y. The released code adds a smoothing term to both sums; none is needed here,
    since a class present has a union above 0.

    Args:
        smoothing: Share of every label that is spread evenly over all classes, in [0, 1). Above 0 the
            minimum lies at the smoothed labels, and a one-hot prediction has a loss above 0. The
            paper smooths at boundaries only.
        variant: 1 or 2, for JML1 or JML2.
    """

    shared = declarations.REDUCES
    no_soft = ""

    def __init__(
        self,
        *,
        smoothing: float,
        variant: int,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        declarations.JACCARD_METRIC.check(smoothing=smoothing, variant=variant)
        self.smoothing, self.variant = smoothing, variant

    def of_valid(self, batch: Batch) -> Tensor:
        """``d / union`` of each class; the union is that of the variant."""
        if batch.soft is None and not self.smoothing:
            return self._of_labels(batch)
        softmax = batch.scores.softmax(1)
        counted = batch.valid.to(softmax.dtype)
        classes = softmax.shape[1]
        floor, rest = self.smoothing / classes, 1 - self.smoothing
        # Label by label, and no difference of sums: it is never below 0.
        wrong = _wrong(softmax - floor if floor else softmax, batch, rest)
        wrong = _of_valid(wrong.abs(), batch).sum((2, 3))
        both, pixels = _hits(softmax, counted, batch)
        both, pixels, wrong = _by_class(batch, rest * both, pixels, wrong)
        whole = counted.sum((1, 2))[:, None].expand(-1, classes)
        predicted = _of_valid(softmax, batch).sum((2, 3))
        predicted, whole = _by_class(batch, predicted, whole)
        mass = predicted + rest * pixels + floor * whole
        union = (mass + wrong) / 2 if self.variant == 1 else both + wrong + floor * predicted
        return mean_of_present(wrong / (union + (union == 0)), pixels, batch.weights)

    @staticmethod
    def _of_labels(batch: Batch) -> Tensor:
        """The same on hard labels, where both variants are one and d is a matter of three sums."""
        both, predicted, pixels = overlap(batch)
        # What the rounding of the sums may leave below 0.
        wrong = (predicted - both).clamp(min=0) + (pixels - both).clamp(min=0)
        union = both + wrong
        return mean_of_present(wrong / (union + (union == 0)), pixels, batch.weights)


def _hits(probabilities: Tensor, counted: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Probability of each class where it is the true one, and its valid pixels, (N, C) both."""
    if batch.soft is not None:
        return (probabilities * batch.soft).sum((2, 3)), batch.soft.sum((2, 3))
    true = probabilities.gather(1, batch.labels[:, None])[:, 0] * counted
    classes = probabilities.shape[1]
    both, pixels = (rows_by_label(batch.labels, each, classes).sum(1) for each in (true, counted))
    return both, pixels


def _wrong(probabilities: Tensor, batch: Batch, share: float = 1.0) -> Tensor:
    """Probabilities less one-hot labels times ``share``, (N, C, H, W); void counts as class 0."""
    if batch.soft is not None:
        return probabilities - share * batch.soft
    labels = batch.labels[:, None]
    less = torch.full_like(labels, -share, dtype=probabilities.dtype)
    return probabilities.scatter_add(1, labels, less)
