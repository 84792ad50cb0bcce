"""The size of a loss's step: what makes its gradient at the logits as long as cross entropy's.

Losses that are ratios of sums have gradients that are 4 to 20 times shorter than cross entropy's when a
training begins, so at one learning rate losses would differ by their steps more than by their shapes. The
scale in a loss file takes that out. It is measured on predictions as the first batches have them: later
on gradients differ by shape, cross entropy's fading as pixels come right where that of a ratio stays.

``python -m surrogate_zoo.losses.scale`` measures the built-in losses on the reference batch and prints
the table in :mod:`surrogate_zoo.losses.scales`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surrogate_zoo.errors import InputError, LossfitError
from surrogate_zoo.losses.distance_maps import MAPS, maps_of
from surrogate_zoo.losses.document import Document, signed
from surrogate_zoo.losses.scales import BY_DEFINITION, SCALES
from surrogate_zoo.needs import CLASS_IMAGE_PIXELS, CLASS_PIXELS

VOID = 255
LEANS = (0.0, 0.5, 1.0)
"""How far predictions lean towards the truth: the logit of the true class is that much higher."""

NOISE = 0.5
"""Standard deviation of the random logits at their nodes."""

BLOB = 8  # pixels between two random logits; those between are interpolated
DIGITS = 3

REFERENCE_CLASSES = 11
_REFERENCE_SIZE = (4, 96, 72)


def states(target: Tensor, num_classes: int, seed: int = 0) -> list[Tensor]:
    """Predictions for a batch as they are when a training begins.

    Coarse random logits that lean a little towards the truth.

    Args:
        target: Labels, int64 (N, H, W), void = 255.
        num_classes: C.
        seed: Of the random logits.

    Returns:
        One float32 (N, C, H, W) for each of :data:`LEANS`, on the target's device.
    """
    count, height, width = target.shape
    grid = (count, num_classes, -(-height // BLOB), -(-width // BLOB))
    drawn = torch.from_numpy(NOISE * np.random.default_rng(seed).standard_normal(grid)).float()
    noise = F.interpolate(
        drawn.to(target.device), size=(height, width), mode="bilinear", align_corners=False
    )
    valid = target != VOID
    truth = F.one_hot(target.masked_fill(~valid, 0), num_classes).permute(0, 3, 1, 2)
    return [noise + lean * (truth * valid[:, None]) for lean in LEANS]


def gradient_scale(
    loss: nn.Module,
    logits: Sequence[Tensor],
    target: Tensor,
    inputs: Mapping[str, Tensor] | None = None,
) -> float:
    """The factor that gives a loss the gradient of cross entropy, in length at the logits.

    Args:
        loss: ``forward(logits, target, **inputs) -> scalar``.
        logits: Predictions, float (N, C, H, W) each, such as :func:`states` makes; the lengths are
            summed over them, so that one where the loss is flat does not matter.
        target: Labels, int64 (N, H, W), void = 255.
        inputs: What the loss takes beside them.

    Returns:
        > 0, with three digits, so that it is the same on every machine.

    Raises:
        InputError: The loss has no gradient there, or one that is not finite.
    """

    def length(value: Callable[[Tensor], Tensor]) -> float:
        lengths = []
        for state in logits:
            leaf = state.detach().clone().requires_grad_()
            (gradient,) = torch.autograd.grad(value(leaf), leaf)
            lengths.append(float(gradient.double().square().sum().sqrt()))
        return math.fsum(lengths)

    own = length(lambda leaf: loss(leaf, target, **(inputs or {})))
    theirs = length(lambda leaf: F.cross_entropy(leaf, target, ignore_index=VOID))
    if not (math.isfinite(own) and own > 0 and math.isfinite(theirs) and theirs > 0):
        raise InputError(
            f"The loss cannot be scaled: the length of its gradient at the logits is {own:g}, that of "
            f"cross entropy {theirs:g}."
        )
    return float(f"{theirs / own:.{DIGITS}g}")


def filled(draft: Document, scales: Sequence[float]) -> Document:
    """The loss file's content of a draft.

    A draft is a loss file's content without a checksum, whose ``scale`` is null where it is to be
    measured: of a sum that of terms, and its own.

    Args:
        draft: The draft; a whole document comes back as it is.
        scales: One for each null, those of terms in their order before that of their sum.

    Raises:
        InputError: There are more or fewer scales than nulls.
    """
    left = list(scales)

    def next_scale(_: Document) -> float:
        if not left:
            raise InputError(f"The draft lacks more scales than the {len(scales)} that are given.")
        return left.pop(0)

    document, _ = measured(draft, next_scale)
    if left:
        raise InputError(f"The draft lacks fewer scales than the {len(scales)} that are given.")
    return document


def measured(
    draft: Document, measure: Callable[[Document], float]
) -> tuple[Document, tuple[float, ...]]:
    """Measure what a draft lacks.

    Args:
        draft: As of :func:`filled`.
        measure: Takes a loss file's content with scale 1 and gives its scale; terms come before
            their sum, which then holds them scaled.

    Returns:
        The loss file's content, and the scales that were measured, in the order of :func:`filled`.
    """
    scales: list[float] = []

    def whole(part: Document) -> Document:
        body = {name: value for name, value in part.items() if name != "sha256"}
        if "terms" in body:
            body["terms"] = [
                {"weight": term["weight"], "loss": whole(term["loss"])} for term in body["terms"]
            ]
        if "scale" in body and body["scale"] is None:
            scales.append(measure(signed(body | {"scale": 1.0})))
            body["scale"] = scales[-1]
        return signed(body)

    return whole(draft), tuple(scales)


def reference_batch() -> Tensor:
    """Labels that the scales of built-in losses are measured on: int64 (4, 96, 72), void = 255.

    Blobs of 11 classes, the most frequent of which has a hundred times the pixels of the rarest, with
    void along one border.
    """
    count, height, width = _REFERENCE_SIZE
    grid = (count, REFERENCE_CLASSES, height // BLOB, width // BLOB)
    drawn = torch.from_numpy(np.random.default_rng(0).standard_normal(grid)).float()
    noise = F.interpolate(drawn, size=(height, width), mode="bilinear", align_corners=False)
    frequency = torch.linspace(1.0, -1.0, REFERENCE_CLASSES)[None, :, None, None]
    target = (noise + frequency).argmax(1)
    target[:, :, :4] = VOID
    return target


def reference_scale(document: Mapping[str, Any]) -> float:
    """The scale of a loss on the reference batch; its own scale, where it has one, does not count.

    Raises:
        InputError: The loss has no gradient there.
    """
    from surrogate_zoo.losses.registry import load_loss, needs_of  # noqa: PLC0415  (reads SCALES)

    target = reference_batch()
    counts = torch.stack(
        [torch.bincount(m[m != VOID], minlength=REFERENCE_CLASSES) for m in target.flatten(1)]
    )
    images = (counts.sum(1, keepdim=True) * (counts > 0)).sum(0)
    facts = {CLASS_PIXELS: counts.sum(0).tolist(), CLASS_IMAGE_PIXELS: images.tolist()}
    loss = load_loss(document, num_classes=REFERENCE_CLASSES, facts=facts, scale=1.0)
    inputs = {
        name: maps_of(name, target, REFERENCE_CLASSES)
        for name in needs_of(document).inputs
        if name in MAPS
    }
    return gradient_scale(loss, states(target, REFERENCE_CLASSES), target, inputs)


def main() -> None:
    """Print the table of scales, measured anew."""
    from surrogate_zoo.losses.registry import LOSSES  # noqa: PLC0415  (reads SCALES)

    for name in LOSSES:
        if name in SCALES and name not in BY_DEFINITION:
            try:
                scale = reference_scale(LOSSES[name].document())
            except LossfitError as error:
                scale = math.nan
                print(f"# {name}: {error}")  # noqa: T201
            print(f'    "{name}": {scale:g},')  # noqa: T201


if __name__ == "__main__":
    main()
