"""The base of the handmade losses: one contract, void untouched."""

import torch
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
