"""Measures how much smaller a loss's gradient at the logits is than that of cross entropy.

``python -m surrogate_zoo.losses.scale`` measures the built-in losses and prints the table of
:mod:`surrogate_zoo.losses.scales`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from surrogate_zoo.errors import InputError
from surrogate_zoo.labelling import Labelling, labelling_of
from surrogate_zoo.losses.distance_maps import maps_of
from surrogate_zoo.losses.registry import LOSSES, load_loss, needs_of
from surrogate_zoo.losses.scales import SCALES, UNMEASURED
from surrogate_zoo.modes import MULTICLASS, MULTILABEL
from surrogate_zoo.needs import (
    BOUNDARY_LOGITS,
    CLASS_IMAGE_PIXELS,
    CLASS_PIXELS,
    EMBEDDINGS,
    INSTANCES,
    SEEDINESS,
    SIMILARITIES,
)

VOID = 255
BLOB = 8
"""Pixels between two random logits; those between are interpolated."""
NOISE = 0.5
"""Standard deviation of these random logits."""
LEANINGS = (0.0, 0.5, 1.0)
"""What is added to the logit of the true class: little, as when a training begins.

Later on the lengths of gradients differ by shape: cross entropy's fades as pixels come right, that of a
ratio stays. What they are in the beginning tells what rate suits a loss: on CamVid the best rates of the
literature's forms are 3 to 10 times cross entropy's, as these scales are.
"""
CLASSES, SIZE = 11, (4, 96, 72)


def reference_batch(
    num_classes: int = CLASSES, mode: str = MULTICLASS
) -> tuple[Tensor, list[Tensor]]:
    """The batch that the scales of built-in losses are measured on, and of losses for unseen data.

    Always the same for a number of classes.

    Args:
        num_classes: C of the logits, 1 is binary; built-in losses are measured with 11.
        mode: ``multiclass`` or ``multilabel``, whose channels overlap.

    Returns:
        Masks, int64 (4, 96, 72): blobs of C classes, the first the most frequent and the last
        rare, about 7 % void (255); and predictions as of :func:`states`.
    """
    labelling = labelling_of(num_classes, mode)
    if labelling.sigmoid:
        return _reference_channels(num_classes)
    scores = _blobs((SIZE[0], num_classes + 1, *SIZE[1:]), seed=1)
    frequent = torch.linspace(0.5, -0.5, num_classes)[None, :, None, None]
    target = (scores[:, :num_classes] + frequent).argmax(1)
    target = torch.where(scores[:, num_classes] > 1, VOID, target)
    return target, states(target, num_classes, seed=0)


def _reference_channels(channels: int) -> tuple[Tensor, list[Tensor]]:
    """The same of channels that are on or off, the first most often: int64 (4, C, 96, 72) and logits."""
    scores = _blobs((SIZE[0], channels + 1, *SIZE[1:]), seed=1)
    frequent = torch.linspace(0.5, -0.5, channels) if channels > 1 else torch.zeros(1)
    on = (scores[:, :channels] + frequent[:, None, None] > 0.0).long()
    target = torch.where(scores[:, channels:] > 1, VOID, on)
    return target, states(target, channels, seed=0, mode=MULTILABEL)


def states(target: Tensor, num_classes: int, seed: int, *, mode: str = MULTICLASS) -> list[Tensor]:
    """Predictions for a batch of masks as they are when a training begins.

    Args:
        target: int64 (N, H, W), 255 = void; (N, C, H, W) of a multi-label.
        num_classes: C; 1 is binary.
        seed: Seeds the random logits, coarse as what a network predicts.
        mode: ``multiclass`` or ``multilabel``.

    Returns:
        Logits, float32 (N, C, H, W) on the masks' device, one for each of :data:`LEANINGS`.
    """
    labelling = labelling_of(num_classes, mode)
    if labelling.sigmoid:
        size = labelling.size_of(target)
        masks = states(labelling.masks_of(target, size), 2, seed)
        shape = (size[0], num_classes, *size[1:])
        return [(each[:, 1] - each[:, 0]).reshape(shape) for each in masks]
    count, height, width = target.shape
    noise = NOISE * _blobs((count, num_classes, height, width), seed).to(target.device)
    valid = target != VOID
    truth = F.one_hot(target.masked_fill(~valid, 0), num_classes).movedim(-1, 1) * valid[:, None]
    return [noise + leaning * truth for leaning in LEANINGS]


def gradient_scale(
    loss: nn.Module,
    logits_states: Sequence[Tensor],
    target: Tensor,
    inputs: Mapping[str, Tensor] | None = None,
) -> float:
    """The factor that gives a loss's gradient at the logits the Euclidean norm of cross entropy's.

    Args:
        loss: ``forward(logits, target, **inputs) -> scalar``.
        logits_states: Predictions (N, C, H, W), as of :func:`states`.
        target: int64 (N, H, W), 255 = void; (N, C, H, W) of a multi-label.
        inputs: What the loss takes beyond both.

    Returns:
        Geometric mean over the predictions of the quotient of both norms, > 0. Rounded to three
        digits, so that it is the same on every machine.

    Raises:
        InputError: The loss has no gradient, or one that is not finite, at some prediction.
    """
    logs, labelling = [], getattr(loss, "labelling", None)
    reference: Callable[..., Tensor] = partial(F.cross_entropy, ignore_index=VOID)
    if labelling is not None and labelling.sigmoid:
        mode = MULTILABEL if labelling.multilabel else MULTICLASS
        reference = load_loss("cross-entropy", num_classes=labelling.channels, mode=mode, scale=1)
    for logits in logits_states:
        leaf = logits.detach().clone().requires_grad_()
        own = _norm(loss(leaf, target, **(inputs or {})), leaf)
        theirs = _norm(reference(leaf, target), leaf)
        if not (math.isfinite(own) and own > 0 and math.isfinite(theirs) and theirs > 0):
            raise InputError(
                f"The loss has no scale: its gradient has the norm {own:g} at predictions where cross "
                f"entropy's has {theirs:g}."
            )
        logs.append(math.log(theirs) - math.log(own))
    return float(f"{math.exp(sum(logs) / len(logs)):.3g}")


def inputs_of(
    source: str | Path | Mapping[str, Any],
    target: Tensor,
    num_classes: int,
    *,
    mode: str = MULTICLASS,
) -> dict[str, Tensor]:
    """What a loss takes beyond logits and target: distance maps, and heads that know nothing.

    There are no objects: what a loss says of them has no gradient at the logits. Target, C and mode are as
    of :func:`states`; a loss with heads takes no multi-labels.
    """
    labelling = labelling_of(num_classes, mode)
    labels, size = labelling.labels, labelling.size_of(target)
    heads = {BOUNDARY_LOGITS: 1, EMBEDDINGS: 1, SEEDINESS: len(SIMILARITIES) * (labels + 1)}
    inputs = {}
    for name in needs_of(source).inputs:
        if name in heads:
            inputs[name] = torch.zeros(target.shape, device=target.device)[:, None].repeat(
                1, heads[name], 1, 1
            )
        elif name == INSTANCES:
            inputs[name] = torch.zeros_like(target)
        else:
            maps = maps_of(name, labelling.masks_of(target, size), labels)
            inputs[name] = maps.reshape(size[0], -1, *size[1:])
    return inputs


def scale_for(
    source: str | Path | Mapping[str, Any],
    *,
    num_classes: int,
    facts: Mapping[str, Any] | None = None,
    **overrides: Any,
) -> float:
    """The scale of a loss for a number of classes, measured on the reference batch of as many.

    The scale that a built-in loss brings is that of 11 classes: a mean over classes has a gradient that
    falls with their number, so that with 2 it is several times cross entropy's, with 150 a tenth of it.

    Args:
        source: As of :func:`surrogate_zoo.load_loss`, like the next three.
        num_classes: C of the logits; 1 is binary.
        facts: What is known about the data set.
        **overrides: Options of the loss. A sum's terms keep the scales that they have.

    Returns:
        What ``load_loss`` takes as ``scale``; 1 of losses that hold cross entropy beside what a network says,
        and of those of embeddings, as in the zoo.

    Raises:
        InputError: The loss has no gradient at the logits, an option is wrong, or there are more than 255
            classes, of which the reference batch has none.
    """
    if num_classes > VOID:
        raise InputError(f"Scales are measured for {VOID} classes at most, not for {num_classes}.")
    name = source if isinstance(source, str) else isinstance(source, Mapping) and source.get("loss")
    if name in UNMEASURED:
        return 1.0
    options = {**overrides, "scale": 1.0}
    if "ignore_index" in options:
        options["ignore_index"] = VOID  # that of the reference batch
    loss = load_loss(source, num_classes=num_classes, facts=facts, **options)
    labelling: Labelling | None = getattr(loss, "labelling", None)
    mode = MULTILABEL if labelling is not None and labelling.multilabel else MULTICLASS
    target, logits_states = reference_batch(num_classes, mode)
    inputs = inputs_of(source, target, num_classes, mode=mode)
    with torch.enable_grad():
        return gradient_scale(loss, logits_states, target, inputs)


def measure_built_in(name: str) -> float:
    """Measure the scale of a built-in loss on the reference batch; it needs no loss network."""
    target, _ = reference_batch()
    counts = torch.stack([mask[mask != VOID].bincount(minlength=CLASSES) for mask in target])
    images = counts.sum(1, keepdim=True) * (counts > 0)
    facts = {CLASS_PIXELS: counts.sum(0).tolist(), CLASS_IMAGE_PIXELS: images.sum(0).tolist()}
    return scale_for(name, num_classes=CLASSES, facts=facts)


def _blobs(shape: tuple[int, int, int, int], seed: int) -> Tensor:
    """Smooth noise, float32 (N, C, H, W): normal numbers on a coarse grid, interpolated."""
    count, channels, height, width = shape
    grid = (count, channels, -(-height // BLOB), -(-width // BLOB))
    drawn = torch.from_numpy(np.random.default_rng(seed).standard_normal(grid)).float()
    return F.interpolate(drawn, size=(height, width), mode="bilinear", align_corners=False)


def _norm(value: Tensor, leaf: Tensor) -> float:
    """Euclidean norm of the gradient; 0 where the value does not depend on ``leaf``."""
    if not value.requires_grad:
        return 0.0
    (gradient,) = torch.autograd.grad(value, leaf, allow_unused=True)
    return 0.0 if gradient is None else float(gradient.double().norm())


def _main() -> None:
    for name in LOSSES:
        scale = SCALES[name] if name in UNMEASURED else measure_built_in(name)
        print(f'    "{name}": {scale!r},')  # noqa: T201  (a command)


if __name__ == "__main__":
    _main()
