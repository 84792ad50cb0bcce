"""Losses of the zoo beside the same losses of segmentation-models-pytorch and MONAI, in one run on the CPU.

    python -m benchmarks.library_losses [--size 4 21 256 256] [--threads 1] [--rounds 9]

Forward + backward; all that compute one loss take turns, step by step, and cross entropy of torch with them.
Told is the least of all rounds. With one thread the clock is the process's own time, which other work on the
machine lengthens less; else it is the wall's. Peak memory is that of new tensors in one step, in units of the
logits. The libraries' losses are as their users build them, on the same logits and labels; MONAI's labels
have a channel, (N, 1, H, W).
"""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import torch
from monai import losses as monai
from segmentation_models_pytorch import losses as smp
from torch import Tensor, nn

from benchmarks import tasks
from benchmarks.gpu_losses import cross_entropy, step
from benchmarks.losses import random_batch
from benchmarks.memory import peak_bytes
from surrogate_zoo import load_loss

Loss = Callable[[Tensor, Tensor], Tensor]

_MONAI = {"softmax": True, "to_onehot_y": True, "batch": True}

LIBRARIES: Mapping[str, Mapping[str, Callable[[], nn.Module]]] = {
    "cross-entropy": {"SMP": lambda: smp.SoftCrossEntropyLoss(smooth_factor=0.0)},
    "dice": {
        "SMP": lambda: smp.DiceLoss("multiclass"),
        "MONAI": lambda: monai.DiceLoss(**_MONAI),
    },
    "dice-squared": {"MONAI": lambda: monai.DiceLoss(squared_pred=True, **_MONAI)},
    "jaccard-metric": {
        "SMP": lambda: smp.JaccardLoss("multiclass"),
        "MONAI": lambda: monai.DiceLoss(jaccard=True, **_MONAI),
    },
    "tversky": {
        "SMP": lambda: smp.TverskyLoss("multiclass", alpha=0.3, beta=0.7),
        "MONAI": lambda: monai.TverskyLoss(alpha=0.3, beta=0.7, **_MONAI),
    },
    "focal": {
        "SMP": lambda: smp.FocalLoss("multiclass"),
        "MONAI": lambda: monai.FocalLoss(to_onehot_y=True, use_softmax=True),
    },
    "lovasz": {"SMP": lambda: smp.LovaszLoss("multiclass")},
    "cross-entropy-dice": {"MONAI": lambda: monai.DiceCELoss(**_MONAI)},
}
"""Loss of the zoo -> the same loss of a library."""


def main(words: Sequence[str] | None = None) -> None:
    """Print a Markdown table, one row a loss and library."""
    parser = argparse.ArgumentParser(description="Time losses beside those of other libraries.")
    parser.add_argument("--size", type=int, nargs=4, default=(4, 21, 256, 256), metavar="NCHW")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--losses", nargs="+", default=list(LIBRARIES), metavar="NAME")
    arguments = parser.parse_args(words)
    torch.set_num_threads(arguments.threads)
    logits, target = random_batch(tuple(arguments.size), 1, 0.0, "cpu")
    print(f"logits {tuple(logits.shape)}, threads: {arguments.threads}, {tasks.circumstances()}\n")
    print(
        "| loss | ms | x cross entropy | peak memory | library | ms | ours / theirs | peak memory |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name in arguments.losses:
        for line in rows(name, logits, target, arguments.rounds):
            print(line, flush=True)


def rows(name: str, logits: Tensor, target: Tensor, rounds: int) -> Iterator[str]:
    """The rows of one loss, a library each."""
    libraries = LIBRARIES[name]
    losses: dict[str, Loss] = {
        "base": cross_entropy,
        "own": load_loss(name, num_classes=logits.shape[1], scale=1),
    }
    for library, made in libraries.items():
        losses[library] = _with_channel(made()) if library == "MONAI" else made()
    seconds = seconds_in_turns(losses, logits, target, rounds)
    unit = logits.numel() * logits.element_size()
    peaks = {
        which: peak_bytes(partial(step, loss, logits, target), "cpu") / unit
        for which, loss in losses.items()
    }
    for library in libraries:
        yield (
            f"| {name} | {seconds['own'] * 1e3:.1f} | {seconds['own'] / seconds['base']:.2f} "
            f"| {peaks['own']:.1f} | {library} | {seconds[library] * 1e3:.1f} "
            f"| {seconds['own'] / seconds[library]:.2f} | {peaks[library]:.1f} |"
        )


def _with_channel(loss: nn.Module) -> Loss:
    """A loss that takes labels (N, 1, H, W)."""

    def called(logits: Tensor, target: Tensor) -> Tensor:
        value: Tensor = loss(logits, target[:, None])
        return value

    return called


def seconds_in_turns(
    losses: Mapping[str, Loss], logits: Tensor, target: Tensor, rounds: int
) -> dict[str, float]:
    """Least seconds of a step with each of the losses, which take turns; two rounds warm up."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    times: dict[str, list[float]] = {which: [] for which in losses}
    for turn in range(rounds + 2):
        for which, loss in losses.items():
            began = clock()
            step(loss, logits, target)
            if turn >= 2:
                times[which].append(clock() - began)
    return {which: min(taken) for which, taken in times.items()}


if __name__ == "__main__":
    main()
