"""Milliseconds of a training step, for each way to run a pack of candidates on a GPU.

    python -m benchmarks.gpu_step [--size released] [--packs 1 2 4 8] [--steps 8]

Ways: ``loop`` starts one kernel after the other; ``graph`` replays a CUDA graph for each candidate, one after
the other; ``streams`` replays them side by side, as trainings do; ``forked`` is one graph of all candidates,
whose streams fork inside. A part that fails prints its traceback, and the others go on. On a CPU there is the
loop alone. Idle is the share of the time in which no kernel runs, by the profiler. Which losses run as graphs
is told by :mod:`benchmarks.gpu_losses_ran`.
"""

import argparse
import gc
import os
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from benchmarks import proxy_pack
from benchmarks.forked_pack import Step, forked, new_stream
from benchmarks.kernel_profile import busy_of, longest, spans_of
from benchmarks.proxy_pack import SIZES, Size
from workers.learning import captured, compiled
from workers.learning.batches import Batches
from workers.learning.captured import SWITCH, CapturedSteps, capture
from workers.learning.learner import Learner
from workers.learning.streams import Stream, seed_device, seed_of
from workers.scoring.inference import evaluate
from workers.tasks.scoring import ScoringSpec

PROFILED = 4  # steps under the profiler
REPLAYS = 20  # of a graph of a part of a step


