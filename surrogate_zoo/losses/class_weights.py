"""Weights of classes: given, and by the inverse of how frequent the classes are."""

from collections.abc import Sequence

import torch
from torch import Tensor

from surrogate_zoo.errors import InputError
from surrogate_zoo.labelling import Labelling
from surrogate_zoo.losses.constants import Constants


class ClassWeights(Constants):
    """What each class weighs: its own weight times its inverse frequency to a power.

    Args:
        labelling: Says how many classes there are, K.
        weights: K numbers >= 0, not all 0; None weighs all the same.
        power: Exponent of the inverse frequency in [0, 1]; 0 leaves it out.
        pixels: Valid pixels of each class in the training split, K numbers >= 0, not all 0. None takes those
            of each batch. A class without any has weight 0.

    Raises:
        InputError: There are not K weights or numbers of pixels, or all are 0.
    """

    own: Tensor | None
    fixed: Tensor | None

    def __init__(
        self,
        labelling: Labelling,
        weights: Sequence[float] | None,
        power: float,
        pixels: Sequence[float] | None,
    ) -> None:
        super().__init__()
        classes = labelling.classes
        own = None if weights is None else numbers_of("class_weights", weights, classes)
        fixed = own
        if power and pixels is not None:
            found = inverse_power(numbers_of("class_pixels", pixels, classes), power)
            fixed = found if own is None else own * found
        self.power = power
        self.none = own is None and not power
        self.counts = bool(power) and pixels is None
        self.register_buffer("own", own, persistent=False)
        self.register_buffer("fixed", None if self.counts else fixed, persistent=False)

    def same(self, other: "ClassWeights") -> bool:
        """Whether another's weights are these for every batch."""
        return self.power == other.power and all(
            mine is theirs
            or (mine is not None and theirs is not None and torch.equal(mine, theirs))
            for mine, theirs in ((self.own, other.own), (self.fixed, other.fixed))
        )

    def of(self, pixels: Tensor) -> Tensor:
        """The weights (K,) for a batch.

        Args:
            pixels: Valid pixels of each class in the batch, (K,); says dtype and device.
        """
        if self.fixed is not None:
            return self.fixed.to(pixels)
        found = inverse_power(pixels, self.power)
        return found if self.own is None else found * self.own.to(pixels)


def numbers_of(name: str, numbers: Sequence[float], classes: int) -> Tensor:
    """Check numbers of classes; float64 (K,).

    Raises:
        InputError: They are not K finite numbers >= 0, or all are 0.
    """
    found = torch.as_tensor(numbers, dtype=torch.float64)
    sound = found.shape == (classes,) and bool((found.isfinite() & (found >= 0)).all())
    if not sound or not bool(found.any()):
        raise InputError(f"{name} must be {classes} finite numbers >= 0, one a class, not all 0.")
    return found


def inverse_power(pixels: Tensor, power: float) -> Tensor:
    """``(all / own pixels) ** power`` of each class, (K,); 0 for a class without pixels."""
    return torch.where(pixels > 0, (pixels.sum() / pixels.clamp(min=1)) ** power, 0)
