"""IoU of single classes and single images: what one mean over a data set hides."""

import math

import torch
from torch import Tensor

from surrogate_zoo.labelling import labelling_of
from surrogate_zoo.metrics.evaluator import checked_labels
from surrogate_zoo.metrics.maps import rows_by_label
from surrogate_zoo.modes import MULTICLASS


class ImageScores:
    """Intersections and unions of every class in every image that it was shown.

    Keeps C numbers an image, so order and split of the batches do not matter.

    Args:
        num_classes: C of the logits; 1 is binary with one channel.
        mode: ``multiclass`` or ``multilabel``, as of :class:`SegmentationEvaluator`.
        ignore_index: Label of void pixels in the target.
        check_values: As of :class:`SegmentationEvaluator`.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        mode: str = MULTICLASS,
        ignore_index: int = 255,
        check_values: bool = True,
    ) -> None:
        self.labelling = labelling_of(num_classes, mode, ignore_index=ignore_index)
        self.check_values = check_values
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
        pred, target, void = checked_labels(
            pred, target, self.labelling, self.ignore_index, check_values=self.check_values
        )
        valid = (~void).int()
        both = self._pixels(target, valid * (pred == target))
        either = self._pixels(pred, valid) + self._pixels(target, valid) - both
        if self.labelling.multilabel:
            both, either = (n[:, 1].view(-1, self.labelling.masks) for n in (both, either))
        self._intersections.append(both)
        self._unions.append(either)

    def _pixels(self, labels: Tensor, counted: Tensor) -> Tensor:
        """Pixels of every mask by class, (M, classes of a mask)."""
        return rows_by_label(labels, counted, self.labelling.labels).sum(1)

    def class_iou(self) -> list[float]:
        """IoU of every class over all images; NaN of one that is neither in target nor prediction."""
        if not self._unions:
            return [math.nan] * self.labelling.classes
        both, either = self._all()
        return (both.sum(0) / either.sum(0).double()).tolist()

    def image_miou(self) -> list[float]:
        """Mean IoU of every image over the classes that are in its target or prediction.

        In the order in which the images came; NaN of an image without any labelled pixel.
        """
        if not self._unions:
            return []
        both, either = self._all()
        return (both / either.double()).nanmean(1).tolist()

    def _all(self) -> tuple[Tensor, Tensor]:
        """Intersections and unions of all images, (images, C) each, on the host."""
        return torch.cat(self._intersections).cpu(), torch.cat(self._unions).cpu()

    def worst_decile(self) -> float:
        """Mean of the worst tenth of :meth:`image_miou`, one image at least; NaN of none."""
        scores = sorted(score for score in self.image_miou() if not math.isnan(score))
        worst = scores[: max(1, round(len(scores) / 10))]
        return sum(worst) / len(worst) if worst else math.nan