def main() -> None:
    """Print Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=sorted(SIZES), default="released")
    parser.add_argument("--packs", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument(
        "--warm", type=int, default=4, help="steps before the clock starts, captures included"
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    size, device = SIZES[arguments.size], torch.device(arguments.device)
    bench = Bench(size, device, arguments.steps, arguments.warm)
    print(f"{proxy_pack.facts(bench.device)}\n", flush=True)
    parts: list[tuple[str, Callable[[], Iterable[str]]]] = [
        ("Parts of a step", bench.parts),
        ("Where a step's time goes", bench.profiles),
        ("Equality", bench.equality),
        ("A batch", bench.batch),
        ("Evaluation", bench.evaluation),
        ("cudnn.benchmark", partial(bench.tuned, arguments.packs)),
        ("A step", partial(bench.steps_table, arguments.packs)),
        ("Losses without kernels", partial(bench.switched, compiled.FUSED, "0", arguments.packs)),
        ("Compiled networks", partial(bench.switched, compiled.NETWORKS, "1", arguments.packs)),
        ("Compiled losses", partial(bench.switched, compiled.LOSSES, "1", arguments.packs)),
    ]
    for title, part in parts:
        guarded(title, part)


def guarded(title: str, part: Callable[[], Iterable[str]]) -> None:
    """Print what a part says, or why it failed; either way the next one follows."""
    began = time.perf_counter()
    print(f"## {title}\n", flush=True)
    try:
        for line in part():
            print(line, flush=True)
    except Exception:  # noqa: BLE001 - told, and the next part may work
        print(f"```\n{traceback.format_exc()}```")
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    print(f"\n({time.perf_counter() - began:.1f} s)\n", flush=True)


class Bench:
    """What the parts share: the images, the initial network and the device."""

    def __init__(self, size: Size, device: torch.device, steps: int, warm: int) -> None:
        self.size, self.device, self.steps, self.warm = size, device, steps, warm
        self.stacks = proxy_pack.stacks_of(size, device)
        self.network: nn.Module = proxy_pack.network_of(size)
        graphs = device.type == "cuda"
        self.ways = ("loop", "graph", "streams", "forked") if graphs else ("loop",)

    def batches(self) -> Batches:
        """Fresh batches."""
        return proxy_pack.batches_of(self.size, self.device, self.stacks)

    def learners(self, count: int) -> list[Learner]:
        """A fresh pack."""
        return proxy_pack.learners_of(self.size, self.network, self.device, count)

    def steps_table(self, packs: Sequence[int]) -> Iterator[str]:
        """Milliseconds a step and candidate, and candidates an hour."""
        yield (
            "| candidates | "
            + " | ".join(f"{way}, ms a candidate" for way in self.ways)
            + " | ran |"
        )
        yield "|---" * (len(self.ways) + 2) + "|"
        for count in packs:
            cells, ran = [], set()
            for way in self.ways:
                if way in ("graph", "forked") and count not in (packs[0], packs[-1]):
                    cells.append("")
                    continue
                try:
                    milliseconds, told = self.timed(way, count)
                except Exception:  # noqa: BLE001 - told in its cell, and the next may work
                    print(f"```\n{way}, {count}: {traceback.format_exc()}```", flush=True)
                    cells.append("failed")
                    continue
                cells.append(f"{milliseconds / count:.2f}")
                ran |= told
            yield f"| {count} | {' | '.join(cells)} | {'; '.join(sorted(ran))} |"

    def timed(self, way: str, count: int) -> tuple[float, set[str]]:
        """Milliseconds of a step of a pack, and how its learners say that they ran."""
        learners = self.learners(count)
        with self.way(way, learners) as step:
            for number in range(self.warm):
                step(number)
            self.wait()
            began = time.perf_counter()
            for number in range(self.warm, self.warm + self.steps):
                step(number)
            self.wait()
            seconds = time.perf_counter() - began
        return 1000 * seconds / self.steps, {learner.ran for learner in learners}

    @contextmanager
    def way(self, way: str, learners: Sequence[Learner]) -> Iterator[Step]:
        """What takes a step of a pack in one way."""
        before = os.environ.get(SWITCH)
        os.environ[SWITCH] = "0" if way == "loop" else "1"
        batches = self.batches()
        steps = CapturedSteps(batches, self.device, side_by_side=way == "streams")
        try:
            if way == "forked":
                yield forked(steps, learners, self.device)
            else:
                yield partial(self.take, steps, batches, learners)
        finally:
            if before is None:
                del os.environ[SWITCH]
            else:
                os.environ[SWITCH] = before
            del steps
            gc.collect()
            if self.device.type == "cuda":
                torch.cuda.empty_cache()

    def take(
        self, steps: CapturedSteps, batches: Batches, learners: Sequence[Learner], number: int
    ) -> None:
        """A step as ``train`` takes it."""
        drawn = seed_of(0, Stream.DROPOUT, number)
        looped = steps.take(number, learners, drawn)
        if looped:
            batch = batches(number).to(self.device)
        for learner in looped:
            seed_device(self.device, drawn)
            learner.step(number, batch)

    def wait(self) -> None:
        """Until the device has done what it was told."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def equality(self) -> Iterator[str]:
        """How far losses and weights are apart after some steps, of graphs and of the loop itself."""
        reference = self.state_after("loop")
        for way in self.ways:
            losses, weights = self.state_after(way)
            apart = (losses - reference[0]).abs().amax() / reference[0].abs().amax()
            moved = (weights - reference[1]).abs().amax() / reference[1].abs().amax()
            yield f"- {way} again and the first loop: losses apart {float(apart):.1e} of the largest,"
            yield f"  weights {float(moved):.1e} (losses {', '.join(f'{x:.5f}' for x in losses[-3:])})"

    def state_after(self, way: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Losses and weights of the second of two candidates after some steps."""
        learners = self.learners(2)
        with self.way(way, learners) as step:
            for number in range(2 * self.warm):
                step(number)
        self.wait()
        weights = torch.cat(
            [weight.detach().flatten() for weight in learners[1].network.parameters()]
        )
        return learners[1].state()["losses"][: 2 * self.warm].cpu().clone(), weights.cpu()

    def parts(self) -> Iterator[str]:
        """Milliseconds of a step's parts, by graphs that end after each."""
        if self.device.type != "cuda":
            yield "A CPU has no graphs."
            return
        [learner] = self.learners(1)
        batches = self.batches()
        batch = captured.BatchGraph(batches, self.device).of(0)
        at = torch.zeros(1, dtype=torch.int64, device=self.device)

        def forward() -> Any:
            return learner._forward(batch)

        def loss() -> Any:
            logits, heads = learner._forward(batch)
            return learner._value(logits, heads, batch)

        def backward() -> Any:
            learner._optimiser.zero_grad()
            torch.autograd.backward(loss())

        works = {"forward": forward, "loss": loss, "backward": backward}
        works["optimiser and notes"] = lambda: learner.take(at, batch)
        side, before = new_stream(self.device), 0.0
        with torch.cuda.stream(side):
            for _ in range(2):
                learner.step(0, batch, at=at)
            for name, work in works.items():
                graph, _ = capture(work)
                milliseconds = _replayed(graph)
                yield f"- {name}: {milliseconds - before:.2f} ms"
                before = milliseconds

    def profiles(self) -> Iterator[str]:
        """Share of the time in which nothing runs, and what runs longest."""
        for way, count in (("loop", 1), (self.ways[min(2, len(self.ways) - 1)], 1)):
            yield from self.profiled(way, count)

    def profiled(self, way: str, count: int) -> Iterator[str]:
        """One profile."""
        activities = [ProfilerActivity.CPU]
        if self.device.type == "cuda":
            activities = [ProfilerActivity.CUDA]
        with self.way(way, self.learners(count)) as step:
            for number in range(self.warm):
                step(number)
            self.wait()
            with profile(activities=activities) as found:
                for number in range(self.warm, self.warm + PROFILED):
                    step(number)
                self.wait()
        spans = sorted(spans_of(found, self.device))
        if not spans:
            yield f"{way}, {count} candidates: the profiler saw nothing."
            return
        busy, whole = busy_of(spans), max(end for _, end, _ in spans) - spans[0][0]
        yield f"{way}, {count} candidates: {whole / PROFILED / 1e6:.2f} ms a step, "
        yield f"{len(spans) / PROFILED:.0f} kernels, idle {100 * (1 - busy / whole):.0f}%"
        if way == self.ways[min(2, len(self.ways) - 1)]:
            yield from longest(spans, PROFILED)
        yield ""

    def batch(self) -> Iterator[str]:
        """Milliseconds of a batch, its plan included."""
        batches = self.batches()
        for name, make in (("kernel by kernel", batches), ("graph", self.batch_graph(batches))):
            if make is None:
                continue
            make(0)
            self.wait()
            began = time.perf_counter()
            for number in range(8 * self.steps):
                make(number)
            self.wait()
            yield f"- {name}: {1000 * (time.perf_counter() - began) / (8 * self.steps):.3f} ms a batch"

    def batch_graph(self, batches: Batches) -> Callable[[int], Any] | None:
        """What makes batches by a graph."""
        if self.device.type != "cuda":
            return None
        return captured.BatchGraph(batches, self.device).of

    def tuned(self, packs: Sequence[int]) -> Iterator[str]:
        """The same with convolutions that cuDNN has tried out."""
        torch.backends.cudnn.benchmark = True
        try:
            for count in (packs[0], packs[-1]):
                milliseconds, _ = self.timed(self.ways[min(2, len(self.ways) - 1)], count)
                yield f"- {count} candidates: {milliseconds / count:.2f} ms a step and candidate"
        finally:
            torch.backends.cudnn.benchmark = False

    def switched(self, switch: str, value: str, packs: Sequence[int]) -> Iterator[str]:
        """The same without the surrogates' kernels, or compiled by torch, by a worker's ``switch``."""
        os.environ[switch] = value
        try:
            for count in (packs[0], packs[-1]):
                began = time.perf_counter()
                milliseconds, ran = self.timed(self.ways[min(2, len(self.ways) - 1)], count)
                seconds = time.perf_counter() - began
                yield f"- {count} candidates: {milliseconds / count:.2f} ms a step and candidate"
                yield f"  ({'; '.join(sorted(ran))}; {seconds:.0f} s with the compiler)"
        finally:
            del os.environ[switch]

    def evaluation(self) -> Iterator[str]:
        """Milliseconds of an image in evaluation, network included."""
        network = self.learners(1)[0].trained.eval()
        for _ in range(2):
            self.wait()
            began = time.perf_counter()
            evaluate(network, self.stacks, self.size.classes, ScoringSpec())
            self.wait()
            seconds = time.perf_counter() - began
        yield f"- {1000 * seconds / self.size.images:.2f} ms an image of about 375x500"


def _replayed(graph: torch.cuda.CUDAGraph) -> float:
    """Milliseconds of a replay."""
    graph.replay()
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(REPLAYS):
        graph.replay()
    torch.cuda.synchronize()
    return 1000 * (time.perf_counter() - began) / REPLAYS


if __name__ == "__main__":
    main()
