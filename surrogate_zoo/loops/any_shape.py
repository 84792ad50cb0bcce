"""A loss for training loops whose logits and targets have other shapes than the zoo's."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from surrogate_zoo.errors import InputError
from surrogate_zoo.labelling import SIZES, Labelling

Levels = Tensor | Sequence[Tensor]
"""A tensor, or one for each level of deep supervision."""


class AnyShapeLoss(nn.Module):
    """Calls a loss of the zoo with logits and targets as other libraries hand them over.

    - Logits of another size than the target, as SegFormer's of a quarter, are interpolated to it,
      bilinear (trilinear of volumes), ``align_corners=False``.
    - Labels may be floating point, as in nnU-Net and MONAI.
    - Targets may be one-hot, (N, C, H, W), as in MONAI; a pixel without any class is void. Of a multilabel
      they are as they are.
    - Lists are levels of deep supervision, each with a target, or all with one; the value is their mean
      by ``weights``.

    Args:
        loss: A loss of the zoo that takes logits and target alone.
        ignore_index: The loss's label of void pixels.
        weights: Of the levels, >= 0, in their order, their sum above 0; those of weight 0 are not
            computed. None weighs each half of the one before, as nnU-Net does.

    Raises:
        InputError: ``weights`` are not such numbers.
    """

    def __init__(
        self,
        loss: nn.Module,
        *,
        ignore_index: int = 255,
        weights: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        if weights is not None and not (min(weights, default=-1) >= 0 and sum(weights) > 0):
            raise InputError(f"weights must be numbers >= 0 with a sum above 0, not {weights}.")
        self.loss, self.ignore_index = loss, ignore_index
        self.weights = None if weights is None else tuple(weights)

    def forward(self, logits: Levels, target: Levels) -> Tensor:
        """Return the loss.

        Args:
            logits: Float (N, C, h, w), or of volumes (N, C, d, h, w), or a list of such.
            target: What the loss takes, in any dtype; or one-hot (N, C, H, W); or a list.

        Raises:
            InputError: Lists of different lengths, a target of another shape, labels that are not
                whole; and what the loss itself refuses.
        """
        outputs = [logits] if isinstance(logits, Tensor) else list(logits)
        targets = [target] * len(outputs) if isinstance(target, Tensor) else list(target)
        weights = self.weights or tuple(0.5**level for level in range(len(outputs)))
        if not len(outputs) == len(targets) == len(weights):
            raise InputError(
                f"{len(outputs)} levels of logits have {len(targets)} targets and {len(weights)} weights."
            )
        values = [
            weight * self._at(*level)
            for weight, *level in zip(weights, outputs, targets, strict=True)
            if weight
        ]
        return torch.stack(values).sum() / sum(weights)

    def _at(self, logits: Tensor, target: Tensor) -> Tensor:
        labelling: Labelling | None = getattr(self.loss, "labelling", None)
        one = labelling is None or not labelling.multilabel
        labels = labels_of(target, logits, self.ignore_index) if one else target
        axes = logits.ndim - 2
        size = labels.shape[-axes:]
        if logits.shape[2:] != size:
            mode = "bilinear" if axes == SIZES[0] else "trilinear"
            logits = F.interpolate(logits, size=size, mode=mode)
        value: Tensor = self.loss(logits, labels)
        return value


def labels_of(target: Tensor, logits: Tensor, ignore_index: int = 255) -> Tensor:
    """Labels, (N, S) or (N, 1, S), of a target as of :class:`AnyShapeLoss`; probabilities as they are.

    Raises:
        InputError: It has labels that are not whole.
    """
    if target.ndim == logits.ndim and target.shape[1] == logits.shape[1] > 1:
        looking = target.is_floating_point() and not torch.compiler.is_compiling()
        if looking and not bool(((target == 0) | (target == 1)).all()):
            return target
        marks = target if target.is_floating_point() else target.int()
        return marks.argmax(1).masked_fill(marks.amax(1) == 0, ignore_index)
    return whole(target)


def whole(target: Tensor) -> Tensor:
    """Integer labels of labels in any dtype.

    Raises:
        InputError: They are not whole.
    """
    if not target.is_floating_point():
        return target
    labels = target.long()
    if not torch.compiler.is_compiling() and not bool((labels == target).all()):
        raise InputError("target holds labels that are not whole numbers: is it a probability?")
    return labels
