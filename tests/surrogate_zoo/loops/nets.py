"""A small task for the loops of other libraries: three classes that colours tell, a border of void."""

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from tests.surrogate_zoo.batches import VOID

CLASSES = 3


def images(count: int = 16, side: int = 32) -> TensorDataset:
    """Images (3, side, side) and masks int64 (side, side)."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randint(0, CLASSES, (count, side // 8, side // 8), generator=generator)
    masks = coarse.repeat_interleave(8, 1).repeat_interleave(8, 2)
    colours = nn.functional.one_hot(masks, CLASSES).movedim(-1, 1).float()
    noise = torch.randn(colours.shape, generator=generator)
    masks[:, 0] = VOID
    return TensorDataset(colours + 0.3 * noise, masks)


def network(stride: int = 1) -> nn.Sequential:
    """Images (N, 3, H, W) -> logits (N, 3, H / stride, W / stride); always the same."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1, stride=stride), nn.ReLU(), nn.Conv2d(16, CLASSES, 1)
    )


def accuracy(logits: Tensor, masks: Tensor) -> float:
    """Share of the valid pixels that are right."""
    valid = masks != VOID
    return (logits.argmax(1) == masks)[valid].float().mean().item()
