"""Prediction and target of a batch, and the operations that metrics are written with."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from surrogate_zoo.metrics.class_maps import ClassMap, Labelled
from surrogate_zoo.metrics.dilation import Dilated, Grown
from surrogate_zoo.metrics.edges import Eroded
from surrogate_zoo.metrics.windows import window_max, window_min
from surrogate_zoo.processes import Group, summed


@dataclass(frozen=True, eq=False)
class Maps:
    """Prediction and target of a batch, and the operations a metric may use beside its logic.

    Attributes:
        pred: Probabilities (soft) or one-hot labels (crisp).
        target: One-hot labels; zero at void pixels.
        void: Bool (N, H, W), True at void pixels; None where the batch has none.
        num_classes: C, the classes of a mask.
        channels: Of a multi-label, whose every channel of every image is a mask with the classes off and
            on (see :mod:`surrogate_zoo.labelling`): N masks are those of N / ``channels`` images, and
            what is summed by class is K = ``channels`` classes on. 0 where the masks are the images and
            K = C.
        off: Of a multi-label, sum up the classes off too: K = 2 ``channels``.
        tolerance: Boundary tolerance in pixels.
        exclude_background: Leave class 0 out of boundaries.
        as_released: Treat void and absent classes as the released implementation does.
        weights: Of the classes in their means, (K,); None weighs all the same.
        candidates: K candidates' maps of the same batch lie one behind the other, N = K times its masks: what
            is summed is then (candidates, K), and means (candidates,). 0 is of one, without that dimension.
        group: The processes that hold the other parts of the batch, whose totals are added.
        carried: Totals of earlier batches, in calling order; empty for a batch on its own.
        totals: Receives the totals of this call, ``carried`` included, in calling order.
        valid: Receives 1 where a pixel is not void, float (N, H, W), once somebody asks: one tensor, by which
            sums over the same region are known.
    """

    pred: ClassMap
    target: ClassMap
    void: Tensor | None
    num_classes: int
    channels: int = 0
    off: bool = False
    tolerance: int = 5
    exclude_background: bool = False
    as_released: bool = False
    weights: Tensor | None = None
    candidates: int = 0
    group: Group = None
    carried: tuple[Tensor, ...] = ()
    totals: list[Tensor] = field(default_factory=list)
    valid: list[Tensor] = field(default_factory=list)

    @property
    def foreground(self) -> Tensor:
        """1 for every class that boundaries count for, shape (K,)."""
        return self._foreground(self.channels * (1 + self.off) or self.num_classes)

    def _foreground(self, number: int) -> Tensor:
        counts = torch.ones(number, device=self._values.device, dtype=self._values.dtype)
        if self.exclude_background:
            counts[:1].zero_()  # an item that is assigned to would make a GPU wait
        return counts

    @property
    def _axes(self) -> int:
        """Dimensions of an image: 2, or 3 of a volume."""
        return self._values.ndim - 1

    @property
    def _values(self) -> Tensor:
        return self.target.labelled[0].values

    @property
    def _hidden(self) -> Tensor | None:
        """Where windows see nothing, bool (N, H, W): at void pixels, unless released."""
        return None if self.as_released else self.void

    @property
    def _valid(self) -> Tensor | None:
        if self.void is None:
            return None
        if not self.valid:  # torch.compile follows no cached property
            self.valid.append((~self.void).to(self._values.dtype))
        return self.valid[0]

    def total(
        self, m: ClassMap, within: Tensor | None = None, *, include_void: bool = False
    ) -> Tensor:
        """Sum over images and pixels of each class, (K,), earlier batches included.

        Args:
            m: What to sum.
            within: Only inside this region, float (N, H, W) of 0 and 1.
            include_void: Count void pixels too.
        """
        region = self._region(within, include_void)
        return self._carry(self._by_candidate(self._by_class(self._by_mask(m, region))).sum(-2))

    def totals_by_image(self, m: ClassMap) -> Tensor:
        """Sum over the valid pixels of each image and class, (images, K), of this batch alone.

        Nothing of it is carried: go on with :meth:`image_mean`.
        """
        return self._by_candidate(self._by_class(self._by_mask(m, self._valid)))

    def _by_candidate(self, numbers: Tensor) -> Tensor:
        """Numbers of all images, (images, K), as of each candidate's, (candidates, images, K)."""
        if not self.candidates:
            return numbers
        return numbers.view(self.candidates, len(numbers) // self.candidates, numbers.shape[-1])

    def _by_mask(self, m: ClassMap, region: Tensor | None) -> Tensor:
        """Sums over the pixels of a region of each mask and its classes, (N, C)."""
        dense = m.dense_totals(region)
        shape = (len(self._values), self.num_classes)
        total = self._values.new_zeros(shape) if dense is None else dense
        for part in m.labelled:
            values = part.values if region is None else part.values * region
            total = total + rows_by_label(part.labels, values, self.num_classes).sum(1)
        return total

    def _by_class(self, numbers: Tensor) -> Tensor:
        """Numbers of masks and their classes, (N, C), as of images and what is measured, (images, K)."""
        if not self.channels:
            return numbers
        images = numbers.view(-1, self.channels, 2)
        return images.flatten(1) if self.off else images[..., 1]

    def exists(
        self,
        pred: ClassMap,
        target: ClassMap,
        within: Tensor | None = None,
        *,
        include_void: bool = False,
    ) -> Tensor:
        """1 for every class that ``pred`` or ``target`` has inside the region, (K,).

        A soft map has a class where one of its values is above one half, which a one-hot map meets
        exactly where it holds the class. No gradient.
        """
        with torch.no_grad():
            totals = self.total(target, within, include_void=include_void)
            if not pred.has_dense:
                totals = totals + self.total(pred, within, include_void=include_void)
            else:
                most = pred.largest(self._region(within, include_void))
                held = self._by_candidate(self._by_class((most > 0.5).to(totals.dtype)))
                has = held.amax(-2) if len(most) else torch.zeros_like(totals)
                totals = totals + self._carry(has)
            return self.occurs(totals)

    def occurs(self, totals: Tensor) -> Tensor:
        """1 where a total is above zero, (C,); the released surrogates count every class."""
        if self.as_released and not self.pred.crisp:
            return torch.ones_like(totals)
        return (totals > 0).to(totals.dtype)

    def ratio(self, part: Tensor, whole: Tensor) -> Tensor:
        """``part / whole``, and 0 where ``whole`` is 0."""
        return part / (whole + (whole == 0))

    def class_mean(self, scores: Tensor, weights: Tensor) -> Tensor:
        """Mean over classes of ``scores`` (C,), weighted by ``weights`` (C,).

        With nothing to measure a soft score is 1 (its loss is 0, without a gradient), a crisp one NaN.
        """
        return self._mean(scores, self._weighed(weights.detach()))

    def _mean(self, scores: Tensor, weights: Tensor) -> Tensor:
        """Mean over the last dimension by weights, as they are."""
        weight = weights.sum(-1)
        nothing = torch.where(weight == 0, torch.nan if self.pred.crisp else 1.0, 0.0)
        return (scores * weights).sum(-1) / (weight + (weight == 0)) + nothing

    def _weighed(self, weights: Tensor) -> Tensor:
        """Weights of classes, (..., K), times those asked for; of anything else as they are."""
        if self.weights is None or weights.shape[-1:] != self.weights.shape:
            return weights
        return weights * self.weights

    def image_mean(self, scores: Tensor, weights: Tensor) -> Tensor:
        """Mean over images of the weighted mean over classes; both (N, C), earlier batches included.

        An image without any weight is left out. With nothing to measure as :meth:`class_mean`.
        """
        weights = self._weighed(weights.detach())
        weight = weights.sum(-1)
        means = self.ratio((scores * weights).sum(-1), weight)
        images = self._carry((weight > 0).to(means.dtype).sum(-1))
        mean = self.ratio(self._carry(means.sum(-1)), images)
        return self._mean(mean[..., None], images[..., None])

    def erode(self, m: ClassMap, radius: int = 1) -> ClassMap:
        """Minimum over (2 radius + 1)^2 neighbours; void neighbours do not count.

        As released, a void pixel is of no class, so a target erodes at its border, and the
        prediction at void pixels counts like any other.

        Args:
            m: What to erode.
            radius: Pixels.
        """
        part = m.only_labels
        if part is not None:
            uniform = self._uniform(part, radius)
            return ClassMap(crisp=True, labelled=(Labelled(part.labels, uniform),))
        eroded = m.eroded(self._hidden, radius, self._axes)
        return Eroded(m, self._hidden, radius, self._axes) if eroded is None else eroded

    def rim(self, m: ClassMap) -> ClassMap:
        """Part of every class within the tolerance of its border: the map less its erosion.

        The image's border cuts a class and counts as its border; a border to void is none.
        """
        width = max(self.tolerance, 1)
        inner = self._framed(self.erode(m, width), width)
        return (m - inner).marked(m.crisp)

    def _framed(self, m: ClassMap, width: int) -> ClassMap:
        """A map with 0 in a frame along the image's border."""
        size = self._values.shape[-self._axes :]
        inside = self._values.new_zeros(size)
        inside[tuple(slice(width, side - width) for side in size)].fill_(1)
        part = m.only_labels
        if part is not None:
            return ClassMap(crisp=m.crisp, labelled=(Labelled(part.labels, part.values * inside),))
        return ClassMap(crisp=m.crisp, dense=m.as_dense() * inside)

    def _uniform(self, part: Labelled, radius: int) -> Tensor:
        """1 where the pixel's neighbours all carry its label, float (N, H, W)."""
        labels = part.labels.to(part.values.dtype)
        missing = part.values == 0
        low, high = (-1.0, -1.0) if self.as_released else (float(self.num_classes), -1.0)
        least = window_min(labels.masked_fill(missing, low), radius, self._axes)
        most = window_max(labels.masked_fill(missing, high), radius, self._axes)
        return ((least == labels) & (most == labels)).to(labels.dtype) * part.values

    def dilate(self, m: ClassMap) -> ClassMap:
        """Maximum over the (2 tolerance + 1)^2 window; void pixels spread nothing unless released."""
        if m.crisp:
            return Grown(m, self._hidden, self.tolerance, self._axes, self.num_classes)
        return Dilated(m, self._hidden, self.tolerance, self._axes)

    def band(self, edge: ClassMap) -> Tensor:
        """Region within the tolerance of a crisp boundary of any foreground class, float (N, H, W)."""
        part = edge.labelled[0]
        counted = part.values * self._foreground(self.num_classes)[part.labels]
        return window_max(counted, self.tolerance, self._axes)

    def _region(self, within: Tensor | None, include_void: bool) -> Tensor | None:
        valid = None if include_void else self._valid
        if within is None or valid is None:
            return valid if within is None else within
        return within * valid

    def _carry(self, total: Tensor) -> Tensor:
        total = summed(total, self.group)
        if self.carried:
            total = total + self.carried[len(self.totals)]
        self.totals.append(total)
        return total


def sum_by_label(labels: Tensor, values: Tensor, num_classes: int) -> Tensor:
    """Sum ``values`` by label, (C,), row by row first: precise in float32, parallel on a GPU."""
    return rows_by_label(labels, values, num_classes).flatten(0, 1).sum(0)


def rows_by_label(labels: Tensor, values: Tensor, num_classes: int) -> Tensor:
    """Sum ``values`` (N, H, W), or (N, D, H, W), by label in every row: (N, rows, C)."""
    labels, values = labels.flatten(1, -2), values.flatten(1, -2)
    sums = values.new_zeros(*values.shape[:2], num_classes)
    return sums.scatter_add(2, labels, values)
