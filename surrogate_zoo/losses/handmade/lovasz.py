"""Lovasz-softmax: the one loss of regions that sorts pixels."""

import sys
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from surrogate_zoo.curves.pointwise import pieces
from surrogate_zoo.losses import declarations
from surrogate_zoo.losses.handmade.base import Batch, HandmadeLoss


class LovaszSoftmax(HandmadeLoss):
    """Lovasz-softmax: convex extension of the Jaccard loss, mean over the classes present.

    Berman et al., The Lovasz-Softmax loss, CVPR 2018, Algorithm 1. Written here because
    segmentation-models-pytorch counts pixels in float32, which is wrong beyond 2^24 of them, fails for
    float64 logits, and takes the steps as differences of ratios, which leaves its gradients 3 digits.

    Args:
        num_classes: C.
        ignore_index: Label of void pixels.
        per_image: Mean of the images' losses in place of one loss over the batch.
    """

    def __init__(self, *, num_classes: int, ignore_index: int = 255, per_image: bool) -> None:
        super().__init__(num_classes=num_classes, ignore_index=ignore_index)
        declarations.LOVASZ.check(per_image=per_image)
        self.per_image = per_image

    def of_valid(self, batch: Batch) -> Tensor:
        """The loss of the batch's valid pixels, or the mean over images that hold any."""
        probabilities = batch.scores.softmax(1)
        labels = batch.target.masked_fill(~batch.valid, -1)
        if not self.per_image:
            return _lovasz(probabilities, labels)
        images = zip(probabilities[:, None], labels[:, None], strict=True)
        losses = [_lovasz(p, mask) for p, mask in images if bool((mask >= 0).any())]
        return torch.stack(losses).mean() if losses else probabilities.sum() * 0


def _lovasz(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Mean over the classes present.

    Args:
        probabilities: (N, C, H, W).
        labels: (N, H, W), -1 at void pixels.
    """
    result: Tensor = _Lovasz.apply(probabilities, labels)
    return result


class _Lovasz(torch.autograd.Function):
    """The loss is linear in the errors for a given order of them, so one sort gives value and slope."""

    @staticmethod
    def forward(ctx: Any, probabilities: Tensor, labels: Tensor) -> Tensor:
        counts = torch.bincount(labels.flatten() + 1, minlength=probabilities.shape[1] + 1)
        present = counts[1:].nonzero()[:, 0]
        valid = (labels >= 0).to(probabilities.dtype) if bool(counts[0] > 0) else None
        slopes = torch.zeros_like(probabilities)
        value = probabilities.new_zeros(())
        for rows in pieces(labels.flatten().expand(len(present), -1)):
            classes = present[rows]
            truth = (labels == classes[:, None, None, None]).to(probabilities.dtype)
            wrong = probabilities[:, classes].movedim(1, 0) - truth
            if valid is not None:
                # A void pixel has error 0, so it comes last, where it changes nothing.
                wrong *= valid
            steps = _jaccard_steps(wrong.abs().flatten(1), truth.flatten(1)).view_as(wrong)
            signed = wrong.sgn().mul_(steps)
            value += torch.dot(signed.flatten(), wrong.flatten())
            slopes[:, classes] = signed.movedim(0, 1)
        share = 1 / max(len(present), 1)
        ctx.save_for_backward(slopes.mul_(share))
        return value * share

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (slopes,) = ctx.saved_tensors
        return grad * slopes, None


def _jaccard_steps(errors: Tensor, truth: Tensor) -> Tensor:
    """How much the Jaccard loss of a class grows with each pixel that is got wrong, worst first.

    Args:
        errors: (K, P), >= 0.
        truth: 1 for pixels of the class, else 0, (K, P); some are 1 in every row.

    Returns:
        (K, P), in the order of the pixels. Each step is a formula of counts; a difference of two
        ratios would keep one or two digits of it in float32.
    """
    order = _descending(errors)
    of_class = truth.gather(1, order)
    passed = of_class.cumsum(1, dtype=torch.int32)
    left = (passed[:, -1:] - passed).to(errors.dtype)
    rank = torch.arange(1, errors.shape[1] + 1, device=errors.device, dtype=errors.dtype)
    union = left + rank
    # 1 / union for a pixel of the class, left / (union (union - 1)) for another, without a branch.
    steps = torch.addcmul(left, of_class, rank).div_(union).div_(of_class.add_(union).sub_(1))
    return torch.empty_like(steps).scatter_(1, order, steps)


def _descending(errors: Tensor) -> Tensor:
    """Indices that sort each row of errors >= 0, largest first; int64 (K, P)."""
    if errors.device.type != "cpu" or errors.dtype != torch.float32:
        return errors.argsort(1, descending=True)
    # NumPy sorts whole numbers many times faster than torch sorts with indices. The bits of a float
    # >= 0, read as a whole number, grow with it: they are the upper half of a key, turned around,
    # and the pixel's index is the lower half.
    keys = torch.empty((*errors.shape, 2), dtype=torch.int32)
    index, bits = (1, 0) if sys.byteorder == "big" else (0, 1)
    keys[..., index] = torch.arange(errors.shape[1], dtype=torch.int32)
    torch.bitwise_not(errors.view(torch.int32), out=keys[..., bits])
    keys.view(torch.int64)[..., 0].numpy().sort(axis=1)
    return keys[..., index].long()
