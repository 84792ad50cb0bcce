"""Forward + backward of every loss under ``torch.compile`` against the same loss without it, in one run.

    python -m benchmarks.compiled_losses [--size 4 21 192 192] [--threads 2] [--rounds 9]

Both take turns, step by step, on the batch of ``benchmarks.losses``, with distance maps handed over; times
are medians over rounds, and the ratio is to the loss without a compiler. Peak memory is in units of the
logits. The time of compiling, forward and backward, stands beside them. A loss whose graph the backend cannot
compile is told with the first line of its error, and the others go on.

``--processor`` counts the processor time of this process, and of its compilers: on a machine that others use
too it is what the loss costs, as wall time is not.
"""

import argparse
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from benchmarks import tasks
from benchmarks.losses import random_batch, step, step_seconds, supplied_loss
from benchmarks.memory import peak_bytes
from surrogate_zoo import LOSSES
from surrogate_zoo.loss_networks.edge import EdgeNetwork
from surrogate_zoo.loss_networks.inverse import InverseNetwork
from surrogate_zoo.needs import EDGE_NETWORK, INVERSE_NETWORK

MOST = 160
"""Characters of a reason."""


def main() -> None:
    """Print a Markdown table, one row a loss."""
    arguments = parse()
    torch.set_num_threads(arguments.threads)
    logits, target = random_batch(tuple(arguments.size), 1, 0.0, arguments.device)
    device = arguments.device
    if device == "cpu":
        device = f"{arguments.threads} CPU threads"
    clock = "processor time" if arguments.processor else "wall time"
    print(f"logits {tuple(logits.shape)}, {device}, backend {arguments.backend}, {clock}")
    print(f"{tasks.circumstances()}\n")
    print("| loss | ms | compiled, ms | x without | peak memory | compiled | compiling, s |")
    print("|---|---|---|---|---|---|---|")
    for line in rows(arguments, logits, target):
        print(line, flush=True)


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Time every loss with and without torch.compile.")
    parser.add_argument("--size", type=int, nargs=4, default=(4, 21, 192, 192), metavar="NCHW")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--backend", default="inductor")
    parser.add_argument("--processor", action="store_true", help="count processor time")
    parser.add_argument("--losses", nargs="+", default=list(LOSSES), metavar="NAME")
    return parser.parse_args(words)


def rows(arguments: argparse.Namespace, logits: Tensor, target: Tensor) -> Iterator[str]:
    """The lines of the table, loss by loss."""
    networks = {EDGE_NETWORK: EdgeNetwork(logits.shape[1]), INVERSE_NETWORK: InverseNetwork()}
    for name in arguments.losses:
        torch.compiler.reset()  # else the graphs of earlier losses count as recompilations of this
        yield f"| {name} | {' | '.join(_cells(name, logits, target, networks, arguments))} |"


def _cells(
    name: str,
    logits: Tensor,
    target: Tensor,
    networks: Mapping[str, torch.nn.Module],
    arguments: argparse.Namespace,
) -> list[str]:
    """What is told of a loss: its times, or why it does not compile."""
    loss = supplied_loss(name, logits, target, networks)
    made = partial(torch.compile, backend=arguments.backend)
    compiled = supplied_loss(name, logits, target, networks, made=made)
    whole = _processor_seconds if arguments.processor else time.perf_counter
    began = whole()
    try:
        step(compiled, logits, target)
    except Exception as error:  # noqa: BLE001 - whatever a compiler raises is told
        return [f"does not compile: {reason(error)}", "", "", "", "", ""]
    took = whole() - began
    clock = time.process_time if arguments.processor else time.perf_counter
    base, seconds = step_seconds(compiled, logits, target, arguments.rounds, loss, clock)
    unit = logits.numel() * logits.element_size()
    peaks = [
        peak_bytes(partial(step, which, logits, target), arguments.device) / unit
        for which in (loss, compiled)
    ]
    return [
        f"{base * 1e3:.1f}",
        f"{seconds * 1e3:.1f}",
        f"{seconds / base:.2f}",
        *(f"{peak:.1f}" for peak in peaks),
        f"{took:.0f}",
    ]


def _processor_seconds() -> float:
    """Of this process and of the compilers that it has run."""
    return sum(os.times()[:4])


def reason(error: Exception) -> str:
    """What a compiler says: its first line that names an error, without the paths before it."""
    lines = str(error).splitlines()
    told = next((line for line in lines if "error: " in line), lines[0] if lines else "")
    text = told.partition("error: ")[2] or told or type(error).__name__
    return text.replace("|", "\\|").strip()[:MOST]


if __name__ == "__main__":
    main()
