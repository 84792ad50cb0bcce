"""Kernels and bytes of a surrogate's forward and backward pass on a GPU, counted without one.

    python -m benchmarks.loss_traffic [--size 4 21 256 256]

Logits of float32 without void on meta tensors; bytes are in units of the logits'. A surrogate has kernels of
its own on a GPU where there is Triton; "by torch" is what it does without.
"""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import nullcontext

import torch

from benchmarks.counting import Counter, Counts
from benchmarks.device_cost import GPU, as_on_gpu
from benchmarks.launches import launches
from surrogate_zoo import load_loss

LOSSES = (
    "cross-entropy",
    *(f"asl-{metric}-voc" for metric in ("miou", "fwiou", "macc", "gacc", "biou", "bf1")),
    *(f"naive-{metric}" for metric in ("miou", "biou", "bf1")),
)


def traffic(name: str, size: Sequence[int], *, fused: bool) -> Counts:
    """What a forward and a backward pass of a loss of the zoo ask for.

    Args:
        name: Of the loss.
        size: (N, C, H, W) of the logits.
        fused: With the kernels of its own.
    """
    loss = load_loss(name, num_classes=size[1]).to(GPU)
    setattr(loss, "check_values", False)  # noqa: B010 - not every module has it
    logits = torch.empty(*size, device=GPU, requires_grad=True)
    target = torch.empty(size[0], *size[2:], dtype=torch.int64, device=GPU)
    counter = Counter()
    own = launches(lambda launch: counter.add(launch.counts)) if fused else nullcontext()
    with as_on_gpu(), own, counter:
        loss(logits, target).backward()
    return counter.total


def table(size: Sequence[int]) -> Iterator[str]:
    """One row a loss."""
    unit = torch.Size(size).numel() * torch.float32.itemsize
    yield "| loss | kernels by torch | with its own | bytes by torch, x logits | with its own |"
    yield "|---|---|---|---|---|"
    for name in LOSSES:
        plain, fused = (traffic(name, size, fused=fused) for fused in (False, True))
        moved = " | ".join(f"{counts.moved / unit:.1f}" for counts in (plain, fused))
        yield f"| {name} | {plain.kernels} | {fused.kernels} | {moved} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, nargs=4, default=(4, 21, 256, 256), metavar="NCHW")
    print(*table(parser.parse_args().size), sep="\n")


if __name__ == "__main__":
    main()
