"""Lovasz-softmax: the one loss of regions that sorts pixels."""

import sys
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from surrogate_zoo.curves.pointwise import pieces, sloped
from surrogate_zoo.labelling import ONLY_SETS
from surrogate_zoo.losses import declarations
from surrogate_zoo.losses.handmade.base import HandmadeLoss
from surrogate_zoo.losses.handmade.batch import Batch


class LovaszSoftmax(HandmadeLoss):
    """Lovasz-softmax: convex extension of the Jaccard loss, mean over the classes present.

    Berman et al., The Lovasz-Softmax loss, CVPR 2018, Algorithm 1. Written here because
    segmentation-models-pytorch counts pixels in float32, which is wrong beyond 2^24 of them, fails for
    float64 logits, and takes the steps as differences of ratios, which leaves its gradients 3 digits.
    """

    gathers = True
    shared = declarations.REDUCES
    no_soft = ONLY_SETS

    def of_valid(self, batch: Batch) -> Tensor:
        """The loss of the batch's valid pixels."""
        probabilities = batch.scores.softmax(1)
        labels = batch.target.masked_fill(~batch.valid, -1)
        truth = _Truth(labels[:, None], torch.arange(probabilities.shape[1], device=labels.device))
        if batch.channels:  # the class on of each channel
            size = (-1, batch.channels, *labels.shape[1:])
            probabilities, labels = probabilities[:, 1].reshape(size), labels.view(size)
            truth = _Truth(
                labels, torch.ones(batch.channels, dtype=torch.int64, device=labels.device)
            )
        scene = (truth, batch.weights)
        return sloped(
            partial(_present_classes, *scene), partial(_all_classes, *scene), probabilities
        )


class _Truth(NamedTuple):
    """Where each of K classes is.

    Attributes:
        labels: (N, 1, H, W), or (N, K, H, W) of a mask for each class; -1 at void pixels.
        names: Label of each class, int64 (K,).
    """

    labels: Tensor
    names: Tensor

    def of(self, rows: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """1 for pixels of some classes, and 1 for the valid ones, (R, N, H, W), or (1, ...) of valid ones."""
        own = self.labels if self.labels.shape[1] == 1 else self.labels[:, rows]
        own = own.movedim(1, 0)
        truth = own == self.names[rows][:, None, None, None]
        return truth.to(dtype), own >= 0

    def present(self) -> Tensor:
        """Whether each class has pixels, bool (K,)."""
        if self.labels.shape[1] == len(self.names):
            return (self.labels == self.names[:, None, None]).flatten(2).any(2).any(0)
        return torch.bincount(self.labels.flatten() + 1, minlength=len(self.names) + 1)[1:] > 0


def _shares(present: Tensor, weights: Tensor | None, dtype: torch.dtype) -> Tensor:
    """What each class has of the mean over the present ones, (K,)."""
    counted = present.to(dtype) if weights is None else present * weights
    whole = counted.sum()
    return counted / (whole + (whole == 0))


def _present_classes(
    target: _Truth, weights: Tensor | None, probabilities: Tensor
) -> tuple[Tensor, Tensor]:
    """Value and slopes: the loss is linear in the errors for a given order of them."""
    present = target.present()
    shares = _shares(present, weights, probabilities.dtype)
    rows = present.nonzero()[:, 0]
    void = bool((target.labels < 0).any())
    slopes = torch.zeros_like(probabilities)
    value = probabilities.new_zeros(())
    for part in pieces(probabilities[:, 0].reshape(-1).expand(len(rows), -1)):
        classes = rows[part]
        truth, valid = target.of(classes, probabilities.dtype)
        wrong = probabilities[:, classes].movedim(1, 0) - truth
        if void:
            # A void pixel has error 0, so it comes last, where it changes nothing.
            wrong *= valid
        errors = wrong.abs().flatten(1)
        steps = _jaccard_steps(_descending(errors), truth.flatten(1)).view_as(wrong)
        signed = wrong.sgn().mul_(steps).mul_(shares[classes][:, None, None, None])
        value += torch.dot(signed.flatten(), wrong.flatten())
        slopes[:, classes] = signed.movedim(0, 1)
    return value, slopes


def _all_classes(target: _Truth, weights: Tensor | None, probabilities: Tensor) -> Tensor:
    """The value in operations that torch differentiates, and of shapes that the labels do not change."""
    every = torch.arange(probabilities.shape[1], device=probabilities.device)
    truth, valid = target.of(every, probabilities.dtype)
    errors = ((probabilities.movedim(1, 0) - truth) * valid).abs().flatten(1)
    order = errors.detach().argsort(dim=1, descending=True, stable=True)
    losses = (errors * _jaccard_steps(order, truth.flatten(1))).sum(1)
    present = truth.flatten(1).sum(1) > 0
    return (losses * _shares(present, weights, losses.dtype)).sum()


def _jaccard_steps(order: Tensor, truth: Tensor) -> Tensor:
    """How much the Jaccard loss of a class grows with each pixel that is got wrong, worst first.

    Args:
        order: Indices of the pixels by their errors, the largest first, int64 (K, P).
        truth: 1 for pixels of the class, else 0, (K, P).

    Returns:
        (K, P), in the order of the pixels. Each step is a formula of counts; a difference of two
        ratios would keep one or two digits of it in float32. Without any pixel of the class of no
        account, but finite.
    """
    of_class = truth.gather(1, order)
    passed = of_class.cumsum(1, dtype=torch.int32)
    left = (passed[:, -1:] - passed).to(truth.dtype)
    rank = torch.arange(1, truth.shape[1] + 1, device=truth.device, dtype=truth.dtype)
    union = left + rank
    # 1 / union for a pixel of the class, left / (union (union - 1)) for another, without a branch.
    steps = torch.addcmul(left, of_class, rank).div_(union)
    # 1 at least, but where there is no pixel of the class.
    steps.div_(of_class.add_(union).sub_(1).clamp_(min=1))
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
