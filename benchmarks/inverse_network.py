"""How well inverse transformation networks of InverseForm are learned from a data set's masks.

    python -m benchmarks.inverse_network shapes
    python -m benchmarks.inverse_network --root <SegNet layout> --classes 11 --void 11 --size 120 160

Prints two Markdown tables. The first has one row for each network: its error on held-out warps over
that of predicting the identity, on crisp and on softened maps, and the seconds and weights it took.
The second has the mean distance of each network's homography from the identity at growing shift,
scale and rotation of held-out maps: 0 at none, and it should rise from column to column.
"""

import argparse
import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from surrogate_zoo.loss_networks.inverse import InverseNetwork
from surrogate_zoo.loss_networks.storage import load
from surrogate_zoo.losses.handmade.homography_distances import DISTANCES
from workers.datasets.layouts import open_dataset
from workers.learning.hold_out import cut_hold_out
from workers.loss_networks.boundary_tiles import BoundaryTiles
from workers.loss_networks.training import train_loss_network
from workers.tasks.datasets import DatasetSource, SegNetSource, ShapesSource
from workers.tasks.loss_networks import InverseNetworkSpec, LossNetworkTask

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
MOTIONS = ("shift", "scale", "rotation")
PAIRS = 500


def main() -> None:
    """Train every architecture at every side and print the tables."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    task = LossNetworkTask(dataset=source_of(arguments), network=InverseNetworkSpec())
    print(f"{arguments.threads} CPU threads, torch {torch.__version__}\n")
    print("| network | side | steps | error ratio | softened | seconds | weights |")
    print("|---|---|---|---|---|---|---|")
    trained = []
    for architecture, side in itertools.product(arguments.architectures, arguments.sides):
        spec = InverseNetworkSpec(
            architecture=architecture,
            side=side,
            **({"iterations": arguments.iterations} if arguments.iterations else {}),
        )
        network, row = measured(task.model_copy(update={"network": spec}), arguments.device)
        trained.append((f"{architecture}, {side}", network, spec))
        print(row, flush=True)
    print("\n".join(["", *growth(task, trained)]))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train and measure inverse networks.")
    parser.add_argument("generated", nargs="?", choices=["shapes"], help="the generated data set")
    parser.add_argument("--root", help="a data set in the SegNet layout")
    parser.add_argument("--classes", type=int, default=11)
    parser.add_argument("--void", type=int, nargs="*", default=[11], help="labels that mean void")
    parser.add_argument("--size", type=int, nargs=2, default=None, metavar=("H", "W"))
    parser.add_argument("--sides", type=int, nargs="+", default=[InverseNetworkSpec().side])
    parser.add_argument("--architectures", nargs="+", default=["fully-connected", "convolutional"])
    parser.add_argument("--iterations", type=int, help="optimiser steps; those of the spec if left")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    if not arguments.generated and not arguments.root:
        parser.error("name 'shapes' or give --root")
    return arguments


def source_of(arguments: argparse.Namespace) -> DatasetSource:
    if arguments.generated:
        return ShapesSource()
    return SegNetSource(
        root=arguments.root,
        classes=tuple(f"class {number}" for number in range(arguments.classes)),
        void_labels=tuple(arguments.void),
        size=tuple(arguments.size) if arguments.size else None,
    )


def measured(task: LossNetworkTask, device: str) -> tuple[InverseNetwork, str]:
    """Train one network; returns it with its row of the table."""
    spec = task.network
    assert isinstance(spec, InverseNetworkSpec)
    started = time.perf_counter()
    with TemporaryDirectory() as folder:
        result = train_loss_network(task, Path(folder), device=device)
        network = load("inverse_network", Path(folder) / result.file)
    assert isinstance(network, InverseNetwork)
    seconds = time.perf_counter() - started
    weights = sum(weight.numel() for weight in network.parameters())
    ratios = (result.measures["error_ratio"], result.measures["error_ratio_soft"])
    return network, (
        f"| {spec.architecture} | {spec.side} | {spec.iterations} | {ratios[0]:.3f} | "
        f"{ratios[1]:.3f} | {seconds:.0f} | {weights:,} |"
    )


def growth(
    task: LossNetworkTask, trained: list[tuple[str, InverseNetwork, InverseNetworkSpec]]
) -> Iterator[str]:
    """Lines of the second table."""
    samples = open_dataset(task.dataset).read("train")
    masks = samples.masks
    held = cut_hold_out(task.dataset, samples, task.hold_out, task.seed).held
    columns = " | ".join(f"{share:.0%}" for share in SHARES)
    yield f"| network | motion (largest) | distance | {columns} |"
    yield "|---|---|---|" + "---|" * len(SHARES)
    for (title, network, spec), motion in itertools.product(trained, MOTIONS):
        largest: float = spec.model_dump()[motion]
        still = dict.fromkeys((*MOTIONS, "perspective"), 0.0)
        homographies = []
        for share in SHARES:
            moving = spec.model_copy(update=still | {motion: share * largest})
            tiles = BoundaryTiles([masks[index] for index in held], moving, torch.device("cpu"))
            pairs = tiles.draw(PAIRS, np.random.default_rng(0), soft=False)
            homographies.append(network(pairs.moved, pairs.fixed))
        for name, distance in DISTANCES.items():
            means = " | ".join(f"{float(distance(moved).mean()):.3f}" for moved in homographies)
            yield f"| {title} | {motion} ({largest:g}) | {name} | {means} |"


if __name__ == "__main__":
    main()
