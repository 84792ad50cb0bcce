"""Seconds a step and candidate of a whole training, and of packs on a frozen encoder.

``python -m benchmarks.frozen_encoder CAMVID [--steps 20] [--channels 64] [--packs 1 8 16]``: packs of
candidates for mIoU (``workers.proxy.evaluate_pack``, as workers run them) on CamVid in the SegNet layout,
DeepLabv3+ with packaged weights. Prints the median of the processor time between two steps, the same for
scoring an image, and how many times faster than the whole training of the same run that is. The first
step, which warms up, does not count.
"""

import argparse
import statistics
import time
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import torch

from benchmarks.tasks import camvid
from surrogate_zoo.losses.registry import LOSSES
from workers.learning.hold_out import cut_hold_out
from workers.networks.encoders import PACKAGED
from workers.proxy.proxy import evaluate_pack
from workers.proxy.samples import training_samples
from workers.tasks.proxy import Candidate, ProxyTask

LOSS = "asl-miou-voc"


class Cost(NamedTuple):
    """Processor seconds a candidate."""

    step: float
    image: float


def task_of(
    dataset: Any, size: tuple[int, int], steps: int, channels: int, *, frozen: bool
) -> ProxyTask:
    network = {
        "encoder": PACKAGED,
        "weights": "packaged",
        "options": {"decoder_channels": channels},
    }
    return ProxyTask.model_validate(
        {
            "dataset": dataset,
            "metric": "miou",
            "network": network,
            "training": {"iterations": steps + 1, "batch_size": 8, "crop": size},
            "frozen_encoder": frozen,
        }
    )


def cost(task: ProxyTask, pack: int) -> Cost:
    """What a pack of the same candidate costs."""
    candidates = [Candidate(number, LOSSES[LOSS].document()) for number in range(pack)]
    times: list[float] = []
    outcomes = evaluate_pack(
        task, candidates, device="cpu", progress=lambda _: times.append(time.process_time())
    )
    scoring = time.process_time() - times[-1]
    assert all(outcome.error is None for outcome in outcomes)
    steps = [after - before for before, after in pairwise(times)]
    samples, _ = training_samples(task.dataset)
    held = cut_hold_out(task.dataset, samples, task.hold_out, task.seed).held
    return Cost(statistics.median(steps) / pack, scoring / pack / len(held))


def row(name: str, found: Cost, whole: Cost) -> str:
    """A line of the table."""
    step, image = whole.step / found.step, whole.image / found.image
    return f"| {name} | {found.step:.3f} | {step:.1f} | {found.image:.4f} | {image:.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("camvid", type=Path)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--size", type=int, nargs=2, default=(96, 128))
    parser.add_argument("--channels", type=int, default=64, help="of the decoder")
    parser.add_argument("--packs", type=int, nargs="+", default=(1, 8, 16))
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    size = (arguments.size[0], arguments.size[1])
    dataset = camvid(arguments.camvid, size)
    whole = cost(task_of(dataset, size, arguments.steps, arguments.channels, frozen=False), 1)
    print(
        "| training | s a step | x faster | s an image scored | x faster |\n|---|---|---|---|---|"
    )
    print(row("whole", whole, whole))
    task = task_of(dataset, size, arguments.steps, arguments.channels, frozen=True)
    for pack in arguments.packs:
        print(row(f"frozen encoder, pack of {pack}", cost(task, pack), whole))


if __name__ == "__main__":
    main()
