"""What a training step of a pack asks of a GPU, counted without one, and what it should take there.

    python -m benchmarks.device_cost [--size released] [--metric miou] [--candidates 8] [--plain]

A step of the released proxy task is run on meta tensors, which take the branches of a GPU: every kernel,
byte, copy and wait is counted and nothing is computed. A step that waits for the device fails outright,
since a meta tensor has no value to wait for. Convolutions are cast to bfloat16 as autocast does. The
optimiser's fused kernels are taken from what they read and write, those of surrogates from what they are
started with; ``--plain`` leaves the latter out. The scores are counted on a CPU, whose branches may differ.

The expected time of a phase is that of its bytes at the device's bandwidth and that of its products at the
device's rate for convolutions, one after the other, or the time to start its kernels where that is longer:
one by one by the host, or as nodes of a CUDA graph. The rates are those that steps of this size reached on an
H100, one candidate at a time; a pack of eight takes a quarter less.
"""

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from math import ceil
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import proxy_pack
from benchmarks.counting import Counter, Counts
from benchmarks.launches import launches
from benchmarks.proxy_pack import SIZES, Size
from surrogate_zoo import BoundaryEvaluator, SegmentationEvaluator, load_loss
from workers.learning.batches import AHEAD, Batches, Plan, TrainingBatch
from workers.learning.crops import Sites
from workers.learning.image_stack import PixelStore
from workers.learning.learner import Learner
from workers.learning.loop import CHECK_EVERY
from workers.scoring.inference import PIXELS

GPU = torch.device("meta")
CPU = torch.device("cpu")
TRIALS = {"released": 12 * 32, "paper": 20 * 32}
SCORED = 1000  # images of the hold-out set that are scored, about
PHASES = ("augmentation", "forward", "loss", "backward", "optimiser", "checks", "evaluation")


@dataclass(frozen=True)
class Device:
    """A GPU, by what it reaches in practice.

    Attributes:
        name: Its name.
        tflops: Convolutions in bfloat16, 10^12 operations a second.
        gbytes: Memory, 10^9 bytes a second.
        host: Microseconds that a host takes to start a kernel of a training in Python.
        node: Microseconds from one small kernel of a CUDA graph to the next.
    """

    name: str
    tflops: float
    gbytes: float
    host: float = 28.0
    node: float = 1.5


DEVICES = (Device("H100", 180.0, 2500.0), Device("H200", 180.0, 3600.0))


@dataclass(frozen=True)
class Cost:
    """What a phase of a step asks for.

    Attributes:
        counts: Kernels, bytes, copies and waits.
        flops: Operations of matrix products and convolutions.
    """

    counts: Counts
    flops: int = 0

    def milliseconds(self, device: Device, *, graph: bool) -> float:
        """Expected time on a device."""
        work = self.counts.moved / device.gbytes / 1e6 + self.flops / device.tflops / 1e9
        return max(work, self.counts.kernels * (device.node if graph else device.host) / 1e3)


class DeviceCounter(Counter):  # type: ignore[no-untyped-call]
    """Counts what runs on the GPU alone."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run an operation and count it if a tensor on the GPU takes part."""
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        asked = torch.device((kwargs or {}).get("device") or CPU)
        if asked.type == GPU.type or any(tensor.device.type == GPU.type for tensor in given):
            return super().__torch_dispatch__(func, types, args, kwargs)
        return func(*args, **(kwargs or {}))


class MixedPrecision(TorchFunctionMode):
    """Computes convolutions and products in bfloat16, as autocast does on a GPU."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Cast what goes into a convolution."""
        if func in (torch.conv2d, torch.conv_transpose2d, F.linear, torch.matmul):
            args = tuple(_halved(each) for each in args)
        return func(*args, **(kwargs or {}))


def _halved(value: Any) -> Any:
    wide = isinstance(value, Tensor) and value.dtype == torch.float32
    return value.bfloat16() if wide else value


