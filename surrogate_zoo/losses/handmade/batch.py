"""A batch as the handmade losses see it: masks with a class a pixel beside softmax scores."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import torch
from torch import Tensor

from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.distance_maps import maps_of
from surrogate_zoo.metrics.maps import rows_by_label
from surrogate_zoo.needs import BOUNDARY_LOGITS, EMBEDDINGS, INSTANCES, SEEDINESS, SIMILARITIES
from surrogate_zoo.processes import Group, summed

MARKS: Final = torch.uint8
"""Of masks that are put together side by side: torch 2.14's inductor writes no valid C++ for bools there."""

ASKED: Mapping[str, str] = {
    BOUNDARY_LOGITS: "float (N, 1, H, W), the output of a boundary head",
    EMBEDDINGS: "float (N, E, H, W), the output of an embedding head",
    INSTANCES: "int64 (N, H, W), the number of the object that a pixel is of, 0 of none",
    SEEDINESS: f"float (N, {len(SIMILARITIES)} * (C + 1), H, W), the output of a seediness head",
}
"""Inputs that a loss cannot do without: what each is."""


SOFT = "soft target"
"""Where a batch keeps the probabilities of a soft target, beside its other inputs."""


@dataclass(frozen=True)
class Batch:
    """A checked batch as a handmade loss sees it: N masks of C classes, one a pixel.

    They are the images themselves, or stand for another labelling: see :mod:`surrogate_zoo.labelling`. Of
    volumes H is all rows of all slices, but where the loss looks around; then (H, W) is (D, H, W).

    Attributes:
        scores: Logits, float32 or float64 (N, C, H, W), 0 at void pixels.
        target: Labels, int64 (N, H, W), void included.
        valid: Bool (N, H, W), False at void pixels.
        ignore_index: Label of void pixels.
        inputs: What else was handed over, by name: what heads gave and distance maps, in the dtype
            of ``scores``; the objects' numbers, int64. All are 0 at void pixels.
        group: The processes that hold the other parts of the batch; None where this is all of it.
        channels: Of a multi-label, whose masks are channels, image by image, with the classes off and on;
            0 where the masks are the images.
        weights: Of the classes, (K,) in the dtype of ``scores``, K as of :meth:`by_class`; None where all
            weigh the same.
        kept: What was computed of it already. ``cached_property`` takes a lock, which torch.compile
            does not follow.
    """

    scores: Tensor
    target: Tensor
    valid: Tensor
    ignore_index: int
    inputs: Mapping[str, Tensor]
    group: Group = None
    channels: int = 0
    weights: Tensor | None = None
    kept: dict[str, Tensor] = field(default_factory=dict)

    def total(self, part: Tensor) -> Tensor:
        """A sum over all parts of the batch, of the shape of this part's; see ``processes.summed``."""
        return summed(part, self.group)

    @property
    def soft(self) -> Tensor | None:
        """The target's probabilities, (N, C, H, W), 0 at void pixels; None where it is labels."""
        return self.inputs.get(SOFT)

    @property
    def pixels(self) -> Tensor:
        """Number of valid pixels of all parts, at least 1; scalar in the dtype of ``scores``."""
        if "pixels" not in self.kept:
            pixels = self.total(self.valid.sum()).clamp(min=1)
            self.kept["pixels"] = pixels.to(self.scores.dtype)
        return self.kept["pixels"]

    @property
    def labels(self) -> Tensor:
        """The target with 0 in place of void."""
        if "labels" not in self.kept:
            self.kept["labels"] = self.target.masked_fill(~self.valid, 0)
        return self.kept["labels"]

    def by_class(self, numbers: Tensor) -> Tensor:
        """Sum numbers of masks and their classes, (N, C, ...), over the images: by class, (K, ...).

        K is C, or the class on of each channel of a multi-label.
        """
        if not self.channels:
            return numbers.sum(0)
        on = numbers[:, 1]
        return on.reshape(-1, self.channels, *on.shape[1:]).sum(0)

    @property
    def class_pixels(self) -> Tensor:
        """Valid pixels of each class, of all parts, (K,) in the dtype of ``scores``."""
        counted = self.valid.to(self.scores.dtype)
        rows = rows_by_label(self.labels, counted, self.scores.shape[1])
        return self.total(self.by_class(rows.sum(1)))

    def by_mask(self, numbers: Tensor) -> Tensor:
        """Numbers of classes, (K,), as of masks and their classes, (N, C); 0 of what is not measured."""
        if not self.channels:
            return numbers.expand(len(self.target), -1)
        on = numbers.repeat(len(self.target) // self.channels)
        return torch.stack([torch.zeros_like(on), on], 1)

    @property
    def pixel_weights(self) -> Tensor | None:
        """What each pixel weighs, (N, S): its class's weight, or its channel's; 0 at void pixels."""
        if self.weights is None:
            return None
        if self.channels:
            own = self.weights.repeat(len(self.target) // self.channels)
            return own.view(-1, *(1,) * (self.target.ndim - 1)) * self.valid
        if self.soft is not None:
            return (self.soft.movedim(1, -1) * self.weights).sum(-1)
        return self.weights[self.labels] * self.valid

    def mean(self, values: Tensor) -> Tensor:
        """Mean over all parts' valid pixels, by their weights, of values (N, S) that are 0 at void pixels."""
        weights = self.pixel_weights
        if weights is None:
            return self.total(values.sum()) / self.pixels
        whole = self.total(weights.sum())
        return self.total((values * weights).sum()) / (whole + (whole == 0))

    @property
    def holds(self) -> Tensor:
        """Whether an image has valid pixels, bool (images,)."""
        return self.valid.flatten(1).any(1).view(-1, self.channels or 1).any(1)

    def images(self) -> list["Batch"]:
        """Each image as a batch on its own."""
        step = self.channels or 1
        rows = [slice(start, start + step) for start in range(0, len(self.target), step)]
        return [
            replace(
                self,
                scores=self.scores[row],
                target=self.target[row],
                valid=self.valid[row],
                inputs={name: tensor[row] for name, tensor in self.inputs.items()},
                group=None,
                kept={},
            )
            for row in rows
        ]

    def distances(self, name: str) -> Tensor:
        """The distance map ``name``, (N, K, H, W): as handed over, else computed here, slowly."""
        if name in self.inputs:
            return self.inputs[name]
        num_classes = self.scores.shape[1]
        return maps_of(name, self.target, num_classes, self.ignore_index).to(self.scores.dtype)

    def asked(self, name: str) -> Tensor:
        """The input ``name``, a key of :data:`ASKED`.

        Raises:
            InputError: It was not handed over.
        """
        if name not in self.inputs:
            raise InputError(
                f"This loss needs {name}, {ASKED[name]}: pass them as a keyword argument."
            )
        return self.inputs[name]
