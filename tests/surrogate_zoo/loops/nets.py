"""A small task for the loops of other libraries: three classes that colours tell, a border of void."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from lossfit import SearchResult, SegmentationEvaluator, Trial, search
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


def miou(logits: Tensor, masks: Tensor) -> float:
    """The score of a network in a search."""
    evaluator = SegmentationEvaluator(CLASSES)
    evaluator.update(logits.argmax(1), masks)
    return evaluator.compute()["miou"]


def eight_trials(evaluate: Callable[[Trial], float | Mapping[str, float]]) -> SearchResult:
    """A search of eight trials, each a training in the loop of a library, ends with a loss."""
    sampler = {"name": "tpe", "trials": 8, "batch": 4, "startup": 4}
    found = search("miou", evaluate, num_classes=CLASSES, sampler=sampler, race=None)
    assert [(trial.number, trial.ending) for trial in found.trials] == [
        (number, "trained") for number in range(8)
    ]
    images_, masks = images(2).tensors
    assert found.loss(CLASSES)(images_, masks).isfinite()
    return found
