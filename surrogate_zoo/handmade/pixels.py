"""Handmade losses that are means over pixels."""

import torch
import torch.nn.functional as F
from torch import Tensor

from surrogate_zoo.errors import InputError
from surrogate_zoo.handmade.base import Batch, HandmadeLoss


def entropies(batch: Batch) -> Tensor:
    """Cross entropy of every pixel, (N, H, W); 0 at void pixels."""
    return F.cross_entropy(
        batch.scores, batch.target, ignore_index=batch.ignore_index, reduction="none"
    )


class CrossEntropy(HandmadeLoss):
    """Mean cross entropy over valid pixels; 0 where ``F.cross_entropy`` gives NaN, without any."""

    def of_valid(self, batch: Batch) -> Tensor:
        """Sum over valid pixels, divided by their number."""
        total = F.cross_entropy(
            batch.scores, batch.target, ignore_index=self.ignore_index, reduction="sum"
        )
        return total / batch.pixels


class Focal(HandmadeLoss):
    """Focal loss: cross entropy times ``(1 - p)^gamma``, mean over valid pixels.

    Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, eq. 4, for several classes: p is the
    true class's softmax probability. With gamma 0 it is cross entropy.

    Args:
        num_classes: C.
        ignore_index: Label of void pixels.
        gamma: Focusing exponent >= 0.
    """

    def __init__(self, *, num_classes: int, ignore_index: int = 255, gamma: float = 2.0) -> None:
        super().__init__(num_classes=num_classes, ignore_index=ignore_index)
        if gamma < 0:
            raise InputError(f"gamma must be at least 0, not {gamma}.")
        self.gamma = gamma

    def of_valid(self, batch: Batch) -> Tensor:
        """Sum over valid pixels, divided by their number."""
        entropy = entropies(batch)
        # 1 - p from the entropy -log p, without cancellation where p is near 1.
        wrong = -torch.expm1(-entropy)
        return (wrong**self.gamma * entropy).sum() / batch.pixels


class TopKCrossEntropy(HandmadeLoss):
    """Cross entropy over the hardest share of the valid pixels (online hard example mining).

    Wu et al., Bridging Category-level and Instance-level Semantic Image Segmentation, 2016. The
    hardest pixels are picked from the whole batch.

    Args:
        num_classes: C.
        ignore_index: Label of void pixels.
        share: Share of the valid pixels that counts, in (0, 1]; at least one pixel does.
    """

    def __init__(self, *, num_classes: int, ignore_index: int = 255, share: float = 0.25) -> None:
        super().__init__(num_classes=num_classes, ignore_index=ignore_index)
        if not 0 < share <= 1:
            raise InputError(f"share must be above 0 and at most 1, not {share}.")
        self.share = share

    def of_valid(self, batch: Batch) -> Tensor:
        """Mean over the picked pixels."""
        entropy = entropies(batch)
        pixels = entropy[batch.valid]
        if not len(pixels):
            return entropy.sum()
        return pixels.topk(max(1, round(self.share * len(pixels)))).values.mean()
