"""Forward + backward of every loss of the zoo against ``F.cross_entropy``, in one run.

    python -m benchmarks.losses [--size 4 21 256 256] [--threads 2] [--rounds 15]

Every loss takes turns with cross entropy, step by step, as in a training with that loss alone;
times are medians over rounds, the ratio is to the cross entropy measured in the same turns. Memory
is the peak of new tensors alive during one forward + backward, in units of the logits.
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
    device = arguments.device
    if device == "cpu":
        device = f"{arguments.threads} CPU threads"
    share = f"{arguments.void:.0%} void"
    print(f"logits {tuple(logits.shape)}, {share}, {device}, torch {torch.__version__}\n")
    print("| loss | ms | x cross entropy | peak memory, x logits |\n|---|---|---|---|")
    for name in LOSSES:
        loss = load_loss(name, num_classes=logits.shape[1]).to(arguments.device)
        base, own = _times(loss, logits, target, arguments.rounds)
        peak = _peak_memory(loss, logits, target) / (logits.numel() * logits.element_size())
        print(f"| {name} | {own * 1e3:.1f} | {own / base:.2f} | {peak:.1f} |", flush=True)


def _cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(logits, target, ignore_index=255)


def _batch(size: tuple[int, ...], void: float, device: str) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    n, classes, height, width = size
    logits = torch.randn(size, generator=generator)
    target = torch.randint(0, classes, (n, height, width), generator=generator)
    target[torch.rand(target.shape, generator=generator) < void] = 255
    return logits.to(device), target.to(device)


def _step(loss: Loss, logits: Tensor, target: Tensor) -> None:
    loss(logits.detach().requires_grad_(), target).backward()


def _times(loss: Loss, logits: Tensor, target: Tensor, rounds: int) -> tuple[float, float]:
    """Median seconds of a step with cross entropy and with ``loss``."""
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds + 2):
        for which, kept in zip((_cross_entropy, loss), times, strict=True):
            _wait(logits)
            start = time.perf_counter()
            _step(which, logits, target)
            _wait(logits)
            if turn >= 2:  # the first rounds warm allocator and threads up
                kept.append(time.perf_counter() - start)
    base, own = map(statistics.median, times)
    return base, own


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
