"""A training of a moment, as a function of a trial and as a trainable of Ray Tune that keeps checkpoints."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from ray import tune
from torch import Tensor, nn

from lossfit import SegmentationEvaluator, Trial, loss_of

STEPS = 3


def _data() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    masks = torch.randint(3, (4, 16, 16), generator=generator)
    images = nn.functional.one_hot(masks, 3).movedim(-1, 1)
    return images + torch.randn(4, 3, 16, 16, generator=generator), masks


class Training:
    """One layer, trained with a loss; a step is five of SGD."""

    def __init__(self, loss: nn.Module, rate: float, seed: int) -> None:
        torch.set_num_threads(1)
        torch.manual_seed(seed)
        self.loss, self.network = loss, nn.Conv2d(3, 3, 1)
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=0.1 * rate, momentum=0.9)
        self.done = 0

    def steps(self) -> Iterator[float]:
        """Train the steps that are left, and yield the score after each."""
        images, masks = _data()
        while self.done < STEPS:
            for _ in range(5):
                self.optimizer.zero_grad()
                torch.autograd.backward(self.loss(self.network(images), masks))
                self.optimizer.step()
            self.done += 1
            evaluator = SegmentationEvaluator(3)
            evaluator.update(self.network(images).argmax(1), masks)
            yield evaluator.compute()["miou"]

    def save(self, path: Path) -> None:
        state = (self.network.state_dict(), self.optimizer.state_dict(), self.done)
        torch.save(state, path)

    def restore(self, path: Path) -> None:
        network, optimizer, self.done = torch.load(path)
        self.network.load_state_dict(network)
        self.optimizer.load_state_dict(optimizer)


def evaluate(trial: Trial) -> float:
    """For ``lossfit.search``."""
    return list(Training(trial.loss(), trial.rate, trial.seed).steps())[-1]


def trainable(config: dict[str, Any]) -> None:
    """For ``tune.Tuner``."""
    training = Training(loss_of(config), config["rate"], config["seed"])
    if (checkpoint := tune.get_checkpoint()) is not None:
        with checkpoint.as_directory() as folder:
            training.restore(Path(folder) / "state.pt")
    for score in training.steps():
        with tempfile.TemporaryDirectory() as folder:
            training.save(Path(folder) / "state.pt")
            tune.report({"miou": score}, checkpoint=tune.Checkpoint.from_directory(folder))