class PhasedLearner(Learner):
    """A learner whose steps say what they are doing."""

    counter: DeviceCounter

    def _forward(self, batch: TrainingBatch) -> tuple[Tensor, dict[str, Tensor]]:
        with self.counter.phase("forward"), MixedPrecision():
            return super()._forward(batch)

    def _value(self, logits: Tensor, heads: dict[str, Tensor], batch: TrainingBatch) -> Tensor:
        with self.counter.phase("loss"):
            return super()._value(logits, heads, batch)

    def watch(self, counter: DeviceCounter) -> None:
        """Count by phase from now on."""
        self.counter = counter
        groups = self._optimiser.param_groups
        weights = sum(weight.numel() for group in groups for weight in group["params"])
        # Weights, gradients and momentum are read, weights and momentum written; the rates are looked up.
        counts = Counts(kernels=len(groups) + 2, read=3 * 4 * weights, written=2 * 4 * weights)

        def taken() -> None:
            with counter.phase("optimiser"):
                counter.add(counts)

        setattr(self._optimiser, "step", taken)  # noqa: B010 - a method is no attribute


def costs_of(size: Size, metric: str, *, fused: bool = True) -> dict[str, Cost]:
    """What each phase of a step asks for; checks and scores are shared out over the steps.

    Args:
        size: How large the pack is.
        metric: Whose surrogate is trained with.
        fused: The surrogate has its own kernels, as on every GPU where there is Triton.
    """
    counter, flops = DeviceCounter(), FlopCounterMode(display=False)
    real = proxy_pack.batches_of(replace(size, images=len(proxy_pack.VOC_SIZES)), CPU)
    planned = real.plan(0, 1)
    own = launches(lambda launch: counter.add(launch.counts)) if fused else nullcontext()
    with as_on_gpu(), own:
        batches = Batches(_on_gpu(size), size.training, seed=0)
        plan = Plan(Sites(*map(_like, planned.sites)), _like(planned.colours)).at(0)
        loss = load_loss(proxy_pack.document_of(metric, 0), num_classes=size.classes)
        learner = PhasedLearner(proxy_pack.network_of(size), loss, size.training, GPU)
        learner.watch(counter)
        with counter:
            learner.take(0, batches.assemble(plan))  # the first makes the optimiser's state
        counter.counts.clear()
        with counter:
            with counter.phase("augmentation"):
                batch = batches.assemble(plan).to(GPU)
            with flops, counter.phase("backward"):
                learner.take(1, batch)
            learner._steps = 2  # as step() notes it
            with counter.phase("checks"):
                learner.soundness()
    found = {name: Cost(counts) for name, counts in counter.counts.items()}
    products = flops.get_total_flops()
    found["forward"] = replace(found["forward"], flops=products // 3)
    found["backward"] = replace(found["backward"], flops=products - products // 3)
    shared = found["checks"].counts
    # One look at all learners' flags, which waits, and the plan of the next steps, which does not.
    found["checks"] = Cost(_share(shared + Counts(waits=1), CHECK_EVERY))
    found["augmentation"] = Cost(
        found["augmentation"].counts + _share(Counts(copies=len(plan.sites) + 1), AHEAD)
    )
    return found


def evaluation_cost(size: Size, images: int = 4) -> Cost:
    """What scoring the hold-out set at the size of the crops asks for, the network left out.

    Args:
        size: How large the pack is.
        images: So many are scored; the others cost as much.
    """
    counter = Counter()
    random = torch.Generator().manual_seed(0)
    shape = (images, *size.training.crop)
    pred, target = (torch.randint(0, size.classes, shape, generator=random) for _ in range(2))
    evaluators: tuple[Any, ...] = (
        SegmentationEvaluator(size.classes),
        BoundaryEvaluator(size.classes),
    )
    with counter, counter.phase("evaluation"):
        for evaluator in evaluators:
            evaluator.update(pred, target)
    found = counter.counts["evaluation"]
    height, width = size.training.crop
    batches = ceil(SCORED * height * width / PIXELS)
    moved = (found.read * SCORED // images, found.written * SCORED // images)
    return Cost(
        Counts(found.kernels * batches, *moved, found.copies * batches, found.waits * batches)
    )


@contextmanager
def as_on_gpu() -> Iterator[None]:
    """Let the device of meta tensors stand for a GPU."""
    multi = "torch.nn.utils.clip_grad._has_foreach_support"
    with (
        patch("torch.autocast", lambda *_, **__: nullcontext()),
        patch("workers.learning.learner.autocast", lambda *_: nullcontext()),
        patch(multi, return_value=True),
        patch.object(Tensor, "cpu", lambda counts: torch.zeros(counts.shape, dtype=counts.dtype)),
    ):
        yield


def _like(tensor: Tensor) -> Tensor:
    """A fake tensor on the GPU of the shape and type of a real one."""
    return torch.empty(tensor.shape, dtype=tensor.dtype, device=GPU)


def _on_gpu(size: Size) -> list[Any]:
    """Stacks whose store is on the GPU."""
    stacks = proxy_pack.stacks_of(replace(size, images=len(proxy_pack.VOC_SIZES)), CPU)
    kept = stacks[0].store
    store = PixelStore(_like(kept.images), _like(kept.masks), format=kept.format)
    return [replace(stack, store=store) for stack in stacks]


def _share(counts: Counts, steps: int) -> Any:
    """What one of so many steps has of it; fractions of a kernel too."""
    return Counts(*(value / steps for value in vars(counts).values()))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=sorted(SIZES), default="released")
    parser.add_argument("--metric", default="miou")
    parser.add_argument("--candidates", type=int, default=8, help="of a pack, which share a batch")
    parser.add_argument("--plain", action="store_true", help="surrogates without their kernels")
    arguments = parser.parse_args()
    size = SIZES[arguments.size]
    costs = costs_of(size, arguments.metric, fused=not arguments.plain)
    scores = evaluation_cost(size).counts
    costs["evaluation"] = Cost(_share(scores, size.training.iterations))
    print(*phase_table(costs), sep="\n")
    print()
    print(*hours_table(costs, size, arguments.candidates), sep="\n")


def phase_table(costs: Mapping[str, Cost]) -> Iterator[str]:
    """One row a phase of a step of one candidate."""
    heads = ["phase", "kernels", "GB moved", "GFLOP", "copies", "waits"]
    times = [f"{device.name} {way}, ms" for device in DEVICES for way in ("loop", "graph")]
    yield "| " + " | ".join(heads + times) + " |"
    yield "|---" * (len(heads) + len(times)) + "|"
    for name in PHASES:
        cost = costs[name]
        counts = cost.counts
        cells = [
            name,
            f"{counts.kernels:.4g}",
            f"{counts.moved / 1e9:.3f}",
            f"{cost.flops / 1e9:.0f}",
        ]
        cells += [f"{counts.copies:.3g}", f"{counts.waits:.3g}"]
        cells += [
            f"{cost.milliseconds(device, graph=graph):.2f}"
            for device in DEVICES
            for graph in (False, True)
        ]
        yield f"| {' | '.join(cells)} |"


def hours_table(costs: Mapping[str, Cost], size: Size, candidates: int) -> Iterator[str]:
    """GPU-hours of whole searches, candidates one after the other; the batch is the pack's."""
    yield (
        "| device | way | ms a step and candidate | "
        + " | ".join(f"{name}, GPU-hours" for name in TRIALS)
        + " |"
    )
    yield "|---" * (3 + len(TRIALS)) + "|"
    for device in DEVICES:
        for graph in (False, True):
            each = {
                name: costs[name].milliseconds(device, graph=graph)
                / (candidates if name == "augmentation" else 1)
                for name in PHASES
            }
            total = sum(each.values())
            hours = [
                total * size.training.iterations * trials / 3.6e6 for trials in TRIALS.values()
            ]
            cells = [device.name, "graph" if graph else "loop", f"{total:.2f}"]
            yield f"| {' | '.join([*cells, *(f'{value:.2f}' for value in hours)])} |"


if __name__ == "__main__":
    main()
