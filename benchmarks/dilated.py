"""A step on a CPU with dilated convolutions as torch has them, and as networks in training have them.

    python -m benchmarks.dilated [--repeats 12]

Forward and backward pass of a batch of 8, by one thread, of the whole network and of what follows a frozen
encoder, both ways in turn. The networks are the proxy of the presets for small machines and the released one.
"""

import argparse
import copy
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks import proxy_pack, tasks
from workers.networks.build import build_network
from workers.networks.reach import leave_out_padding
from workers.tasks.networks import NetworkSpec

BATCH, CLASSES = 8, 11
NETWORKS = {
    "DeepLabv3+, EfficientNet-Lite0": (tasks.NETWORKS["lite0"], (96, 128)),
    "DeepLabv3+, ResNet-50": (tasks.NETWORKS["resnet50"], (128, 128)),
}


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description="Time steps with quicker dilated convolutions.")
    parser.add_argument("--repeats", type=int, default=12)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{proxy_pack.facts(torch.device('cpu'))}, one thread\n")
    print("| network | images | step | by torch alone, ms | so, ms | ratio |")
    print("|---|---|---|---|---|---|")
    for name, (spec, size) in NETWORKS.items():
        for line in rows(name, spec, size, arguments.repeats):
            print(line, flush=True)


def rows(name: str, spec: dict[str, Any], size: Sequence[int], repeats: int) -> Iterator[str]:
    """A row of the whole network, and one of its decoder."""
    network = build_network(NetworkSpec.model_validate(spec | {"weights": None}), CLASSES).train()
    network.to(memory_format=torch.channels_last)
    images = torch.randn(BATCH, 3, *size).to(memory_format=torch.channels_last)
    both = network, copy.deepcopy(network)
    leave_out_padding(both[1])
    for step, take in (("whole", whole), ("behind a frozen encoder", behind)):
        plain, reaching = milliseconds([take(each, images) for each in both], repeats)
        ratio = f"{plain / reaching:.2f}"
        images_of = f"{size[0]}x{size[1]}"
        yield f"| {name} | {images_of} | {step} | {plain:.0f} | {reaching:.0f} | {ratio} |"


def whole(network: nn.Module, images: Tensor) -> Callable[[], None]:
    """A step of all of a network."""
    return lambda: torch.autograd.backward(network(images).square().mean())


def behind(network: Any, images: Tensor) -> Callable[[], None]:
    """A step of what follows its encoder."""
    with torch.no_grad():
        features = [each.detach() for each in network.encoder(images)]
    head = network.segmentation_head
    return lambda: torch.autograd.backward(head(network.decoder(features)).square().mean())


def milliseconds(works: Sequence[Callable[[], None]], repeats: int) -> list[float]:
    """Median processor time of each, taken in turn after one that warms up."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(repeats + 1):
        for work, found in zip(works, times, strict=True):
            began = time.process_time()
            work()
            found.append(1000 * (time.process_time() - began))
    return [statistics.median(found[1:]) for found in times]


if __name__ == "__main__":
    main()
