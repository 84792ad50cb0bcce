"""Forward + backward of the surrogates on a GPU against ``F.cross_entropy``: eager, by kernels, compiled.

    python -m benchmarks.gpu_losses [--seconds 80] [--losses asl-miou-voc asl-bf1-voc]

For every size and dtype, cross entropy is timed first; the ratios are to it. Times are medians over rounds:
as a loop calls a loss, where the host starts one kernel after the other, and as a CUDA graph, which is how
trainings run it and what its kernels take. Peak memory is that of one forward + backward beyond what was
there, in units of the logits. What does not fit, does not compile, waits for the host, or comes after the
time that is given says so in its row, and so does a loss by kernels whose value or gradient is another than
the eager one's.
"""

import argparse
import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.memory import peak_bytes
from surrogate_zoo import load_loss
from surrogate_zoo.losses.surrogate import SurrogateLoss
from workers.learning.captured import capture

SIZES = ((8, 21, 512, 512), (16, 150, 512, 512))
DTYPES = (torch.bfloat16, torch.float32)
LOSSES = ("asl-miou-voc", "asl-bf1-voc", "asl-biou-voc", "asl-macc-voc", "asl-gacc-voc", "dice")
SURROGATES = ("asl-miou-voc", "asl-bf1-voc", "asl-biou-voc", "asl-macc-voc")
RUNS = ("eager", "kernels", "compiled")
APART = (
    1e-3  # of the value, and of the gradient's norm, that kernels may be; in bfloat16 it is rounded
)
COLUMNS = (
    *("logits", "dtype", "loss", "run", "ms", "x cross entropy"),
    *("as a graph, ms", "x cross entropy", "peak memory, x logits"),
)
LABELS = 16  # side of the squares of one label, pixels

Loss = Callable[[Tensor, Tensor], Tensor]


def main(words: Sequence[str] | None = None) -> None:
    """Print a Markdown table, one row a loss and way to run it."""
    parser = argparse.ArgumentParser(description="Time surrogates against cross entropy.")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=80, help="after which rows are left out")
    parser.add_argument("--backend", default="inductor")
    parser.add_argument("--losses", nargs="+", default=list(LOSSES), metavar="NAME")
    parser.add_argument("--runs", nargs="+", default=list(RUNS), choices=RUNS)
    parser.add_argument("--size", type=int, nargs=4, action="append", metavar="NCHW")
    arguments = parser.parse_args(words)
    device = arguments.device
    named = torch.cuda.get_device_name() if torch.device(device).type == "cuda" else device
    print(f"{named}, torch {torch.__version__}, labels in squares of {LABELS} pixels\n")
    print(f"| {' | '.join(COLUMNS)} |")
    print("|---" * len(COLUMNS) + "|")
    for line in rows(arguments):
        print(line, flush=True)


def rows(arguments: argparse.Namespace) -> Iterator[str]:
    """The lines of the table: first all that is eager, then by kernels, then what a compiler makes of it."""
    until = time.monotonic() + arguments.seconds
    sizes = [tuple(size) for size in arguments.size or SIZES]
    for run in arguments.runs:
        for size in sizes:
            for dtype in DTYPES:
                yield from _block(size, dtype, arguments, run, until)


def _block(
    size: tuple[int, ...],
    dtype: torch.dtype,
    arguments: argparse.Namespace,
    run: str,
    until: float,
) -> Iterator[str]:
    """The rows of one size and dtype."""
    batch = batch_of(size, dtype, arguments.device)
    base = seconds_of(cross_entropy, *batch, arguments.rounds)
    graph = graph_seconds(cross_entropy, *batch, arguments.rounds)
    start = f"| {' x '.join(map(str, size))} | {str(dtype).removeprefix('torch.')}"
    names = [name for name in arguments.losses if name in SURROGATES or run == "eager"]
    for name in [*(["F.cross_entropy"] if run != "kernels" else []), *names]:
        if time.monotonic() > until:
            yield f"{start} | {name} | {run} | out of time | | | | |"
            continue
        cells = _cells(name, batch, (base, graph), arguments, run)
        yield f"{start} | {name} | {run} | {' | '.join(cells)} |"


def _cells(
    name: str,
    batch: tuple[Tensor, Tensor],
    base: tuple[float, float],
    arguments: argparse.Namespace,
    run: str,
) -> tuple[str, ...]:
    """Milliseconds, ratios and peak memory of a loss, or why there are none."""
    logits, target = batch
    nothing = ("",) * 4
    if run == "kernels" and not logits.is_cuda:
        return "needs a GPU", *nothing
    try:
        loss = loss_of(name, logits)
        if run == "kernels":
            apart = _apart(loss, _by_kernels(name, logits), logits, target)
            if apart > APART * (8 if logits.dtype == torch.bfloat16 else 1):
                return f"differs by {apart:.1e}", *nothing
            loss = _by_kernels(name, logits)
        if run == "compiled":
            torch.compiler.reset()
            loss = torch.compile(loss, fullgraph=True, dynamic=False, backend=arguments.backend)
        seconds = seconds_of(loss, logits, target, arguments.rounds)
        held = peak_bytes(partial(step, loss, logits, target), arguments.device)
    except torch.OutOfMemoryError:
        return "out of memory", *nothing
    except Exception as error:  # noqa: BLE001 - whatever a compiler raises is told
        return f"fails: {type(error).__name__}", *nothing
    peak = held / (logits.numel() * logits.element_size())
    as_graph = _graph_cells(loss, batch, base[1], arguments.rounds, held)
    return f"{seconds * 1e3:.2f}", f"{seconds / base[0]:.2f}", *as_graph, f"{peak:.1f}"


