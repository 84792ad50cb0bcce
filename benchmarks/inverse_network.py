"""How well inverse transformation networks of InverseForm are learned from a data set's masks.

    python -m benchmarks.inverse_network shapes
    python -m benchmarks.inverse_network --root <SegNet layout> --classes 11 --void 11 --size 120 160
    python -m benchmarks.inverse_network --root <SegNet layout> --classes 11 --void 11 --size 512 1024 \
        --tiles 6 12

Prints three Markdown tables. The first has one row for each network: its error on held-out warps over
that of predicting the identity, on crisp and on softened maps, and the seconds and weights it took.
The second has the mean distance of each network's homography from the identity at growing shift,
scale and rotation of held-out maps: 0 at none, and it should rise from column to column. The third has
the loss itself, InverseForm's ``L_if`` of a predicted boundary that is the true one shifted to the right
by some pixels (logits of 3 and -3, also with noise of deviation 0.5), and the length of its gradient at
the boundary logits over that of the boundary head's cross entropy, both as the loss weighs them; with
``--cuts 4x8 8x16`` also of the same networks in other tiles, and with ``--roundings`` other ones.
"""

import argparse
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from surrogate_zoo import load_loss
from surrogate_zoo.loss_networks.inverse import InverseNetwork
from surrogate_zoo.loss_networks.storage import load
from surrogate_zoo.losses.handmade.batch import Batch
from surrogate_zoo.losses.handmade.homography_distances import DISTANCES
from surrogate_zoo.losses.handmade.inverse_form import (
    InverseForm,
    balanced_cross_entropy,
    boundary_target,
)
from surrogate_zoo.needs import BOUNDARY_LOGITS
from workers.datasets.dataset import VOID
from workers.datasets.layouts.registry import open_dataset
from workers.learning.hold_out import cut_hold_out
from workers.loss_networks.boundary_tiles import BoundaryTiles
from workers.loss_networks.training import train_loss_network
from workers.tasks.datasets import DatasetSource, SegNetSource, ShapesSource
from workers.tasks.loss_networks import InverseNetworkSpec, LossNetworkTask

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
MOTIONS = ("shift", "scale", "rotation")
PAIRS = 500
SHIFTS = (0, 1, 2, 4, 8)
NOISES = (0.0, 0.5)
SHOWN = 4


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
            tiles=tuple(arguments.tiles),
            **({"iterations": arguments.iterations} if arguments.iterations else {}),
        )
        network, row = measured(task.model_copy(update={"network": spec}), arguments.device)
        trained.append((f"{architecture}, {side}", network, spec))
        print(row, flush=True)
    print("\n".join(["", *growth(task, trained)]))
    masks = open_dataset(task.dataset).read("val").masks[:: arguments.every][:SHOWN]
    networks = {title: network for title, network, _ in trained}
    print("\n".join(["", *steepness(networks, masks, arguments.cuts, arguments.roundings)]))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train and measure inverse networks.")
    parser.add_argument("generated", nargs="?", choices=["shapes"], help="the generated data set")
    parser.add_argument("--root", help="a data set in the SegNet layout")
    parser.add_argument("--classes", type=int, default=11)
    parser.add_argument("--void", type=int, nargs="*", default=[11], help="labels that mean void")
    parser.add_argument("--size", type=int, nargs=2, default=None, metavar=("H", "W"))
    parser.add_argument("--sides", type=int, nargs="+", default=[InverseNetworkSpec().side])
    parser.add_argument("--tiles", type=int, nargs=2, default=list(InverseNetworkSpec().tiles))
    parser.add_argument("--cuts", type=_cut, nargs="+", default=[None], help="tiles, as 6x12")
    parser.add_argument("--roundings", type=float, nargs="+", default=[None], help="of the loss")
    parser.add_argument("--every", type=int, default=25, help="masks of val that are skipped")
    parser.add_argument("--architectures", nargs="+", default=["fully-connected", "convolutional"])
    parser.add_argument("--iterations", type=int, help="optimiser steps; those of the spec if left")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    if not arguments.generated and not arguments.root:
        parser.error("name 'shapes' or give --root")
    return arguments


def _cut(text: str) -> tuple[int, int]:
    rows, columns = text.split("x")
    return int(rows), int(columns)


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


class Shifted(NamedTuple):
    """What the loss says of a boundary that is some pixels off.

    Attributes:
        value: L_if, mean over the masks.
        ratio: Length of the gradient of gamma L_if over that of beta L_bxe.
    """

    value: float
    ratio: float


def shifted(loss: InverseForm, masks: Sequence[NDArray[np.uint8]], noise: float) -> list[Shifted]:
    """A boundary at each of :data:`SHIFTS`.

    Args:
        loss: The loss.
        masks: uint8 (H, W) of one size, void = 255.
        noise: Standard deviation of noise on the boundary logits, which are 3 and -3.
    """
    device = next(loss.parameters()).device
    target = torch.from_numpy(np.stack(masks).astype(np.int64)).to(device)
    valid = target != VOID
    marked = boundary_target(target, valid, loss.width)
    scores = torch.zeros(len(target), 2, *target.shape[1:], device=device)
    random = torch.randn(marked.shape, generator=torch.Generator().manual_seed(0)).to(device)
    found = []
    for shift in SHIFTS:
        logits = 6 * marked.roll(shift, 3).float() - 3 + noise * random
        logits.requires_grad_()
        batch = Batch(scores, target, valid, VOID, {BOUNDARY_LOGITS: logits})
        value = loss.of_boundaries(batch, marked)
        entropy = balanced_cross_entropy(logits, marked, batch)
        lengths = [
            float(torch.autograd.grad(weight * part, logits)[0].norm())
            for weight, part in ((loss.gamma, value), (loss.beta, entropy))
        ]
        found.append(Shifted(value.item(), lengths[0] / lengths[1]))
    return found


def steepness(
    networks: Mapping[str, InverseNetwork],
    masks: Sequence[NDArray[np.uint8]],
    cuts: Sequence[tuple[int, int] | None] = (None,),
    roundings: Sequence[float | None] = (None,),
) -> Iterator[str]:
    """Lines of the third table; None are the tiles of a network's training, and the loss's own rounding."""
    height, width = masks[0].shape
    columns = " | ".join(f"{shift} px" for shift in SHIFTS)
    head = f"| network at {height}x{width} | tiles | rounding | noise |"
    yield f"{head} {columns} | gradient: {columns} |"
    yield "|---|---|---|---|" + "---|" * 2 * len(SHIFTS)
    every = itertools.product(networks.items(), cuts, roundings, NOISES)
    for (title, network), tiles, rounding, noise in every:
        own: dict[str, Any] = {} if rounding is None else {"rounding": rounding}
        loss = load_loss("inverse-form", num_classes=2, inverse_network=network, tiles=tiles, **own)
        assert isinstance(loss, InverseForm)
        found = shifted(loss.to(next(network.parameters()).device), masks, noise)
        values = " | ".join(f"{each.value:.3f}" for each in found)
        ratios = " | ".join(f"{each.ratio:.1f}" for each in found)
        rows, across = loss.tiles
        start = f"| {title} | {rows}x{across} | {loss.rounding:g} | {noise:g} |"
        yield f"{start} {values} | {ratios} |"


if __name__ == "__main__":
    main()
