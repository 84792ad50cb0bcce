"""Measures near the borders of classes over a data set: mean boundary accuracy, trimap mIoU."""

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import product

import torch
from torch import Tensor
from torch.nn import functional as F

from surrogate_zoo.errors import InputError
from surrogate_zoo.labelling import SIZES, labelling_of
from surrogate_zoo.metrics.evaluator import checked_labels
from surrogate_zoo.modes import MULTICLASS

RADII = 5  # of the mean boundary accuracy

Reach = tuple[tuple[tuple[int, ...], int], ...]
"""A neighbourhood: how far off each of its rows is, along all axes but the last, and how many pixels it
reaches to each side there."""


class BoundaryEvaluator:
    """How good the predicted labels are near the true borders of classes, over all it was shown.

    A border lies between two valid pixels of different classes: void makes no border, and void pixels
    do not count. Keeps totals alone, so order and split of the batches do not matter and evaluators
    of parts of a data set can be merged.

    ``mba`` is the mean boundary accuracy of CascadePSP (Cheng et al., CVPR 2020), which InverseForm
    (Borse et al., CVPR 2021) reports. For each of the five radii ``1 + int((r_max - 1) i / 5)``,
    i = 0..4, r_max = (W + H) / 300, it is the share of right labels in the boundary region of the
    truth; the mean over the radii, then over the images. The region is the morphological gradient
    (dilation minus erosion) of each class's mask with a disk of that radius, joined over the classes:
    a pixel is in it if another class lies within the disk around it. The disk is the one OpenCV draws,
    as in the released evaluation, where a row y from the centre reaches round(sqrt(r^2 - y^2)) pixels
    to each side. Departures: the released evaluation counts borders with void as boundaries
    (``as_released``), and divides 0 by 0 where a region is empty; here such a region is left out of
    its image's mean, and an image without any out of the mean over images.

    ``trimap_<width>`` is the mIoU of the pixels within ``width`` pixels of a border, on both sides:
    the Euclidean distance to the nearest pixel of another class is ``width`` at most, so width 1 is
    the two pixels at the border. Sums run over the data set before ratios, and a class that neither
    truth nor prediction has in the band is left out of the mean, as in ``miou``. This is the
    curve of SEMEDA's trimap plot (Chen et al., 2020, figure 5), which sweeps the width; ``outside`` adds
    its other half. Kraehenbuehl and Koltun (NIPS 2011) take the error rate in place of the mIoU. Both use
    PASCAL VOC, where a rim of void parts the classes and the band lies around it (``as_released``);
    without that option the distance is measured across the rim, and bands narrower than it are empty.

    Of volumes the trimap is a band of voxels, of one length along all axes, and each slice is an image to
    ``mba``. Of a multi-label each channel is an image to ``mba``, and the mIoU is the mean over the channels
    of the IoU of what is on, near the channel's own borders.

    Args:
        num_classes: C of the logits; 1 is binary with one channel.
        mode: ``multiclass`` or ``multilabel``, as of :class:`SegmentationEvaluator`.
        ignore_index: Label of void pixels in the target.
        widths: Widths of the trimaps in pixels, 1 at least.
        outside: Also measure ``outside_<width>``, the mIoU of all pixels that are not in the band.
        as_released: Count borders with void as borders of classes; void pixels still do not count.
        check_values: As of :class:`SegmentationEvaluator`.
    """

    _counts: Tensor
    _images: Tensor

    def __init__(
        self,
        num_classes: int,
        *,
        mode: str = MULTICLASS,
        ignore_index: int = 255,
        widths: Sequence[int] = (1, 2, 5, 10),
        outside: bool = False,
        as_released: bool = False,
        check_values: bool = True,
    ) -> None:
        self.labelling = labelling_of(num_classes, mode, ignore_index=ignore_index)
        if not widths or any(width != int(width) or width < 1 for width in widths):
            raise InputError(f"widths must be whole numbers of pixels >= 1, not {tuple(widths)}.")
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.widths = tuple(sorted({int(width) for width in widths}))
        self.outside = outside
        self.as_released = as_released
        self.check_values = check_values
        self.reset()

    @property
    def _options(self) -> tuple[object, ...]:
        return (self.labelling, self.ignore_index, self.widths, self.outside, self.as_released)

    def update(self, pred: Tensor, target: Tensor) -> None:
        """Add a batch.

        Args:
            pred: Predicted labels, integer (N, H, W), or (N, D, H, W) of volumes, 0..C-1 (0 and 1 of
                one channel); of a multilabel 0 and 1, (N, C, H, W). Values at void pixels do not
                matter.
            target: The same, or ``ignore_index``; on any device. Both may be (N, 1, H, W).

        Raises:
            InputError: Shapes differ, or labels are out of range. Nothing is added.
        """
        pred, target, void = checked_labels(
            pred, target, self.labelling, self.ignore_index, check_values=self.check_values
        )
        if not target.numel():
            return
        axes = target.ndim - 1
        disks = [_ball(width, axes) for width in self.widths]
        rounds = [_opencv_disk(radius, axes) for radius in mba_radii(*target.shape[-2:])]
        classes = self.labelling.labels
        regions = _regions(target, void, {*disks, *rounds}, classes, self.as_released)
        self._add_accuracy(pred == target, [regions[reach] for reach in rounds])
        self._add_counts(pred, target, ~void, [regions[reach] for reach in disks])

    def _add_accuracy(self, right: Tensor, regions: Sequence[Tensor]) -> None:
        """Add the mean boundary accuracy of every image that has a boundary."""
        slices = [region.flatten(0, -3) for region in regions]
        pixels = torch.stack([region.sum((1, 2)) for region in slices])
        hits = torch.stack([(region & right.flatten(0, -3)).sum((1, 2)) for region in slices])
        measured = (pixels > 0).sum(0)
        accuracies = (hits / pixels.clamp(min=1).double()).sum(0) / measured.clamp(min=1)
        seen = torch.stack([accuracies.sum(), (measured > 0).sum().double()])
        self._images = self._images.to(seen.device) + seen

    def _add_counts(
        self, pred: Tensor, target: Tensor, valid: Tensor, bands: Sequence[Tensor]
    ) -> None:
        """Add pixels by the innermost band they lie in (the last: none), channel, true, predicted class."""
        outside = torch.stack([~band for band in bands]).sum(0, dtype=torch.int32)
        classes, masks = self.labelling.labels, self.labelling.masks
        channels = torch.arange(len(pred), device=pred.device, dtype=torch.int32).remainder(masks)
        own = channels.view(-1, *(1,) * (pred.ndim - 1))
        cells = ((outside * masks + own) * classes + target.int()) * classes + pred.int()
        counts = torch.zeros(self._counts.numel(), dtype=torch.int64, device=pred.device)
        counts.scatter_add_(0, cells.flatten().long(), valid.flatten().long())
        self._counts = self._counts.to(pred.device) + counts.view_as(self._counts)

    def merge(self, other: "BoundaryEvaluator") -> None:
        """Add everything that ``other`` was shown.

        Raises:
            InputError: The two have different options.
        """
        if self._options != other._options:
            raise InputError("Only evaluators with the same options can be merged.")
        self._counts = self._counts + other._counts.to(self._counts.device)
        self._images = self._images + other._images.to(self._images.device)

    def compute(self) -> dict[str, float]:
        """Return every measure, in 0..1; NaN where there was nothing to measure."""
        accuracy, images = self._images.tolist()
        scores = {"mba": accuracy / images if images else math.nan}
        inside = self._counts.cpu().cumsum(0)
        for width, counts in zip(self.widths, inside, strict=False):
            scores[f"trimap_{width}"] = self._mean_iou(counts)
        if self.outside:
            for width, counts in zip(self.widths, inside[-1] - inside, strict=False):
                scores[f"outside_{width}"] = self._mean_iou(counts)
        return scores

    def reset(self) -> None:
        """Forget everything."""
        classes = self.labelling.labels
        shape = (len(self.widths) + 1, self.labelling.masks, classes, classes)
        self._counts = torch.zeros(shape, dtype=torch.int64)
        self._images = torch.zeros(
            2, dtype=torch.float64
        )  # sum of accuracies, images with a border

    def _mean_iou(self, counts: Tensor) -> float:
        """Mean IoU of pixel counts (channel, true class, predicted class) over the classes that occur."""
        both = counts.diagonal(dim1=1, dim2=2).double()
        either = counts.sum(1) + counts.sum(2) - both
        if self.labelling.multilabel:
            both, either = both[:, 1], either[:, 1]
        return float((both / either)[either > 0].mean())


