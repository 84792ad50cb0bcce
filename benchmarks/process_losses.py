"""Forward + backward of every loss by two processes that hold half of the batch each, against one with all.

    python -m benchmarks.process_losses [--size 4 21 192 192] [--rounds 15]

Three ways take turns on two cores, step by step: one process with two threads and the whole batch while the
other waits; two processes of one thread that compute the loss of the whole batch (``process_group``, gloo);
and two that compute each the loss of its half, as without ``process_group``, which is another loss where
that is a ratio of sums. A step of two processes lasts until both are through. Times are medians over
rounds; what the processes say to each other is the second ratio.

``--processor`` counts the processor time of both processes together instead, and the whole batch is of one
thread: what a way costs, also on a machine that others use too. Processes that share nothing take as long
as one then.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import distributed
from torch.multiprocessing.spawn import spawn

from benchmarks import tasks
from benchmarks.losses import random_batch, step, supplied_loss
from surrogate_zoo import LOSSES
from surrogate_zoo.loss_networks.edge import EdgeNetwork
from surrogate_zoo.loss_networks.inverse import InverseNetwork
from surrogate_zoo.needs import EDGE_NETWORK, INVERSE_NETWORK

WORLD = 2
WARM = 2
"""Rounds that are not counted."""


def main() -> None:
    """Print a Markdown table, one row a loss."""
    arguments = parse()
    clock = "processor time" if arguments.processor else "wall time"
    print(
        f"logits {tuple(arguments.size)}, {WORLD} processes, gloo, {clock}; {tasks.circumstances()}\n"
    )
    print("| loss | one process, ms | two, ms | two / one | halves, ms | two / halves |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        meeting = Path(folder) / "meeting"
        spawn(run, (str(meeting), arguments), nprocs=WORLD)  # type: ignore[no-untyped-call]


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Time every loss in two processes against one.")
    parser.add_argument("--size", type=int, nargs=4, default=(4, 21, 192, 192), metavar="NCHW")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--processor", action="store_true", help="count processor time")
    parser.add_argument("--losses", nargs="+", default=list(LOSSES), metavar="NAME")
    return parser.parse_args(words)


def run(rank: int, meeting: str, arguments: argparse.Namespace) -> None:
    """One of the processes; the first prints."""
    distributed.init_process_group(
        "gloo", init_method=f"file://{meeting}", rank=rank, world_size=WORLD
    )
    torch.manual_seed(0)
    for line in rows(rank, arguments):
        if rank == 0:
            print(line, flush=True)
    distributed.destroy_process_group()


def rows(rank: int, arguments: argparse.Namespace) -> Iterator[str]:
    """The lines of the table, loss by loss; the same on all processes."""
    logits, target = random_batch(tuple(arguments.size), 1, 0.0, "cpu")
    networks = {EDGE_NETWORK: EdgeNetwork(logits.shape[1]), INVERSE_NETWORK: InverseNetwork()}
    half = slice(rank, None, WORLD)
    part = (logits[half].clone(), target[half].clone())
    threads = 1 if arguments.processor else WORLD  # threads that wait for each other take time too
    for name in arguments.losses:
        whole = supplied_loss(name, logits, target, networks)
        own = supplied_loss(name, *part, networks)
        shared = supplied_loss(name, *part, networks, process_group="world")
        ways: list[tuple[int, Callable[[], Any]]] = [
            (threads, partial(step, whole, logits, target) if rank == 0 else _nothing),
            (1, partial(step, shared, *part)),
            (1, partial(step, own, *part)),
        ]
        one, two, halves = seconds(ways, arguments.rounds, processor=arguments.processor)
        yield (
            f"| {name} | {1e3 * one:.1f} | {1e3 * two:.1f} | {two / one:.2f} | {1e3 * halves:.1f} | "
            f"{two / halves:.2f} |"
        )


def seconds(
    ways: Sequence[tuple[int, Callable[[], Any]]], rounds: int, *, processor: bool = False
) -> list[float]:
    """Median seconds until all processes are through with each way; they take turns.

    Args:
        ways: Threads and what this process does.
        rounds: How often.
        processor: Count the processor time of all processes together instead.
    """
    clock = time.process_time if processor else time.perf_counter
    of_all = distributed.ReduceOp.SUM if processor else distributed.ReduceOp.MAX
    times: list[list[float]] = [[] for _ in ways]
    for turn in range(rounds + WARM):
        for (threads, work), kept in zip(ways, times, strict=True):
            torch.set_num_threads(threads)
            distributed.barrier()
            began = clock()
            work()
            took = torch.tensor(clock() - began)
            distributed.all_reduce(took, of_all)
            if turn >= WARM:
                kept.append(float(took))
    return [statistics.median(kept) for kept in times]


def _nothing() -> None:
    """What a process does that waits."""


if __name__ == "__main__":
    main()
