"""What it takes to score predictions: all metrics here beside torchmetrics' few, on a CPU.

``python -m benchmarks.evaluation [--size 512] [--classes 21]``: one image of blobs, its prediction a shifted
copy. Milliseconds of processor time a batch, on one thread, median of turns taken in each other's company;
the ratio is to torchmetrics' ``MulticlassJaccardIndex``, which is one of the thirteen metrics.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torchmetrics import MetricCollection
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassCohenKappa,
    MulticlassF1Score,
    MulticlassJaccardIndex,
    MulticlassPrecision,
)
from torchmetrics.segmentation import MeanIoU

from surrogate_zoo import BoundaryEvaluator, ImageScores, SegmentationEvaluator

VOID = 255
ROUNDS = 7

Update = Callable[[Tensor, Tensor], Any]


def blobs(size: int, classes: int, cell: int = 32) -> tuple[Tensor, Tensor]:
    """A prediction and a target of ``size`` x ``size`` pixels; a strip of the target is void."""
    generator = torch.Generator().manual_seed(0)
    corners = torch.rand(1, -(-size // cell), -(-size // cell), generator=generator) * classes
    target = corners.long().repeat_interleave(cell, 1).repeat_interleave(cell, 2)
    target = target[:, :size, :size].contiguous()
    pred = target.roll((3, 5), (1, 2)).clone()
    target[..., : size // 64] = VOID
    return pred, target


def updates(classes: int) -> dict[str, Update]:
    """What is timed, by name; the first is the measure of the others."""
    options: dict[str, Any] = {"num_classes": classes, "ignore_index": VOID}
    five = MetricCollection(
        [
            MulticlassJaccardIndex(**options),
            MulticlassAccuracy(**options),
            MulticlassPrecision(**options),
            MulticlassF1Score(**options),
            MulticlassCohenKappa(**options),
        ]
    )
    means = MeanIoU(classes, input_format="index")
    return {
        "torchmetrics, MulticlassJaccardIndex": MulticlassJaccardIndex(**options).update,
        "torchmetrics, five metrics in a collection": five.update,
        "torchmetrics, MeanIoU of images": lambda pred, target: means.update(
            pred, target.where(target != VOID, 0)
        ),
        "SegmentationEvaluator, all metrics": SegmentationEvaluator(classes).update,
        "BoundaryEvaluator": BoundaryEvaluator(classes).update,
        "ImageScores": ImageScores(classes).update,
    }


def milliseconds(functions: dict[str, Update], pred: Tensor, target: Tensor) -> dict[str, float]:
    """Median processor time of one call of each."""
    took: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(ROUNDS + 1):
        for name, update in functions.items():
            began = time.process_time()
            update(pred, target)
            if turn:  # the first call of each makes what all need
                took[name].append(1e3 * (time.process_time() - began))
    return {name: median(times) for name, times in took.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--classes", type=int, default=21)
    options = parser.parse_args()
    torch.set_num_threads(1)
    took = milliseconds(updates(options.classes), *blobs(options.size, options.classes))
    first = next(iter(took.values()))
    print(
        f"{options.size} x {options.size} pixels, {options.classes} classes, torch {torch.__version__}\n"
    )
    print("| what | ms | ratio |\n|---|---|---|")
    for name, spent in took.items():
        print(f"| {name} | {spent:.1f} | {spent / first:.2f} |")


if __name__ == "__main__":
    main()
