"""IoU of single classes and single images: what one mean over a data set hides."""

import math

import torch
from torch import Tensor

from surrogate_zoo.batch import check_labels
from surrogate_zoo.metrics.evaluator import checked_labels


class ImageScores:
    """Intersections and unions of every class in every image that it was shown.

    Keeps C numbers an image, so order and split of the batches do not matter.

    Args:
        num_classes: C.
        ignore_index: Label of void pixels in the target.
    """

    def __init__(self, num_classes: int, *, ignore_index: int = 255) -> None:
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self._intersections: list[Tensor] = []
        self._unions: list[Tensor] = []

    def update(self, pred: Tensor, target: Tensor) -> None:
        """Add a batch.

        Args:
            pred: Predicted labels, integer (N, H, W), 0..C-1; values at void pixels do not matter.
            target: Labels, integer (N, H, W), 0..C-1 or ``ignore_index``.

        Raises:
            InputError: Shapes differ, or labels are out of range. Nothing is added.
        """
        pred, target, void = checked_labels(pred, target, self.num_classes, self.ignore_index)
        check_labels("pred", pred.masked_fill(void, 0), self.num_classes, None)
        for label, truth, valid in zip(pred, target, ~void, strict=True):
            pair = label[valid] + self.num_classes * truth[valid]
            counts = torch.bincount(pair, minlength=self.num_classes**2)
            table = counts.view(self.num_classes, self.num_classes).cpu()
            self._intersections.append(table.diagonal())
            self._unions.append(table.sum(0) + table.sum(1) - table.diagonal())

    def class_iou(self) -> list[float]:
        """IoU of every class over all images; NaN of one that is neither in target nor prediction."""
        if not self._unions:
            return [math.nan] * self.num_classes
        ratio = torch.stack(self._intersections).sum(0) / torch.stack(self._unions).sum(0).double()
        return ratio.tolist()

    def image_miou(self) -> list[float]:
        """Mean IoU of every image over the classes that are in its target or prediction.

        In the order in which the images came; NaN of an image without any labelled pixel.
        """
        if not self._unions:
            return []
        ratio = torch.stack(self._intersections) / torch.stack(self._unions).double()
        return ratio.nanmean(1).tolist()

    def worst_decile(self) -> float:
        """Mean of the worst tenth of :meth:`image_miou`, one image at least; NaN of none."""
        scores = sorted(score for score in self.image_miou() if not math.isnan(score))
        worst = scores[: max(1, round(len(scores) / 10))]
        return sum(worst) / len(worst) if worst else math.nan
