"""A picture of predictions: image, truth and prediction side by side, for a few samples."""

from collections.abc import Sequence

import numpy as np
from PIL import Image
from torch import Tensor, nn

from workers.datasets.dataset import VOID, Pixels
from workers.datasets.reports.band_statistics import as_picture
from workers.datasets.reports.picture import coloured
from workers.learning.image_stack import Stack
from workers.scoring.inference import WHOLE, predict
from workers.tasks.scoring import InferenceSpec

ROWS = 4
HEIGHT = 160  # pixels of a row


def channels_last(labels: Tensor) -> Pixels:
    """Predicted labels as masks are kept, uint8 (N, H, W), or (N, H, W, C) of a multi-label."""
    kept: Pixels = (labels if labels.ndim == 3 else labels.movedim(1, -1)).cpu().numpy()
    return kept.astype(np.uint8)


def draw_predictions(
    network: nn.Module, stacks: Sequence[Stack], inference: InferenceSpec = WHOLE
) -> Image.Image:
    """Draw up to four samples, one a row: image, truth, prediction (blank where truth is void).

    Args:
        network: In evaluation mode, on the stacks' device.
        stacks: Samples; rows are spread evenly over the largest stack.
        inference: How predictions are made.
    """
    stack = max(stacks, key=lambda candidate: len(candidate.positions))
    height, width = stack.size
    chosen = np.unique(np.linspace(0, len(stack.positions) - 1, ROWS).round().astype(int))
    images = stack.images[chosen]
    truth = stack.masks[chosen].cpu().numpy()
    labels = channels_last(predict(network, images, inference))
    labels[truth == VOID] = VOID
    rows = [
        np.concatenate([as_picture(image), coloured(true), coloured(label)], axis=1)
        for image, true, label in zip(images.cpu().numpy(), truth, labels, strict=True)
    ]
    picture = Image.fromarray(np.concatenate(rows, axis=0))
    factor = HEIGHT / height
    size = (round(3 * width * factor), HEIGHT * len(rows))
    return picture.resize(size, Image.Resampling.NEAREST)
