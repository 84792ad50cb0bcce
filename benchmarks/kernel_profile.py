"""What the profiler saw on a device: when something ran, and what ran longest."""

import re
from collections.abc import Iterator, Sequence

import torch
from torch._C._autograd import DeviceType
from torch.profiler import profile

KERNELS = 40  # that are named

NOISE = re.compile(
    r"void |at::native::|\(anonymous namespace\)::|at::detail::|std::array<char\*, \d+ul>|elementwise_kernel"
    r"|gpu_kernel_impl_nocast<|<lambda|at::|c10::|TrivialOffsetCalculator<\d+, unsigned int>"
)
"""What the names of kernels have in common."""

Span = tuple[int, int, str]  # start and end in nanoseconds, and the kernel's name


def spans_of(found: profile, device: torch.device) -> list[Span]:
    """What ran on a device, by the profiler."""
    wanted = DeviceType.CUDA if device.type == "cuda" else DeviceType.CPU
    results = found.profiler.kineto_results if found.profiler else None
    events = results.events() if results is not None else []
    return [
        (event.start_ns(), event.start_ns() + event.duration_ns(), event.name())
        for event in events
        if event.device_type() == wanted and event.duration_ns() > 0
    ]


def busy_of(spans: Sequence[Span]) -> int:
    """Nanoseconds in which something runs; ``spans`` are sorted by their start."""
    busy, until = 0, 0
    for start, end, _ in spans:
        busy += max(0, end - max(start, until))
        until = max(until, end)
    return busy


def longest(spans: Sequence[Span], steps: int) -> Iterator[str]:
    """The kernels that take most of the time of so many steps, by name."""
    totals: dict[str, list[float]] = {}
    for start, end, name in spans:
        entry = totals.setdefault(NOISE.sub("", name)[:150], [0, 0.0])
        entry[0] += 1
        entry[1] += (end - start) / 1e6
    for name, (number, milliseconds) in sorted(totals.items(), key=lambda each: -each[1][1])[
        :KERNELS
    ]:
        yield f"    {milliseconds / steps:7.3f} ms {number / steps:6.1f} x {name}"
