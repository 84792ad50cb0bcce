"""IoU of single classes and single images: what one mean over a data set hides."""

import math

import torch
from torch import Tensor

from surrogate_zoo.labelling import labelling_of
from surrogate_zoo.metrics.evaluator import checked_labels
from surrogate_zoo.modes import MULTICLASS


class ImageScores:
    """Intersections and unions of every class in every image that it was shown.

    Keeps C numbers an image, so order and split of the batches do not matter.

    Args:
        num_classes: C of the logits; 1 is binary with one channel.
        mode: ``multiclass`` or ``multilabel``, as of :class:`SegmentationEvaluator`.
        ignore_index: Label of void pixels in the target.
    """

    def __init__(
        self, num_classes: int, *, mode: str = MULTICLASS, ignore_index: int = 255
    ) -> None:
        self.labelling = labelling_of(num_classes, mode)
        self.ignore_index = ignore_index
        self._intersections: list[Tensor] = []
        self._unions: list[Tensor] = []

    def update(self, pred: Tensor, target: Tensor) -> None:
        """Add a batch.

        Args:
            pred: Predicted labels as of :meth:`SegmentationEvaluator.update`; values at void pixels do
                not matter.
            target: The same, or ``ignore_index``.

        Raises:
            InputError: Shapes differ, or labels are out of range. Nothing is added.
        """
        pred, target, void = checked_labels(pred, target, self.labelling, self.ignore_index)
        self.labelling.check_range("pred", pred.masked_fill(void, 0), None)
        masks = self.labelling.masks
        for image in range(0, len(pred), masks):
            tables = [
                self._table(*mask)
                for mask in zip(
                    *(each[image : image + masks] for each in (pred, target, ~void)), strict=True
                )
            ]
            table = torch.stack(tables)
            both = table.diagonal(dim1=1, dim2=2)
            either = table.sum(1) + table.sum(2) - both
            if self.labelling.multilabel:
                both, either = both[:, 1], either[:, 1]
            self._intersections.append(both.flatten())
            self._unions.append(either.flatten())

    def _table(self, pred: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        """Pixels of one mask by true and predicted class."""
        classes = self.labelling.labels
        pair = pred[valid] + classes * target[valid]
        return torch.bincount(pair, minlength=classes**2).view(classes, classes).cpu()

    def class_iou(self) -> list[float]:
        """IoU of every class over all images; NaN of one that is neither in target nor prediction."""
        if not self._unions:
            return [math.nan] * self.labelling.classes
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
