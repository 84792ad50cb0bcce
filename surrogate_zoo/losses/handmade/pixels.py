"""Handmade losses that are means over pixels."""

from collections.abc import Sequence
from typing import Any, Unpack

import torch
import torch.nn.functional as F
from torch import Tensor

from surrogate_zoo.errors import InputError
from surrogate_zoo.losses import declarations
from surrogate_zoo.losses.class_weights import numbers_of
from surrogate_zoo.losses.constants import Constants
from surrogate_zoo.losses.handmade.base import Common, HandmadeLoss
from surrogate_zoo.losses.handmade.batch import Batch
from surrogate_zoo.metrics.maps import rows_by_label


def entropies(batch: Batch) -> Tensor:
    """Cross entropy of every pixel, (N, H, W); 0 at void pixels."""
    if batch.soft is not None:
        return -(batch.soft * batch.scores.log_softmax(1)).sum(1)
    return F.cross_entropy(
        batch.scores, batch.target, ignore_index=batch.ignore_index, reduction="none"
    )


class _SlopesMadeOnce(torch.autograd.Function):
    """The same values, whose slopes a compiler makes once for each pixel.

    Going back through cross entropy it would make them anew for each class. What is viewed by its strides it
    keeps.
    """

    @staticmethod
    def forward(values: Tensor) -> Tensor:
        return values.view_as(values)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # noqa: ARG004
        return grad.as_strided(grad.shape, grad.stride())


class CrossEntropy(HandmadeLoss):
    """Mean cross entropy over valid pixels; 0 where ``F.cross_entropy`` gives NaN, without any."""

    no_soft = ""

    def of_valid(self, batch: Batch) -> Tensor:
        """Sum over valid pixels, divided by their number."""
        if batch.weights is not None or batch.soft is not None:
            return batch.mean(entropies(batch))
        total = F.cross_entropy(
            batch.scores, batch.target, ignore_index=self.ignore_index, reduction="sum"
        )
        return batch.total(total) / batch.pixels


class Focal(HandmadeLoss):
    """Focal loss: cross entropy times ``(1 - p)^gamma``, mean over valid pixels.

    Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, eq. 4, for several classes: p is the
    true class's softmax probability. With gamma 0 it is cross entropy.

    Args:
        gamma: Focusing exponent >= 0.
    """

    no_soft = ""

    def __init__(self, *, gamma: float, **common: Unpack[Common]) -> None:
        super().__init__(**common)
        declarations.FOCAL.check(gamma=gamma)
        self.gamma = gamma

    def of_valid(self, batch: Batch) -> Tensor:
        """Sum over valid pixels, divided by their number."""
        if batch.soft is not None:  # what is expected of the labels
            logs = batch.scores.log_softmax(1)
            faded = (-torch.expm1(logs)) ** self.gamma * logs
            return batch.mean(-(batch.soft * faded).sum(1))
        entropy = entropies(batch)
        if torch.compiler.is_compiling():
            entropy = _SlopesMadeOnce.apply(entropy)
        # 1 - p from the entropy -log p, without cancellation where p is near 1.
        wrong = -torch.expm1(-entropy)
        return batch.mean(wrong**self.gamma * entropy)


class TopKCrossEntropy(HandmadeLoss):
    """Cross entropy over the hardest share of the valid pixels (online hard example mining).

    Wu et al., Bridging Category-level and Instance-level Semantic Image Segmentation, 2016. The
    hardest pixels are picked from the whole batch.

    Args:
        share: Share of the valid pixels that counts, in (0, 1]; at least one pixel does.
    """

    def __init__(self, *, share: float, **common: Unpack[Common]) -> None:
        super().__init__(**common)
        declarations.TOP_K.check(share=share)
        self.share = share

    gathers = True
    no_soft = ""

    def of_valid(self, batch: Batch) -> Tensor:
        """Mean over the picked pixels."""
        # Void pixels come last; how many there are decides how many are picked, but no shape.
        entropy = entropies(batch).masked_fill(~batch.valid, -1).flatten()
        picked = (self.share * batch.valid.sum().double()).round().clamp(min=1)
        hardest = entropy.topk(min(entropy.numel(), max(1, round(self.share * entropy.numel()))))
        ranks = torch.arange(len(hardest.values), device=entropy.device)
        counted = (ranks < picked) & (hardest.values >= 0)
        weights = batch.pixel_weights
        if weights is None:
            return (hardest.values * counted).sum() / picked.to(entropy.dtype)
        own = weights.flatten()[hardest.indices] * counted
        return (hardest.values * own).sum() / (own.sum() + (own.sum() == 0))


