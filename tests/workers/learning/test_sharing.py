"""Several processes that share the batches of a training end as one alone does."""

import socket
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from timm.layers.norm_act import BatchNormAct2d
from torch import distributed, nn
from torch.multiprocessing.spawn import spawn

from surrogate_zoo import load_loss
from tests.workers import tiny
from workers.datasets.layouts.registry import open_dataset
from workers.learning.batches import Batches
from workers.learning.image_stack import stack_by_size
from workers.learning.learner import Learner
from workers.learning.loop import train
from workers.learning.sharing import (
    WholeBatchStatistics,
    is_over,
    joined,
    listening,
    told_by_first,
)
from workers.tasks.shares import Share
from workers.tasks.training import TrainingSpec

CPU = torch.device("cpu")
WORLD = 2
SCHEDULE = tiny.training(iterations=4, batch_size=8, accumulate=2, ema_decay=0.9)
LOSSES = ("asl-miou-voc", "lovasz", "cross-entropy+dice")
MOVED = ("encoder.0.weight", "encoder.1.running_var", "decoder.1.bias", "segmentation_head.weight")
NORMS: dict[str, Callable[[], nn.Module]] = {
    "training": lambda: nn.BatchNorm2d(4),
    "a cumulative average": lambda: nn.BatchNorm2d(4, momentum=None),
    "no scale and no average": lambda: nn.BatchNorm2d(4, affine=False, track_running_stats=False),
    "an activation with it": lambda: BatchNormAct2d(4),
    "frozen": lambda: nn.BatchNorm2d(4).eval(),
}
Trained = dict[str, torch.Tensor]


class Small(nn.Module):
    """A network with the normalisations of torch and of timm."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), BatchNormAct2d(8))
        self.decoder = nn.Sequential(nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.ReLU())
        self.segmentation_head = nn.Conv2d(8, 6, 3, padding=2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.segmentation_head(self.decoder(self.encoder(images)))
        return logits


def learned(loss: str, share: Share | None, schedule: TrainingSpec = SCHEDULE) -> Learner:
    """A learner after four steps."""
    samples = open_dataset(tiny.SOURCE).read("train")
    batches = Batches(stack_by_size(samples, CPU, range(24)), schedule, seed=0)
    learner = Learner(Small(), load_loss(loss, num_classes=6), schedule, CPU, share=share)
    train([learner], batches, schedule, seed=0, device=CPU, rank=share.rank if share else 0)
    return learner


def normalised(share: Share | None, norm: nn.Module) -> Trained:
    """What a normalisation makes of a batch, its running statistics, and the gradients that it hands on."""
    torch.manual_seed(2)
    images, weights = torch.randn(6, 4, 3, 5) * 3 + 7, torch.randn(6, 4, 3, 5)
    if share is not None:
        images, weights = (each.chunk(WORLD)[share.rank] for each in (images, weights))
    images.requires_grad_()
    with nullcontext() if share is None else WholeBatchStatistics():
        out = norm(images)
    torch.autograd.backward((out * weights).sum())
    return {"out": out.detach(), "images": images.grad, **norm.state_dict()}


def at_work(rank: int, meeting: socket.socket, folder: str) -> None:
    """All that two processes do here together."""
    torch.set_num_threads(1)
    share = Share(rank, WORLD, *meeting.getsockname())
    told: dict[str, Any] = {}
    with joined(share, CPU, meeting):
        for loss in LOSSES:
            learner = learned(loss, share)
            told[loss] = (learner.trained.state_dict(), learner.curve())
        for name, norm in NORMS.items():
            told[name] = normalised(share, norm())
        told["first"] = told_by_first(rank)
        told["over"] = [is_over(over=not rank), is_over(over=bool(rank))]
    told["group"] = distributed.is_initialized()
    torch.save(told, Path(folder) / f"{rank}.pt")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of them found."""
    folder = tmp_path_factory.mktemp("shared")
    with listening("127.0.0.1") as meeting:
        spawn(at_work, (meeting, str(folder)), nprocs=WORLD)  # type: ignore[no-untyped-call]
    return [torch.load(folder / f"{rank}.pt") for rank in range(WORLD)]


@pytest.mark.parametrize("loss", LOSSES)
def test_a_shared_training_is_that_of_one_process(loss: str, found: list[dict[str, Any]]) -> None:
    learner = learned(loss, None)
    alone = learner.trained.state_dict()
    for weights, curve in (told[loss] for told in found):
        assert all(torch.allclose(weights[name], alone[name], 1e-4, 1e-5) for name in alone)
        assert [mean for _, mean in curve] == pytest.approx([mean for _, mean in learner.curve()])
    (first, _), (second, _) = (told[loss] for told in found)
    assert all(torch.equal(first[name], second[name]) for name in alone)
    before = Small().state_dict()
    assert not any(torch.allclose(alone[name], before[name]) for name in MOVED)


@pytest.mark.parametrize("name", NORMS)
def test_statistics_are_those_of_the_whole_batch(name: str, found: list[dict[str, Any]]) -> None:
    alone = normalised(None, NORMS[name]())
    parts = [told[name] for told in found]
    for of_images in ("out", "images"):
        whole = torch.cat([part[of_images] for part in parts])
        assert torch.allclose(whole, alone[of_images], 1e-5, 1e-6)
    for of_all in NORMS[name]().state_dict():
        assert all(torch.allclose(part[of_all], alone[of_all], 1e-5, 1e-6) for part in parts)


def test_the_first_tells_the_others(found: list[dict[str, Any]]) -> None:
    assert [told["first"] for told in found] == [0, 0]
    assert [told["over"] for told in found] == [[True, False]] * WORLD
    assert not any(told["group"] for told in found)


def test_parts_are_equal() -> None:
    with pytest.raises(ValidationError, match="equal parts"):
        tiny.retraining_task(devices=3)
    assert tiny.retraining_task(devices=4).workers == 4
