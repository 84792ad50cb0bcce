"""Forward + backward of every loss of the zoo against ``F.cross_entropy``, in one run.

    python -m benchmarks.losses [--size 4 21 256 256] [--threads 2] [--rounds 15]

Losses take turns round by round, so that a machine whose speed drifts is fair to all; the figure is
the median over rounds. Memory is the peak of new tensors alive during one forward + backward, in
units of the logits.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from surrogate_zoo import LOSSES, load_loss

Loss = Callable[[Tensor, Tensor], Tensor]


def main() -> None:
    """Print a Markdown table, one row a loss."""
    parser = argparse.ArgumentParser(description="Time every loss against cross entropy.")
    parser.add_argument("--size", type=int, nargs=4, default=(4, 21, 256, 256), metavar="NCHW")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--void", type=float, default=0.0, help="share of void pixels")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    logits, target = _batch(tuple(arguments.size), arguments.void, arguments.device)
    losses: dict[str, Loss] = {
        "F.cross_entropy": lambda x, t: F.cross_entropy(x, t, ignore_index=255)
    }
    for name in LOSSES:
        losses[name] = load_loss(name, num_classes=logits.shape[1]).to(arguments.device)
    times = _times(losses, logits, target, arguments.rounds)
    base = statistics.median(times["F.cross_entropy"])
    device = (
        torch.cuda.get_device_name()
        if arguments.device == "cuda"
        else f"{arguments.threads} CPU threads"
    )
    print(
        f"logits {tuple(logits.shape)}, {arguments.void:.0%} void, {device}, torch {torch.__version__}\n"
    )
    print("| loss | ms | x cross entropy | peak memory, x logits |\n|---|---|---|---|")
    for name, loss in losses.items():
        middle = statistics.median(times[name])
        peak = _peak_memory(loss, logits, target) / (logits.numel() * logits.element_size())
        print(f"| {name} | {middle * 1e3:.1f} | {middle / base:.2f} | {peak:.1f} |")


def _batch(size: tuple[int, ...], void: float, device: str) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    n, classes, height, width = size
    logits = torch.randn(size, generator=generator)
    target = torch.randint(0, classes, (n, height, width), generator=generator)
    target[torch.rand(target.shape, generator=generator) < void] = 255
    return logits.to(device), target.to(device)


def _step(loss: Loss, logits: Tensor, target: Tensor) -> None:
    loss(logits.detach().requires_grad_(), target).backward()


def _times(
    losses: dict[str, Loss], logits: Tensor, target: Tensor, rounds: int
) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in losses}
    for turn in range(rounds + 2):
        for name, loss in losses.items():
            _wait(logits)
            start = time.perf_counter()
            _step(loss, logits, target)
            _wait(logits)
            if turn >= 2:  # the first rounds warm allocator and threads up
                times[name].append(time.perf_counter() - start)
    return times


def _wait(tensor: Tensor) -> None:
    if tensor.device.type == "cuda":
        torch.cuda.synchronize()


def _peak_memory(loss: Loss, logits: Tensor, target: Tensor) -> int:
    """Peak bytes of tensors allocated during one step, from the allocator's own events."""
    if logits.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        _step(loss, logits, target)
        return torch.cuda.max_memory_allocated() - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        _step(loss, logits, target)
    alive = peak = 0
    events = [e for e in record.profiler.kineto_results.events() if e.name() == "[memory]"]
    for event in sorted(events, key=lambda e: e.start_ns()):
        alive += event.nbytes()
        peak = max(peak, alive)
    return peak


if __name__ == "__main__":
    main()