class WeightedCrossEntropy(Constants, HandmadeLoss):
    """Cross entropy with class weights that are inverse to how frequent a class is.

    The value is the weighted mean over valid pixels, ``sum(w * entropy) / sum(w)``, as of
    ``F.cross_entropy(weight=w)``: only the weights' ratios matter, and the scale is cross entropy's.
    A class without pixels in ``class_pixels`` has weight 0, where public ports divide by 0 or by a
    tiny number that leaves no other class any weight.

    Eigen and Fergus, Predicting Depth, Surface Normals and Semantic Labels, ICCV 2015, weigh a pixel by
    the median of all frequencies over its class's; the median cancels in the weighted mean.

    Args:
        weighting: What a class's frequency is relative to: all pixels (``inverse``) or those of the
            images that hold the class (``median``, median frequency balancing).
        power: Exponent of the weights in [0, 1]: 1 is the literature's, 0 is cross entropy.
        class_image_pixels: Beside ``class_pixels``, valid pixels of the training split's images that
            hold the class, C numbers, for ``median``. None with ``class_pixels``: every image holds
            every class, which makes it ``inverse``.

    Without ``class_pixels`` they are counted in each batch, which makes ``inverse`` the mean over the batch's
    classes of each one's mean cross entropy.

    Attributes:
        weights: Weight of each class, >= 1 or 0, float64 (C,); None where each batch has its own.
    """

    no_multilabel = (
        "its weights are of classes that exclude each other; take cross-entropy with class_power"
    )
    shared = ()
    weights: Tensor | None

    def __init__(
        self,
        *,
        weighting: str,
        power: float,
        class_image_pixels: Sequence[float] | None = None,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        declarations.WEIGHTED.check(weighting=weighting, power=power)
        self.weighting, self.power = weighting, power
        weights, classes = None, self.labelling.labels
        class_pixels = common.get("class_pixels")
        if class_pixels is not None:
            counts = numbers_of("class_pixels", class_pixels, classes)
            whole = counts.sum().expand(classes)
            if weighting == "median" and class_image_pixels is not None:
                whole = numbers_of("class_image_pixels", class_image_pixels, classes)
            if bool((whole < counts).any()):
                raise InputError(
                    "class_image_pixels must be at least class_pixels, class by class."
                )
            weights = _inverse(counts, whole, power)
        self.register_buffer("weights", weights, persistent=False)

    def of_valid(self, batch: Batch) -> Tensor:
        """Weighted sum over valid pixels, divided by the sum of their weights."""
        pixels = _pixels_by_image(batch)
        weights = self._weights_of(pixels, batch) if self.weights is None else self.weights
        weights = weights.to(batch.scores.dtype)
        total = F.cross_entropy(
            batch.scores,
            batch.target,
            weight=weights,
            ignore_index=self.ignore_index,
            reduction="sum",
        )
        whole = batch.total((pixels.sum(0) * weights).sum())
        return batch.total(total) / (whole + (whole == 0))

    def _weights_of(self, pixels: Tensor, batch: Batch) -> Tensor:
        """Weights (C,) from a batch's own pixels (N, C)."""
        images = pixels.sum(1, keepdim=True)
        holds = (pixels > 0) | (self.weighting == "inverse")
        whole = batch.total((images * holds).sum(0))
        return _inverse(batch.total(pixels.sum(0)), whole, self.power)


def _inverse(counts: Tensor, whole: Tensor, power: float) -> Tensor:
    """``(whole / counts) ** power``, all (C,); 0 for a class without pixels."""
    return torch.where(counts > 0, (whole / counts.clamp(min=1)) ** power, 0)


def _pixels_by_image(batch: Batch) -> Tensor:
    """Valid pixels of each class in each image, (N, C) in the dtype of the scores."""
    counted = batch.valid.to(batch.scores.dtype)
    return rows_by_label(batch.labels, counted, batch.scores.shape[1]).sum(1)