def _graph_cells(
    loss: Loss, batch: tuple[Tensor, Tensor], base: float, rounds: int, held: int
) -> tuple[str, str]:
    """Milliseconds and ratio of a loss as a graph, which keeps the memory ``held``; or why there are none."""
    if not batch[0].is_cuda:
        return "", ""
    torch.cuda.empty_cache()
    if 2 * held > torch.cuda.mem_get_info()[0]:  # once to warm up, once in the graph
        return "too large", ""
    try:
        seconds = graph_seconds(loss, *batch, rounds)
    except RuntimeError:
        return "waits for the host", ""
    return f"{seconds * 1e3:.2f}", f"{seconds / base:.2f}"


def loss_of(name: str, logits: Tensor) -> Loss:
    """A loss of the zoo that does not look at values, which a training checks once."""
    if name == "F.cross_entropy":
        return cross_entropy
    loss = load_loss(name, num_classes=logits.shape[1], scale=1).to(logits.device)
    for switch in ("check_values", "fused"):
        if hasattr(loss, switch):
            setattr(loss, switch, False)
    return loss


def _by_kernels(name: str, logits: Tensor) -> Loss:
    """The same loss, its sums by kernels."""
    loss = loss_of(name, logits)
    if isinstance(loss, SurrogateLoss):
        loss.fused = True
    return loss


def _apart(one: Loss, other: Loss, logits: Tensor, target: Tensor) -> float:
    """How far two losses' values are apart, and their gradients, of the first's; the larger of both."""
    found = []
    for loss in (one, other):
        leaf = logits.detach().requires_grad_()
        value = loss(leaf, target)
        found.append((value.detach(), torch.autograd.grad(value, leaf)[0].float()))
    (value, slope), (second, steep) = found
    return max(
        float((value - second).abs() / value.abs()), float((slope - steep).norm() / slope.norm())
    )


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """What the ratios are to."""
    return F.cross_entropy(logits, target, ignore_index=255)


def batch_of(size: tuple[int, ...], dtype: torch.dtype, device: str) -> tuple[Tensor, Tensor]:
    """Logits, and labels in squares, of which some are void; made on the device."""
    generator = torch.Generator(device).manual_seed(0)
    n, classes, height, width = size
    logits = torch.randn(size, generator=generator, device=device, dtype=dtype)
    squares = (n, -(-height // LABELS), -(-width // LABELS))
    target = torch.randint(0, classes, squares, generator=generator, device=device)
    target[:, 0] = 255
    target = target.repeat_interleave(LABELS, 1).repeat_interleave(LABELS, 2)
    return logits, target[:, :height, :width].contiguous()


def step(loss: Loss, logits: Tensor, target: Tensor) -> None:
    """One forward and backward pass."""
    torch.autograd.backward(loss(logits.detach().requires_grad_(), target))


def seconds_of(loss: Loss, logits: Tensor, target: Tensor, rounds: int) -> float:
    """Median seconds of a step after two that warm up; of the device's time on a GPU."""
    times = []
    for turn in range(rounds + 2):
        seconds = _timed(loss, logits, target)
        if turn >= 2:
            times.append(seconds)
    return statistics.median(times)


def graph_seconds(loss: Loss, logits: Tensor, target: Tensor, rounds: int) -> float:
    """Median seconds of a step that is replayed as a CUDA graph; NaN without a GPU."""
    if not logits.is_cuda:
        return math.nan
    leaf = logits.detach().requires_grad_()
    stream = torch.cuda.Stream(logits.device)  # type: ignore[no-untyped-call]
    with torch.cuda.stream(stream):
        for _ in range(2):
            torch.autograd.grad(loss(leaf, target), leaf)
        graph, held = capture(lambda: torch.autograd.grad(loss(leaf, target), leaf))
        times = [_between(graph.replay) for _ in range(rounds + 2)][2:]
    del graph, held
    torch.cuda.empty_cache()
    return statistics.median(times)


def _timed(loss: Loss, logits: Tensor, target: Tensor) -> float:
    if logits.device.type != "cuda":
        began = time.perf_counter()
        step(loss, logits, target)
        return time.perf_counter() - began
    return _between(partial(step, loss, logits, target))


def _between(work: Callable[[], object]) -> float:
    """Seconds that the device takes for some work."""
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    start.record()
    work()
    end.record()
    end.synchronize()
    milliseconds: float = start.elapsed_time(end)
    return milliseconds / 1e3


if __name__ == "__main__":
    main()
