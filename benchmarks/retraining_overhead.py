"""Images per second of a retraining against a bare PyTorch loop.

``python -m benchmarks.retraining_overhead [--steps 4] [--rounds 15]``: one retraining as the service
runs it (augmentation, checks, progress) is halted every few steps, and a plain loop takes as many steps
with the same network, loss, optimiser and batch size, on batches that lie ready in memory. Both run in
one process, in turns. Prints the median over the rounds of bare seconds by the retraining's seconds; 1
is no overhead. On a CPU also by processor time, which other programs on the machine disturb less; take
that where the quartiles are apart. The checkpoint that the retraining ends with is timed apart.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import count, cycle
from pathlib import Path
from typing import NamedTuple

import torch

from surrogate_zoo import load_loss
from surrogate_zoo.losses.handmade.pixels import CrossEntropy
from surrogate_zoo.losses.registry import LOSSES
from workers.datasets.layouts.registry import open_dataset
from workers.learning.batches import Batches, TrainingBatch
from workers.learning.device import autocast, choose_device
from workers.learning.image_stack import stack_by_size
from workers.learning.learner import initial_network
from workers.retraining.retraining import retrain
from workers.tasks.base import Stopped
from workers.tasks.datasets import ShapesSource
from workers.tasks.networks import NetworkSpec
from workers.tasks.retraining import RetrainingTask
from workers.tasks.training import TrainingSpec

READY = 4  # batches of the bare loop, made before
BOUND = 0.95


class Seconds(NamedTuple):
    """Time of a block, or the time now."""

    wall: float
    processor: float

    def since(self, before: "Seconds") -> "Seconds":
        """Time that has passed since."""
        return Seconds(self.wall - before.wall, self.processor - before.processor)


def now(device: torch.device) -> Seconds:
    """The time once the device has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return Seconds(time.perf_counter(), time.process_time())


def ready_batches(task: RetrainingTask, device: torch.device) -> list[TrainingBatch]:
    samples = open_dataset(task.dataset).read("train")
    batches = Batches(
        stack_by_size(samples, device, range(len(samples))), task.training, seed=task.seed
    )
    return [batches(step) for step in range(READY)]


def bare_loop(task: RetrainingTask, device: torch.device) -> Iterator[None]:
    """One step of an ordinary training loop for each item."""
    classes = len(open_dataset(task.dataset).classes)
    network = initial_network(task.network, classes, task.seed)
    # torch's annotations of Module.to lack the memory format.
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.train()
    loss_of = load_loss("cross-entropy", num_classes=classes).to(device)
    assert isinstance(loss_of, CrossEntropy)
    loss_of.check_values = False  # as in the retraining
    training = task.training
    optimiser = torch.optim.SGD(
        network.parameters(),
        training.learning_rate,
        training.momentum,
        weight_decay=training.weight_decay,
    )
    schedule = torch.optim.lr_scheduler.PolynomialLR(optimiser, training.iterations, 0.9)
    for batch in cycle(ready_batches(task, device)):
        optimiser.zero_grad()
        with autocast(device):
            logits = network(batch.images.contiguous(memory_format=torch.channels_last))
        loss_of(logits.float(), batch.masks).backward()
        optimiser.step()
        schedule.step()
        yield


def in_turns(
    task: RetrainingTask, device: torch.device, steps: int
) -> tuple[list[Seconds], list[Seconds], Seconds]:
    """Times of every block of ``steps``, of the retraining and of the bare loop; of a checkpoint."""
    ours: list[Seconds] = []
    bare: list[Seconds] = []
    loop, taken = bare_loop(task, device), count(1)
    began = now(device)

    def pause() -> bool:
        nonlocal began
        if next(taken) % steps == 0:
            middle = now(device)
            for _ in range(steps):
                next(loop)
            ours.append(middle.since(began))
            began = now(device)
            bare.append(began.since(middle))
        return len(ours) * steps >= task.training.iterations - steps

    with tempfile.TemporaryDirectory() as folder, suppress(Stopped):
        retrain(task, Path(folder), device=str(device), should_stop=pause)
    return ours[1:], bare[1:], now(device).since(began)  # the first blocks warm up


def row(name: str, ours: list[float], bare: list[float], images: int) -> str:
    """A line of the table."""
    ratios = [b / o for o, b in zip(ours, bare, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    rates = [images / statistics.median(seconds) for seconds in (ours, bare)]
    return f"| {name} | {rates[0]:.2f} | {rates[1]:.2f} | {middle:.3f} | {low:.3f}, {high:.3f} |"


def task_of(arguments: argparse.Namespace) -> RetrainingTask:
    side, steps = arguments.side, arguments.steps
    return RetrainingTask(
        dataset=ShapesSource(height=side, width=side, train=64, val=4, test=4),
        loss=LOSSES["cross-entropy"].document(),
        network=NetworkSpec(encoder=arguments.encoder),
        training=TrainingSpec(
            iterations=(arguments.rounds + 2) * steps,
            batch_size=arguments.batch,
            crop=(side, side),
        ),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=4, help="steps of a block")
    parser.add_argument("--rounds", type=int, default=15, help="pairs of blocks that count")
    parser.add_argument("--side", type=int, default=128, help="side of images and crops in pixels")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--encoder", default="resnet18")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device, task = choose_device(), task_of(arguments)
    ours, bare, checkpoint = in_turns(task, device, arguments.steps)
    images = arguments.steps * arguments.batch
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(
        f"DeepLabv3+ {arguments.encoder}, {arguments.batch} x {arguments.side}^2, {name}, "
        f"{arguments.threads} threads, torch {torch.__version__}, {len(ours)} rounds of "
        f"{arguments.steps} steps, bound {BOUND}\n\n"
        "| seconds of | retraining, images/s | bare | ratio | its quartiles |\n|---|---|---|---|---|"
    )
    for clock in ("wall",) if device.type == "cuda" else ("wall", "processor"):
        times = [[block._asdict()[clock] for block in blocks] for blocks in (ours, bare)]
        print(row(clock, times[0], times[1], images))
    print(f"\nA checkpoint took {checkpoint.wall:.2f} s ({checkpoint.processor:.2f} s processor).")


if __name__ == "__main__":
    main()
