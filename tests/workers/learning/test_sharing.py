"""Several processes that share the batches of a training end as one alone does."""

import json
import os
import signal
from pathlib import Path

import psutil
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file
from torch import nn

from surrogate_zoo import load_loss
from surrogate_zoo.errors import InputError, WorkerError
from tests.workers import tiny
from workers.datasets.layouts.registry import open_dataset
from workers.learning.batches import Batches
from workers.learning.image_stack import stack_by_size
from workers.learning.learner import Learner, train
from workers.learning.sharing import Share, device_of, shared_with
from workers.retraining.retraining import retrain
from workers.tasks.base import Stopped

CPU = torch.device("cpu")
SCHEDULE = tiny.training(iterations=4, batch_size=8, accumulate=2)


class Plain(nn.Module):
    """A network without batch statistics, so that shares do not matter to it."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder = nn.Conv2d(3, 8, 3, padding=1)
        self.decoder = nn.Sequential(nn.GroupNorm(2, 8), nn.ReLU())
        self.segmentation_head = nn.Conv2d(8, 6, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.segmentation_head(self.decoder(self.encoder(images)))
        return logits


def trained(share: Share | None) -> dict[str, torch.Tensor]:
    """Weights after four steps with a loss that is a ratio of sums over the batch."""
    samples = open_dataset(tiny.SOURCE).read("train")
    batches = Batches(stack_by_size(samples, CPU, range(24)), SCHEDULE, seed=0)
    loss = load_loss("asl-miou-voc", num_classes=6)
    learner = Learner(Plain(), loss, SCHEDULE, CPU, share=share)
    train([learner], batches, SCHEDULE, seed=0, device=CPU, rank=share.rank if share else 0)
    return learner.network.state_dict()


def assist(share: Share, folder: Path) -> None:
    torch.save(trained(share), folder / f"{share.rank}.pt")


def perish(_: Share) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_the_loss_is_that_of_the_whole_batch(tmp_path: Path) -> None:
    alone = trained(None)
    with shared_with(assist, (tmp_path,), folder=tmp_path, world=2, device=CPU) as share:
        shared = trained(share)
    for name, weight in alone.items():
        assert torch.allclose(shared[name], weight, rtol=1e-4, atol=1e-6), name
    assert any(
        not torch.equal(alone[name], weight) for name, weight in Plain().state_dict().items()
    )
    assert not list(tmp_path.glob("meeting-*"))


@pytest.mark.slow  # 13 s: three starts of two processes
def test_a_shared_retraining_stops_and_resumes_to_the_same_end(tmp_path: Path) -> None:
    task = tiny.retraining_task(devices=2, training={"iterations": 6})
    result = retrain(task, tmp_path / "straight", device="cpu")
    calls = iter([False, False, True])
    with pytest.raises(Stopped):
        retrain(task, tmp_path / "stopped", device="cpu", should_stop=lambda: next(calls))
    assert retrain(task, tmp_path / "stopped", device="cpu").metrics == result.metrics
    first, second = (
        load_file(tmp_path / name / "weights.safetensors") for name in ("straight", "stopped")
    )
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert json.loads((tmp_path / "straight" / "metrics.json").read_text())["images"] == 6
    assert not [
        child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())
    ]


def test_a_process_that_dies_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(WorkerError, match="shares the training ended"),
        shared_with(perish, (), folder=tmp_path, world=2, device=CPU) as share,
    ):
        trained(share)


def test_shares_are_equal_and_of_two_images_or_more() -> None:
    with pytest.raises(ValidationError, match="equal parts of two or more"):
        tiny.retraining_task(devices=3)
    with pytest.raises(ValidationError, match="equal parts of two or more"):
        tiny.retraining_task(devices=4)


def test_gpus_that_are_not_there_are_asked_for_by_name() -> None:
    there = torch.cuda.device_count()
    with pytest.raises(InputError, match=f"LOSSFIT_GPUS_PER_ACTOR={there + 1}"):
        device_of(there, torch.device("cuda"))
    assert device_of(5, CPU) == CPU
