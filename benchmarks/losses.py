"""Forward + backward of every loss of the zoo against ``F.cross_entropy``, in one run.

    python -m benchmarks.losses [--size 4 21 256 256] [--threads 2] [--rounds 15]

Every loss takes turns with cross entropy, step by step, as in a training with that loss alone;
times are medians over rounds, the ratio is to the cross entropy measured in the same turns. Memory
is the peak of new tensors alive during one forward + backward, in units of the logits. Distance maps
are precomputed, as in a training; what they cost once per image stands in a table of its own. Loss
networks have random weights, and what heads give is random: neither changes the time. Objects are what
the 5 x 5 tiles of an image hold of classes above 0.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.memory import peak_bytes
from surrogate_zoo import LOSSES, load_loss, needs_of
from surrogate_zoo.loss_networks.edge import EdgeNetwork
from surrogate_zoo.loss_networks.inverse import InverseNetwork
from surrogate_zoo.losses.distance_maps import MAPS, map_of, maps_of
from surrogate_zoo.needs import (
    BOUNDARY_LOGITS,
    EDGE_NETWORK,
    EMBEDDINGS,
    INSTANCES,
    INVERSE_NETWORK,
    SEEDINESS,
    SIMILARITIES,
)

WIDTH = 16  # of embeddings
TILES = 5  # that stand for objects, along a side

Loss = Callable[[Tensor, Tensor], Tensor]


def main() -> None:
    """Print a Markdown table, one row a loss."""
    parser = argparse.ArgumentParser(description="Time every loss against cross entropy.")
    parser.add_argument("--size", type=int, nargs=4, default=(4, 21, 256, 256), metavar="NCHW")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--void", type=float, default=0.0, help="share of void pixels")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--patch", type=int, default=1, help="side of patches of one label, pixels")
    parser.add_argument("--losses", nargs="+", default=list(LOSSES), metavar="NAME")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    logits, target = random_batch(
        tuple(arguments.size), arguments.patch, arguments.void, arguments.device
    )
    device = arguments.device
    if device == "cpu":
        device = f"{arguments.threads} CPU threads"
    share = f"{arguments.void:.0%} void"
    print(f"logits {tuple(logits.shape)}, {share}, {device}, torch {torch.__version__}\n")
    print("| loss | ms | x cross entropy | peak memory, x logits |\n|---|---|---|---|")
    networks = {EDGE_NETWORK: EdgeNetwork(logits.shape[1]), INVERSE_NETWORK: InverseNetwork()}
    for name in arguments.losses:
        loss = supplied_loss(name, logits, target, networks)
        base, seconds = step_seconds(loss, logits, target, arguments.rounds)
        held = peak_bytes(partial(step, loss, logits, target), arguments.device)
        peak = held / (logits.numel() * logits.element_size())
        print(f"| {name} | {seconds * 1e3:.1f} | {seconds / base:.2f} | {peak:.1f} |", flush=True)
    print("\n| distance map | ms an image, once |\n|---|---|")
    for name in MAPS:
        print(f"| {name} | {1e3 * map_seconds(name, target, logits.shape[1]):.1f} |")


def supplied_loss(
    name: str,
    logits: Tensor,
    target: Tensor,
    networks: Mapping[str, torch.nn.Module],
    *,
    made: Callable[[torch.nn.Module], Callable[..., Tensor]] = lambda loss: loss,
    **options: Any,
) -> Loss:
    """A loss of the zoo with everything that it needs at hand.

    Args:
        name: The loss.
        logits: (N, C, H, W), of the batch that it is for.
        target: (N, H, W).
        networks: Loss networks by kind.
        made: What is called in place of the loss, ``torch.compile`` say.
        options: Of ``load_loss``.
    """
    needs, num_classes = needs_of(name), logits.shape[1]
    facts = {kind: networks[kind] for kind in needs.loss_networks}
    loss = load_loss(name, num_classes=num_classes, facts=facts, **options).to(logits.device)
    called = made(loss)
    inputs = {kind: maps_of(kind, target, num_classes) for kind in needs.inputs if kind in MAPS}
    if INSTANCES in needs.inputs:
        inputs[INSTANCES] = tiles(target)
    channels = {BOUNDARY_LOGITS: 1, EMBEDDINGS: WIDTH}
    channels[SEEDINESS] = len(SIMILARITIES) * (num_classes + 1)
    heads = {
        kind: logits.new_empty(len(target), channels[kind], *target.shape[1:]).normal_()
        for kind in needs.inputs
        if kind in channels
    }

    def with_heads(scores: Tensor, labels: Tensor) -> Tensor:
        given = {kind: head.detach().requires_grad_() for kind, head in heads.items()}
        return called(scores, labels, **inputs, **given)

    return with_heads


def tiles(target: Tensor) -> Tensor:
    """Numbers of objects for labels (N, H, W): a number for every tile, 0 for class 0 and void."""
    height, width = target.shape[1:]
    rows = TILES * torch.arange(height, device=target.device) // height
    columns = TILES * torch.arange(width, device=target.device) // width
    numbers = 1 + TILES * rows[:, None] + columns
    return numbers * ((target > 0) & (target != 255))


def map_seconds(name: str, target: Tensor, num_classes: int) -> float:
    """Median seconds of a distance map of one image."""
    times = []
    for mask in target.cpu().numpy():
        start = time.perf_counter()
        map_of(name, mask, num_classes)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(logits, target, ignore_index=255)


def random_batch(
    size: tuple[int, ...], patch: int, void: float, device: str
) -> tuple[Tensor, Tensor]:
    """Logits of shape ``size``, and labels in square patches of which a share is void."""
    generator = torch.Generator().manual_seed(0)
    n, classes, height, width = size
    logits = torch.randn(size, generator=generator)
    patches = (n, -(-height // patch), -(-width // patch))
    target = torch.randint(0, classes, patches, generator=generator)
    target = target.repeat_interleave(patch, 1).repeat_interleave(patch, 2)
    target = target[:, :height, :width].clone()
    target[torch.rand(target.shape, generator=generator) < void] = 255
    return logits.to(device), target.to(device)


def step(loss: Loss, logits: Tensor, target: Tensor) -> None:
    torch.autograd.backward(loss(logits.detach().requires_grad_(), target))


def step_seconds(
    loss: Loss,
    logits: Tensor,
    target: Tensor,
    rounds: int,
    base: Loss = _cross_entropy,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[float, float]:
    """Median seconds of a step with ``base`` and with ``loss``, which take turns, on a clock."""
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds + 2):
        for which, kept in zip((base, loss), times, strict=True):
            _wait(logits)
            start = clock()
            step(which, logits, target)
            _wait(logits)
            if turn >= 2:  # the first rounds warm allocator and threads up
                kept.append(clock() - start)
    before, seconds = map(statistics.median, times)
    return before, seconds


def _wait(tensor: Tensor) -> None:
    if tensor.device.type == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
