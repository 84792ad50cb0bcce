"""nnU-Net: deep supervision, and targets with a channel and floating point.

nnU-Net itself is not installed: it brings some thirty packages, and its loop wants a data set on disk.
Its trainer calls ``loss(list of logits, list of targets)``, which is what happens here.
"""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lossfit import AnyShapeLoss, Trial, load_loss
from tests.surrogate_zoo.batches import VOID
from tests.surrogate_zoo.loops.nets import CLASSES, accuracy, eight_trials, images, miou

IGNORE = CLASSES
"""nnU-Net's label of void pixels is the one after the classes."""


class DeeplySupervised(nn.Module):
    """Logits of full, half and quarter size, the largest first, as nnU-Net's networks give them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stages = nn.ModuleList(
            nn.Conv2d(before, 16, 3, padding=1, stride=stride)
            for before, stride in ((3, 1), (16, 2), (16, 2))
        )
        self.heads = nn.ModuleList(nn.Conv2d(16, CLASSES, 1) for _ in range(3))

    def forward(self, maps: Tensor) -> list[Tensor]:
        outputs = []
        for stage, head in zip(self.stages, self.heads, strict=True):
            maps = F.relu(stage(maps))
            outputs.append(head(maps))
        return outputs


def _trained(zoo: nn.Module, steps: int, rate: float = 1.0) -> tuple[DeeplySupervised, Tensor]:
    """A network that was trained, and its largest logits."""
    inputs, masks = images().tensors
    masks = masks.masked_fill(masks == VOID, IGNORE)
    targets = [masks[:, None, ::step, ::step].float() for step in (1, 2, 4)]
    loss, model = (
        AnyShapeLoss(zoo, ignore_index=IGNORE, weights=(4 / 7, 2 / 7, 0)),
        DeeplySupervised(),
    )
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1 * rate, momentum=0.99, nesterov=True)
    for _ in range(steps):
        optimiser.zero_grad()
        torch.autograd.backward(loss(model(inputs), targets))
        optimiser.step()
    return model, model(inputs)[0]


def test_it_trains() -> None:
    zoo = load_loss("cross-entropy-dice", num_classes=CLASSES, ignore_index=IGNORE)
    model, logits = _trained(zoo, 60)
    assert accuracy(logits, images().tensors[1]) > 0.9
    assert model.heads[2].weight.grad is None  # the smallest level has no weight


@pytest.mark.slow
def test_a_search_ends_with_a_loss() -> None:
    def evaluate(trial: Trial) -> float:
        _, logits = _trained(trial.loss(ignore_index=IGNORE), 5, trial.rate)
        return miou(logits, images().tensors[1])

    eight_trials(evaluate)
