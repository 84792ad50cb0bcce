"""Handmade losses that compare the neighbourhoods of pixels."""

import math
from functools import partial
from typing import Any, NamedTuple, Unpack

import torch
import torch.nn.functional as F
from torch import Tensor

from surrogate_zoo.curves.pointwise import sloped
from surrogate_zoo.losses import declarations
from surrogate_zoo.losses.handmade.base import Common, HandmadeLoss
from surrogate_zoo.losses.handmade.batch import Batch

# Elements of the planes worked on at a time on the CPU, so that they stay in the cache.
_PLANE_CHUNK = 1 << 17


class StructuralSimilarity(HandmadeLoss):
    """1 - mean SSIM of softmax maps against one-hot maps, over valid pixels and classes present.

    Wang et al., Image quality assessment, IEEE TIP 2004, eq. 13, as Qin et al., BASNet, CVPR 2019,
    eq. 6 train with it: values in [0, 1], C1 = 0.01^2, C2 = 0.03^2, an 11 x 11 Gaussian window. They
    compare one map of the salient object; here every class present in the batch is compared alike.

    The weights of each window are those of its valid pixels, divided by their sum: neither void nor
    what lies outside of the image is seen. BASNet's code pads both maps with zeros, which at the
    image's border scores agreement where there is nothing. A class counts at every valid pixel of
    the batch, far from its own pixels too, as in the paper.

    With d = prediction - target, 1 - SSIM is ``a + b - ab`` for ``a = mean(d)^2 / (...)`` and
    ``b = var(d) / (...)``: 0 without any rounding at a perfect prediction, where ports subtract from
    1 what half precision cannot tell from it, and negative variances come out of flat regions.

    Args:
        window: Side of the window in pixels, odd, at least 3.
        sigma: Standard deviation of the Gaussian in pixels, at least 0.01.
    """

    looks_around = True
    shared = declarations.REDUCES

    def __init__(
        self,
        *,
        window: int,
        sigma: float,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        declarations.SSIM.check(window=window, sigma=sigma)
        radius = window // 2
        weights = [math.exp(-(i**2) / (2 * sigma**2)) for i in range(radius + 1)]
        whole = 2 * sum(weights) - 1
        self._taps = tuple(weight / whole for weight in weights)

    def of_valid(self, batch: Batch) -> Tensor:
        """Sum over valid pixels and classes present, divided by the number of both."""
        labels = batch.target.masked_fill(~batch.valid, -1)
        present = (batch.class_pixels > 0).to(batch.scores.dtype)
        weights = batch.by_mask(present if batch.weights is None else present * batch.weights)
        scene = (labels, weights, self._taps)
        probabilities = batch.scores.softmax(1)
        total = sloped(partial(_by_planes, *scene), partial(_at_once, *scene), probabilities)
        pixels = batch.valid.flatten(1).sum(1).to(weights.dtype)
        whole = batch.total((weights.sum(1) * pixels).sum())
        return batch.total(total) / (whole + (whole == 0))


def _by_planes(
    labels: Tensor, weights: Tensor, taps: tuple[float, ...], probabilities: Tensor
) -> tuple[Tensor, Tensor]:
    """Sum of 1 - SSIM over valid pixels (label >= 0), by weights of classes (N, C); and its slopes."""
    slopes = torch.zeros_like(probabilities)
    total = probabilities.new_zeros(())
    inside = (slice(None), *map(slice, labels.shape[1:]))
    axes = labels.ndim - 1
    # The margin counts as void; see blur.
    margin = (0, len(taps) - 1) * axes
    counted = [row.nonzero()[:, 0].to(labels.device) for row in weights.cpu()]  # one wait
    for image, mask in enumerate(F.pad(labels, margin, value=-1)):
        windows = _Windows.of(mask >= 0, taps, probabilities.dtype)
        for part in torch.split(counted[image], _share(mask)):
            target = (mask == _plane(part, axes)).to(probabilities.dtype)
            error = F.pad(probabilities[image, part], margin).mul_(windows.valid).sub_(target)
            own = _plane(weights[image, part], axes)
            value, slope = _compare(error, target, windows, own)
            total += value
            slopes[image, part] = slope[inside].mul_(own)
    return total, slopes


def _at_once(
    labels: Tensor, weights: Tensor, taps: tuple[float, ...], probabilities: Tensor
) -> Tensor:
    """The same sum in operations that torch differentiates, of shapes that labels do not change."""
    valid = (labels >= 0)[:, None].to(probabilities.dtype)
    classes = torch.arange(probabilities.shape[1], device=labels.device)
    target = (labels[:, None] == _plane(classes, labels.ndim - 1)).to(probabilities.dtype)
    error = probabilities * valid - target
    scale = torch.where(valid > 0, 1 / _convolved(valid, taps), 0)
    products = (target, error, error * error, target * error)
    truth, mean, square, cross = (_convolved(each, taps) * scale for each in products)
    a, b = _parts(truth, mean, (square - mean * mean).clamp(min=0), cross)
    return ((a + b - a * b).flatten(2).sum(2) * weights).sum()


def _plane(numbers: Tensor, axes: int) -> Tensor:
    """Numbers (P,) beside planes (P, S)."""
    return numbers.view(-1, *(1,) * axes)


def _convolved(maps: Tensor, taps: tuple[float, ...]) -> Tensor:
    """What :func:`blur` computes, of maps (N, K, S) without a margin; differentiable as often as wished."""
    result: Tensor = _Convolved.apply(maps, taps)
    return result


class _Convolved(torch.autograd.Function):
    """A sum of shifted maps: a compiler makes one kernel of it for each axis, and none of a convolution.

    The window is symmetric, so that going back is the same again.
    """

    @staticmethod
    def forward(maps: Tensor, taps: tuple[float, ...]) -> Tensor:
        radius = len(taps) - 1
        for axis in range(2, maps.ndim):
            before_last = maps.ndim - 1 - axis
            padded = F.pad(maps, (0, 0) * before_last + (radius, radius))
            size, stride, step = maps.shape, padded.stride(), padded.stride(axis)
            maps = taps[0] * padded.as_strided(size, stride, radius * step)
            # Views by strides, so that a compiler keeps what they are of, and does not make it for each.
            for i, weight in enumerate(taps[1:], 1):
                near = (radius - i) * step, (radius + i) * step
                before, after = (padded.as_strided(size, stride, start) for start in near)
                maps = maps + weight * (before + after)
        return maps

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, tuple[float, ...]], output: Tensor) -> None:  # noqa: ARG004
        ctx.taps = inputs[1]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return _convolved(grad, ctx.taps), None


