"""Handmade baselines behind the contract of all losses: void untouched, absent classes left out."""

import torch
import torch.nn.functional as F
from segmentation_models_pytorch import losses as smp
from torch import Tensor, nn

from surrogate_zoo.errors import InputError
from surrogate_zoo.surrogate import check_batch


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
            # Zero logits under void: whatever stands there, NaN too, reaches neither value nor gradient.
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
    """Dice loss over the batch (Milletari et al. 2016), from segmentation-models-pytorch.

    Departs from the library in the mean: there an absent class adds 0 to a mean over all classes,
    which scales the loss by the share of classes present; here absent classes are left out.

    Args:
        num_classes: C.
        ignore_index: Label of void pixels.
        smooth: Added to numerator and denominator.
    """

    def __init__(self, *, num_classes: int, ignore_index: int = 255, smooth: float = 0.0) -> None:
        super().__init__(num_classes=num_classes, ignore_index=ignore_index)
        self.loss = smp.DiceLoss("multiclass", smooth=smooth, ignore_index=ignore_index)

    def of_valid(self, scores: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        """The library's loss, as a mean over the classes present."""
        counts = torch.bincount(target[valid], minlength=self.num_classes)
        present = (counts > 0).sum().clamp(min=1)
        loss: Tensor = self.loss(scores, target) * (self.num_classes / present)
        return loss


class LovaszSoftmax(HandmadeLoss):
    """Lovasz-softmax over the classes present (Berman et al. 2018), from segmentation-models-pytorch.

    The library sees the valid pixels alone, as one image of one row: void pixels never reach its
    sort, and a batch without valid pixels never reaches its mean over no classes.

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
        self.loss = smp.LovaszLoss("multiclass", per_image=False)

    def of_valid(self, scores: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        """The library's loss of the batch, or the mean over images that hold valid pixels."""
        groups = zip(*(torch.split(t, 1) for t in (scores, target, valid)), strict=True)
        batches = list(groups) if self.per_image else [(scores, target, valid)]
        losses = [self._of_pixels(s, t, v) for s, t, v in batches if bool(v.any())]
        return torch.stack(losses).mean() if losses else scores.sum() * 0

    def _of_pixels(self, scores: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        pixels = scores.movedim(1, 0)[:, valid]
        loss: Tensor = self.loss(pixels[None, :, None, :], target[valid][None, None, :])
        return loss
