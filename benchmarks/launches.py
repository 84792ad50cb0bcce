"""Kernels of surrogates, counted where somebody starts them; nothing is compiled and nothing computed.

    with counted_launches(counter.add_launch):
        loss(logits, target).backward()  # on meta tensors

A kernel reads every tensor that it is given and does not write, once; of a look-up as much as it gives back.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any
from unittest.mock import patch

from torch import Tensor

from benchmarks.counting import Counts, stored_bytes
from surrogate_zoo.metrics import edge_kernels, kernels

WRITES: dict[ModuleType, dict[str, tuple[str, ...]]] = {
    kernels: {
        "_look": ("norm", "true"),
        "_sums": ("out", "most"),
        "_slopes": ("out",),
        "_evaluate": ("value", "slope"),
    },
    edge_kernels: {
        "_edges": ("x",),
        "_edge_slopes": ("left", "right", "code"),
        "_gather": ("left",),
        "_totals": ("out",),
        "_spread": ("out",),
        "_winners": ("out",),
    },
}
"""Module -> kernel that is started -> the arguments that it writes."""
ADDS_TO = {"_gather": "left"}
"""Kernel -> what it reads of what it writes."""
LOOKS_UP = {"_winners": ("x", "labels")}
"""Kernel -> the argument of which it reads as many elements as another has."""


class Launch:
    """Stands for a kernel.

    Args:
        name: Of the kernel.
        arguments: Their names, in the kernel's order.
        writes: Those that it writes.
        add: Told what each start adds.
    """

    def __init__(
        self,
        name: str,
        arguments: list[str],
        writes: tuple[str, ...],
        add: Callable[[Counts], None],
    ) -> None:
        self._name, self._arguments, self._writes, self._add = name, arguments, writes, add

    def __getitem__(self, grid: object) -> Callable[..., None]:
        """What starts the kernel on a grid."""
        return self._start

    def _start(self, *values: Any, **_: object) -> None:
        given = dict(zip(self._arguments, values, strict=False))
        tensors = {name: value for name, value in given.items() if isinstance(value, Tensor)}
        written = {name: tensors.pop(name) for name in self._writes}
        # What stands in for an argument that a kernel does not read is another of its arguments.
        spared = {id(tensor) for tensor in written.values()}
        read = {id(tensor): tensor for tensor in tensors.values() if id(tensor) not in spared}
        reads = sum(map(stored_bytes, read.values()))
        if self._name in ADDS_TO:
            reads += stored_bytes(written[ADDS_TO[self._name]])
        if self._name in LOOKS_UP:
            source, at = (given[name] for name in LOOKS_UP[self._name])
            reads += at.numel() * source.element_size() - stored_bytes(source)
        self._add(Counts(1, reads, sum(map(stored_bytes, written.values()))))


@contextmanager
def counted_launches(add: Callable[[Counts], None]) -> Iterator[None]:
    """Let surrogates take their kernels' way on any device, and count instead of starting them.

    Args:
        add: Told what each start adds.
    """
    with ExitStack() as stack:
        stack.enter_context(patch("surrogate_zoo.losses.surrogate._has_kernels", lambda _: True))
        for module, started in WRITES.items():
            for name, writes in started.items():
                launch = Launch(name, getattr(module, name).arg_names, writes, add)
                stack.enter_context(patch.object(module, name, launch))
        yield
