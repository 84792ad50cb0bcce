"""One small batch and its plain NumPy form, for the tests of handmade losses."""

import numpy as np
import torch
from torch import Tensor

from tests.surrogate_zoo.batches import VOID, labels

CLASSES = 5


def batch(seed: int) -> tuple[Tensor, Tensor]:
    """Logits, float64 (2, 5, 9, 11), and labels with void; class 4 is absent."""
    logits = torch.randn(
        2, CLASSES, 9, 11, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    return logits, labels(seed, classes=4)


def valid(logits: Tensor, target: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (P, C) and labels (P,) of the valid pixels."""
    counted = (target != VOID).numpy()
    return logits.softmax(1).movedim(1, -1).numpy()[counted], target.numpy()[counted]