def mba_radii(height: int, width: int) -> list[int]:
    """Radii of the mean boundary accuracy's regions for an image of this size, smallest first."""
    largest = (width + height) / 300
    return [1 + int((largest - 1) / RADII * step) for step in range(RADII)]


def _ball(radius: int, axes: int) -> Reach:
    """All pixels at most ``radius`` away."""
    rows = product(range(-radius, radius + 1), repeat=axes - 1)
    left = ((row, radius**2 - sum(step**2 for step in row)) for row in rows)
    return tuple((row, math.isqrt(rest)) for row, rest in left if rest >= 0)


def _opencv_disk(radius: int, axes: int) -> Reach:
    """The ellipse that OpenCV's ``getStructuringElement`` draws into a square, in one slice."""
    above = (0,) * (axes - SIZES[0])
    return tuple(
        ((*above, row), round(math.sqrt(radius**2 - row**2))) for row in range(-radius, radius + 1)
    )


def _regions(
    target: Tensor, void: Tensor, reaches: Iterable[Reach], num_classes: int, void_counts: bool
) -> dict[Reach, Tensor]:
    """The valid pixels that see another class in their neighbourhood.

    A neighbourhood holds one class alone where its lowest and its highest label are the pixel's own.
    Its extremes come from those of its rows, which grow pixel by pixel and serve all neighbourhoods.

    Args:
        target: Labels (N, S), anything at void pixels.
        void: Bool (N, S).
        reaches: The neighbourhoods, symmetric.
        num_classes: C.
        void_counts: Void is another class.

    Returns:
        Bool (N, S) for each neighbourhood.
    """
    void_code, beyond = num_classes + 1, num_classes + 2
    codes = target.to(torch.uint8 if beyond < 256 else torch.int32) + 1
    low, high = (codes.masked_fill(void, code) for code in (void_code, void_code * void_counts))
    reaches = list(reaches)
    lows = _extremes(low, beyond, reaches, torch.minimum)
    highs = _extremes(high, 0, reaches, torch.maximum)
    return {reach: ((lows[reach] != codes) | (highs[reach] != codes)) & ~void for reach in reaches}


def _extremes(
    labels: Tensor, never: int, reaches: Sequence[Reach], extreme: Callable[..., Tensor]
) -> dict[Reach, Tensor]:
    """Lowest or highest label of every neighbourhood, (N, S) each; ``never`` is beyond them all."""
    size = labels.shape[1:]
    margin = max(side for reach in reaches for _, side in reach)
    padded = F.pad(labels, (margin,) * (2 * len(size)), value=never)
    row = padded[..., margin : margin + size[-1]].contiguous()
    extremes: dict[Reach, Tensor] = {}
    for side in range(margin + 1):
        for start in (margin - side, margin + side):
            extreme(row, padded[..., start : start + size[-1]], out=row)
        for reach in reaches:
            for offsets, its_side in reach:
                if its_side == side:
                    starts = zip(offsets, size, strict=False)
                    place = tuple(slice(margin + off, margin + off + n) for off, n in starts)
                    part = row[:, *place]
                    so_far = extremes.get(reach)
                    extremes[reach] = (
                        part.clone() if so_far is None else extreme(so_far, part, out=so_far)
                    )
    return extremes
