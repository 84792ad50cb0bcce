"""Predictions of a network for images of any size, and their scores."""

from collections.abc import Iterator, Sequence
from math import isfinite

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surrogate_zoo import BoundaryEvaluator, SegmentationEvaluator
from workers.device import autocast
from workers.image_stack import Stack, normalise
from workers.specs import ScoringSpec

MULTIPLE = 32  # sides that every encoder can halve five times
PIXELS = 2_000_000  # pixels of a batch, which bounds the memory of large images


@torch.inference_mode()
def predict(network: nn.Module, images: Tensor) -> Tensor:
    """Predict labels.

    Args:
        network: In evaluation mode, on the images' device.
        images: uint8 (N, H, W, 3).

    Returns:
        Labels, int64 (N, H, W). Sides are padded to multiples of 32 and cropped again.
    """
    height, width = images.shape[1:3]
    pixels = normalise(images.float()).permute(0, 3, 1, 2)
    padded = F.pad(pixels, (0, -width % MULTIPLE, 0, -height % MULTIPLE))
    with autocast(images.device):
        logits: Tensor = network(padded.contiguous(memory_format=torch.channels_last))
    return logits[:, :, :height, :width].argmax(1)


def batches(stacks: Sequence[Stack]) -> Iterator[tuple[Tensor, Tensor]]:
    """Cut stacks into (images, masks) of at most two million pixels, or of one image."""
    for stack in stacks:
        height, width = stack.size
        size = max(1, PIXELS // (height * width))
        for start in range(0, len(stack.positions), size):
            part = slice(start, start + size)
            yield stack.images[part], stack.masks[part]


def evaluate(
    network: nn.Module, stacks: Sequence[Stack], num_classes: int, scoring: ScoringSpec
) -> dict[str, float]:
    """Score a network on whole images, unscaled.

    Leaves the network in evaluation mode.

    Returns:
        Every metric, and every measure near borders (``surrogate_zoo.BoundaryEvaluator``), in 0..1
        (kappa -1..1), over all images together. One that found nothing to measure (no labelled
        pixel, no boundary) is left out.
    """
    evaluators = (
        SegmentationEvaluator(
            num_classes,
            tolerance=scoring.tolerance,
            exclude_background=scoring.exclude_background,
        ),
        BoundaryEvaluator(num_classes),
    )
    network.eval()
    for images, masks in batches(stacks):
        pred, target = predict(network, images), masks.long()
        for evaluator in evaluators:
            evaluator.update(pred, target)
    scores = [score for evaluator in evaluators for score in evaluator.compute().items()]
    return {name: score for name, score in scores if isfinite(score)}
