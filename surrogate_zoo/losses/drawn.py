"""A loss on a small drawn example of two classes, for people to look at: value, gradient, surface."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.document import Document
from surrogate_zoo.losses.registry import load_loss, needs_of
from surrogate_zoo.losses.scale import inputs_of
from surrogate_zoo.modes import MULTICLASS, MULTILABEL
from surrogate_zoo.needs import CLASS_IMAGE_PIXELS, CLASS_PIXELS

CLASSES = 2
SURE = 0.999
"""The largest probability that is taken: logits stay finite."""


@dataclass(frozen=True)
class DrawnLoss:
    """What a loss says of an example; None where it is not finite.

    Attributes:
        value: Of the loss.
        gradient: Its derivative by the logit of the foreground at every pixel, (H, W). Where it is negative a
            step of the training raises the foreground's probability.
        levels: Probabilities that the axes of ``surface`` stand for.
        surface: Its value where all true foreground has the foreground's probability ``levels[i]`` and
            all true background ``levels[j]``, at ``[i][j]``; empty unless it was asked for.
    """

    value: float | None
    gradient: list[list[float | None]]
    levels: list[float]
    surface: list[list[float | None]]


def drawn(
    document: Document,
    truth: Sequence[Sequence[int]],
    probabilities: Sequence[Sequence[float]],
    *,
    steps: int = 0,
) -> DrawnLoss:
    """Evaluate a loss on one image of background and foreground.

    Args:
        document: A loss file's content.
        truth: Labels (H, W), 0 is background and 1 foreground.
        probabilities: What is predicted for the foreground, (H, W), each in 0..1; at most 0.999 sure is
            taken.
        steps: Points along each axis of the surface; 0 leaves it out.

    Raises:
        InputError: The shapes differ, or the loss needs a loss network, which is trained on a dataset.
    """
    if len(truth) != len(probabilities) or len({len(row) for row in (*truth, *probabilities)}) != 1:
        raise InputError("truth and scores must be grids of the same height and width.")
    target = torch.tensor(truth, dtype=torch.int64)[None]
    predicted = torch.tensor(probabilities, dtype=torch.float32)[None]
    example = _Example.of(document, target)
    leaf = _logits(predicted).requires_grad_()
    value = example(leaf)
    gradient = torch.zeros_like(leaf)
    if value.requires_grad:
        found = torch.autograd.grad(value, leaf, allow_unused=True)[0]
        gradient = gradient if found is None else found
    levels = torch.linspace(0.02, 0.98, steps).tolist() if steps else []
    with torch.no_grad():
        surface = [[_told(example(example.levels(i, j))) for j in levels] for i in levels]
    told = [[_told(pixel) for pixel in row] for row in gradient[0, 1]]
    return DrawnLoss(_told(value.detach()), told, levels, surface)


@dataclass(frozen=True)
class _Example:
    """A loss, and the image that it is evaluated on.

    Attributes:
        loss: The loss.
        target: What is true, as the loss takes it.
        foreground: Where the foreground is, (1, H, W).
        inputs: What else the loss takes.
    """

    loss: nn.Module
    target: Tensor
    foreground: Tensor
    inputs: dict[str, Tensor]

    @classmethod
    def of(cls, document: Document, target: Tensor) -> "_Example":
        """Build the loss for the classes of an image."""
        networks = needs_of(document).loss_networks
        if networks:
            raise InputError(
                f"The loss {document['name']} carries a loss network ({', '.join(networks)}), which is "
                "trained on a dataset's masks: it cannot be tried on a drawn one."
            )
        pixels = [max(1, int((target == label).sum())) for label in range(CLASSES)]
        facts = {CLASS_PIXELS: pixels, CLASS_IMAGE_PIXELS: [target.numel()] * CLASSES}
        loss = load_loss(document, num_classes=CLASSES, facts=facts)
        mode = MULTILABEL if document.get("mode") == MULTILABEL else MULTICLASS
        taken = target if mode == MULTICLASS else torch.stack([target == 0, target == 1], 1).long()
        inputs = inputs_of(document, taken, CLASSES, mode=mode)
        return cls(loss, taken, target == 1, inputs)

    def __call__(self, logits: Tensor) -> Tensor:
        value: Tensor = self.loss(logits, self.target, **self.inputs)
        return value

    def levels(self, inside: float, outside: float) -> Tensor:
        """Logits with one probability of the foreground inside, and one outside of it."""
        return _logits(torch.where(self.foreground, inside, outside))


def _logits(probabilities: Tensor) -> Tensor:
    """Logits (1, 2, H, W) whose softmax gives the foreground these probabilities (1, H, W)."""
    half = torch.logit(probabilities.clamp(1 - SURE, SURE)) / 2
    return torch.stack([-half, half], 1)


def _told(value: Tensor) -> float | None:
    """A single number; None where it is not finite."""
    return float(value) if bool(value.isfinite()) else None
