"""Handmade baselines behind the contract of all losses: void untouched, absent classes left out."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from surrogate_zoo.errors import InputError
from surrogate_zoo.surrogate import check_batch, may_hold_void


class HandmadeLoss(nn.Module):
    """Base of the handmade losses: checks the batch, lifts half precision, leaves void pixels out.

    A subclass computes the loss of valid pixels alone in :meth:`of_valid`. A batch that is all void
    has loss 0 and gradient 0.

    Args:
        num_classes: C.
        ignore_index: Label of void pixels.

    Attributes:
        check_values: Look for labels out of range and for NaN; see ``SurrogateLoss.check_values``.
    """

    def __init__(self, *, num_classes: int, ignore_index: int = 255) -> None:
        super().__init__()
        if num_classes < 2:
            raise InputError(f"num_classes must be at least 2, not {num_classes}.")
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.check_values = True

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss of a batch.

        Args:
            logits: Scores before softmax, float (N, C, H, W). Half precision is computed in float32.
            target: Labels, int64 (N, H, W), 0..C-1 or ``ignore_index``.

        Returns:
            Scalar >= 0, float32 (float64 for float64 logits).

        Raises:
            InputError: A wrong shape or dtype, a label out of range, or NaN or infinite logits.
        """
        check_batch(logits, target, self.num_classes, self.ignore_index, values=self.check_values)
        with torch.autocast(logits.device.type, enabled=False):
            scores = logits if logits.dtype == torch.float64 else logits.float()
            valid = target != self.ignore_index
            if may_hold_void(valid):
                # Whatever stands at void pixels, NaN too, reaches neither value nor gradient.
                scores = scores.masked_fill(~valid[:, None], 0)
            loss = self.of_valid(scores, target, valid)
        if self.check_values and not bool(torch.isfinite(loss.detach())):
            raise InputError(
                "logits hold NaN or infinite values at valid pixels: lower the learning rate."
            )
        return loss

    def of_valid(self, scores: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        """Return the loss of the valid pixels.

        Args:
            scores: Logits, float32 or float64 (N, C, H, W), 0 at void pixels.
            target: Labels, int64 (N, H, W), void included.
            valid: Bool (N, H, W).
        """
        raise NotImplementedError


class CrossEntropy(HandmadeLoss):
    """Mean cross entropy over valid pixels; 0 where ``F.cross_entropy`` gives NaN, without any."""

    def of_valid(self, scores: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        """Sum over valid pixels, divided by their number."""
        total = F.cross_entropy(scores, target, ignore_index=self.ignore_index, reduction="sum")
        return total / valid.sum().clamp(min=1)


class Dice(HandmadeLoss):
    """1 - mean over the classes present of the Dice coefficient over the batch.

    Milletari et al., V-Net, 3DV 2016, with the L1 denominator. Written here because
    segmentation-models-pytorch lets an absent class add 0 to a mean over all classes, which scales
    the loss by the share of classes present.

    Args:
        num_classes: C.
        ignore_index: Label of void pixels.
        smooth: Added to numerator and denominator.
    """

    def __init__(self, *, num_classes: int, ignore_index: int = 255, smooth: float = 0.0) -> None:
        super().__init__(num_classes=num_classes, ignore_index=ignore_index)
        if smooth < 0:
            raise InputError(f"smooth must be at least 0, not {smooth}.")
        self.smooth = smooth

    def of_valid(self, scores: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        """Sums over the batch first, then the ratio of each class."""
        probabilities = scores.softmax(1) * valid[:, None]
        labels = target.masked_fill(~valid, 0)
        truth = torch.zeros_like(probabilities).scatter_(
            1, labels[:, None], valid[:, None].to(scores.dtype)
        )
        pixels, found = truth.sum((0, 2, 3)), probabilities.sum((0, 2, 3))
        both = (probabilities * truth).sum((0, 2, 3))
        present = (pixels > 0).to(scores.dtype)
        whole = found + pixels + self.smooth
        coefficients = (2 * both + self.smooth) / (whole + (whole == 0))
        return ((1 - coefficients) * present).sum() / present.sum().clamp(min=1)


class LovaszSoftmax(HandmadeLoss):
    """Lovasz-softmax: convex extension of the Jaccard loss, mean over the classes present.

    Berman et al., The Lovasz-Softmax loss, CVPR 2018, Algorithm 1, all classes sorted at once. Written
    here because segmentation-models-pytorch counts pixels in float32, which is wrong beyond 2^24 of
    them and fails for float64 logits.

    Args:
        num_classes: C.
        ignore_index: Label of void pixels.
        per_image: Mean of the images' losses in place of one loss over the batch.
    """

    def __init__(
        self, *, num_classes: int, ignore_index: int = 255, per_image: bool = False
    ) -> None:
        super().__init__(num_classes=num_classes, ignore_index=ignore_index)
        self.per_image = per_image

    def of_valid(self, scores: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        """The loss of the batch's valid pixels, or the mean over images that hold any."""
        probabilities = scores.softmax(1)
        if not self.per_image:
            return self._of_pixels(probabilities.movedim(1, 0)[:, valid], target[valid])
        images = zip(probabilities, target, valid, strict=True)
        losses = [self._of_pixels(p[:, v], t[v]) for p, t, v in images if bool(v.any())]
        return torch.stack(losses).mean() if losses else scores.sum() * 0

    def _of_pixels(self, probabilities: Tensor, labels: Tensor) -> Tensor:
        """Loss of pixels (C, P) with labels (P,)."""
        present = torch.bincount(labels, minlength=self.num_classes).nonzero()
        if not len(present):
            return probabilities.sum()
        truth = labels == present  # (classes present, P)
        errors, order = (
            (truth.to(probabilities.dtype) - probabilities[present[:, 0]])
            .abs()
            .sort(1, descending=True)
        )
        truth = truth.gather(1, order)
        pixels = truth.sum(1, keepdim=True)
        intersection = pixels - truth.cumsum(1)
        union = pixels + (~truth).cumsum(1)
        jaccard = 1 - intersection.to(errors.dtype) / union
        steps = torch.diff(jaccard, dim=1, prepend=torch.zeros_like(jaccard[:, :1]))
        return (errors * steps).sum(1).mean()