def _share(plane: Tensor) -> int:
    """Number of planes worked on at a time."""
    return max(1, _PLANE_CHUNK // plane.numel()) if plane.device.type == "cpu" else 1 << 10


class _Windows(NamedTuple):
    """The windows of one padded image (H, W).

    Attributes:
        taps: Weights of the Gaussian along one axis, from its centre outwards.
        valid: 1 at valid pixels, else 0.
        scale: 1 / the sum of the weights of a window's valid pixels; 0 where the centre is not valid.
    """

    taps: tuple[float, ...]
    valid: Tensor
    scale: Tensor

    @classmethod
    def of(cls, valid: Tensor, taps: tuple[float, ...], dtype: torch.dtype) -> "_Windows":
        """The windows of a mask, bool (H, W)."""
        counted = valid.to(dtype)
        return cls(taps, counted, torch.where(valid, 1 / blur(counted, taps, valid.ndim), 0))

    def mean(self, values: Tensor) -> Tensor:
        """Means over windows of values (P, H, W) that are 0 where not valid; 0 at such centres."""
        return blur(values, self.taps, self.valid.ndim).mul_(self.scale)

    def spread(self, slopes: Tensor) -> Tensor:
        """The adjoint of :meth:`mean`: slopes towards means become slopes towards valid values."""
        return blur(slopes * self.scale, self.taps, self.valid.ndim).mul_(self.valid)


def blur(planes: Tensor, taps: tuple[float, ...], axes: int = 2) -> Tensor:
    """Convolve planes with a separable, symmetric window.

    Rows lie one behind the other in memory, so a shift along either axis is a shift of the flat
    tensor. On a CPU that takes a tenth of the time of ``conv2d`` with one channel; on a GPU it sums in
    the dtype of ``planes``, where convolutions may round to 10 bits.

    Args:
        planes: Float (..., H, W), or (..., D, H, W), 0 in the last ``len(taps) - 1`` rows and columns (and
            slices), a margin that keeps one row or plane from the next.
        taps: Weights along one axis from the centre outwards.
        axes: 2 for images, 3 for volumes.

    Returns:
        Shape of ``planes``; right outside of the margin and arbitrary within.
    """
    line = planes.reshape(-1)
    for step in (math.prod(planes.shape[planes.ndim - axis :]) for axis in range(axes)):
        result = line * taps[0]
        for i, weight in enumerate(taps[1:], 1):
            shift = i * step
            result[shift:].add_(line[:-shift], alpha=weight)
            result[:-shift].add_(line[shift:], alpha=weight)
        line = result
    return line.view(planes.shape)


_C1, _C2 = 0.01**2, 0.03**2


def _parts(truth: Tensor, mean: Tensor, spread: Tensor, cross: Tensor) -> tuple[Tensor, Tensor]:
    """``a`` and ``b`` from means of the target and the error, variance of the error, and mean product."""
    predicted = truth + mean
    variances = 2 * (truth * (1 - truth) + cross - truth * mean) + spread
    return mean * mean / (predicted * predicted + truth * truth + _C1), spread / (variances + _C2)


def _compare(
    error: Tensor, target: Tensor, windows: _Windows, weights: Tensor
) -> tuple[Tensor, Tensor]:
    """1 - SSIM of ``target + error`` and a binary ``target``, both (P, S) and 0 where not valid.

    Returns:
        The sum over valid pixels by weights (P, 1, ...) of planes, and the slopes of each plane's towards the
        error, (P, S).
    """
    products = (target, error, error * error, target * error)
    truth, mean, square, cross = map(windows.mean, products)
    predicted = truth + mean  # mean of the prediction
    spread = (square - mean * mean).clamp_(min=0)  # variance of the error
    # Variances of prediction and target; that of a binary map is its mean times the rest.
    variances = 2 * (truth * (1 - truth) + cross - truth * mean) + spread
    across, within = predicted * predicted + truth * truth + _C1, variances + _C2
    a, b = mean * mean / across, spread / within
    value = ((a + b - a * b) * weights).sum()
    # Slopes towards the means of the error, of its square and of its product with the target.
    by_square = (1 - a) * (1 - b) / within
    by_cross = -2 * (1 - a) * b / within
    by_mean = (
        2 * (1 - b) * (mean - a * predicted) / across - 2 * mean * by_square - truth * by_cross
    )
    to_mean, to_square, to_cross = map(windows.spread, (by_mean, by_square, by_cross))
    return value, to_mean + 2 * error * to_square + target * to_cross
