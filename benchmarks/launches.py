"""Kernels of surrogates, counted where somebody starts them; nothing is compiled and nothing computed.

    with launches(lambda launch: counter.add(launch.counts)):
        loss(logits, target).backward()  # on meta tensors

A kernel reads every tensor that it is given and does not write, once; of a look-up as much as it gives back.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from torch import Tensor

from benchmarks.counting import Counts, stored_bytes

WRITES: Mapping[str, tuple[str, ...]] = {
    "_look": ("norm", "true"),
    "_sums": ("out", "most"),
    "_dense": ("out",),
    "_slopes": ("out",),
    "_evaluate": ("value", "slope"),
    "_edges": ("x",),
    "_edge_slopes": ("left", "right", "code"),
    "_gather": ("left",),
    "_totals": ("out",),
    "_winners": ("out",),
}
"""Kernel that is started -> the arguments that it writes."""
ADDS_TO = {"_gather": "left"}
"""Kernel -> what it reads of what it writes."""
LOOKS_UP = {"_winners": ("x", "labels")}
"""Kernel -> the argument of which it reads as many elements as another has."""


@dataclass(frozen=True)
class Launch:
    """A kernel that was started.

    Attributes:
        kernel: Which one.
        given: Its arguments by name.
        constants: Those that it is compiled for, and how many warps work on a program.
    """

    kernel: Any
    given: Mapping[str, Any]
    constants: Mapping[str, Any]

    @property
    def counts(self) -> Counts:
        """What it adds."""
        name = self.kernel.__name__
        tensors = {each: value for each, value in self.given.items() if isinstance(value, Tensor)}
        written = {each: tensors.pop(each) for each in WRITES[name]}
        # What stands in for an argument that a kernel does not read is another of its arguments.
        spared = {id(tensor) for tensor in written.values()}
        read = {id(tensor): tensor for tensor in tensors.values() if id(tensor) not in spared}
        reads = sum(map(stored_bytes, read.values()))
        if name in ADDS_TO:
            reads += stored_bytes(written[ADDS_TO[name]])
        if name in LOOKS_UP:
            source, at = (self.given[each] for each in LOOKS_UP[name])
            reads += at.numel() * source.element_size() - stored_bytes(source)
        return Counts(1, reads, sum(map(stored_bytes, written.values())))


class StandIn:
    """Takes a kernel's place, and tells when it is started."""

    def __init__(self, kernel: Any, tell: Callable[[Launch], None]) -> None:
        self._kernel, self._tell = kernel, tell

    def __getitem__(self, grid: object) -> Callable[..., None]:
        """What starts the kernel on a grid."""
        return self._start

    def _start(self, *values: Any, **constants: Any) -> None:
        given = dict(zip(self._kernel.arg_names, values, strict=False))
        self._tell(Launch(self._kernel, given, constants))


@contextmanager
def launches(tell: Callable[[Launch], None]) -> Iterator[None]:
    """Let surrogates take their kernels' way on any device, and tell of each start in place of it."""
    from surrogate_zoo.metrics import (  # noqa: PLC0415 - where there is Triton
        curve_kernels,
        edge_kernels,
        kernels,
    )

    with ExitStack() as stack:
        stack.enter_context(patch("surrogate_zoo.losses.surrogate._has_kernels", lambda _: True))
        for module in (kernels, curve_kernels, edge_kernels):
            for name in WRITES.keys() & vars(module).keys():
                stand_in = StandIn(getattr(module, name), tell)
                stack.enter_context(patch.object(module, name, stand_in))
        yield
