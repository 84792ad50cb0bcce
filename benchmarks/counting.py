"""Kernels, bytes, copies and waits of a piece of work, counted operation by operation, on any device.

    counter = Counter()
    with counter:
        with counter.phase("forward"):
            value = loss(logits, target)
        with counter.phase("backward"):
            value.backward()
    counter.counts["forward"].read

What a device would do is told by the operations that torch dispatches, so that a CPU, or fake and meta
tensors, say what a GPU would be asked for. Bytes are those of the elements that an operation touches: of an
operand that is expanded, those that it stores; of a look-up, as many as it gives back. Caches are not
modelled.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_NO_KERNEL = frozenset(
    (
        *("_unsafe_view", "detach", "alias", "lift_fresh", "empty", "empty_like", "empty_strided"),
        *(
            "new_empty",
            "new_empty_strided",
            "set_",
            "resize_",
            "_local_scalar_dense",
            "is_same_size",
        ),
    )
)
"""Operations that start nothing on a device: views, and memory that is only taken."""

_WAITS = frozenset(
    (
        *("_local_scalar_dense", "is_nonzero", "nonzero", "masked_select", "bincount", "equal"),
        *("_unique2", "unique_dim", "unique_consecutive", "unique_dim_consecutive"),
    )
)
"""Operations after which the host knows something of the values, or a shape that depends on them."""

_LOOK_UPS = frozenset(
    (
        "gather",
        "index",
        "index_select",
        "embedding",
        "take",
        "nll_loss_forward",
        "nll_loss2d_forward",
    )
)
"""Operations that read no more of their first operand than they have indices for."""

_UPDATES = frozenset(("scatter_", "scatter_add_", "index_put_", "_index_put_impl_", "index_add_"))
"""Operations that change no more of their first operand than they have indices for."""

_OVERWRITES = frozenset(("copy_", "fill_", "zero_", "normal_", "uniform_", "bernoulli_", "random_"))
"""Operations in place that do not read what was there."""

_AFTER_A_SHAPE = frozenset(
    (
        *("zeros_like", "ones_like", "full_like", "rand_like", "randn_like", "randint_like"),
        *("new_zeros", "new_ones", "new_full"),
    )
)
"""Operations that ask their first operand for its shape or type alone."""


@dataclass
class Counts:
    """What was counted in one phase.

    Attributes:
        kernels: Operations that compute or move something.
        read: Bytes that they read.
        written: Bytes that they write.
        copies: Copies from one kind of device to another, and tensors made of Python's numbers, which a
            device is handed by a copy.
        waits: Operations for which the host waits until the device is done: values read, shapes that depend
            on values, copies that block.
    """

    kernels: int = 0
    read: int = 0
    written: int = 0
    copies: int = 0
    waits: int = 0

    @property
    def moved(self) -> int:
        """Bytes read and written."""
        return self.read + self.written

    def __add__(self, other: "Counts") -> "Counts":
        """Both together."""
        return Counts(
            self.kernels + other.kernels,
            self.read + other.read,
            self.written + other.written,
            self.copies + other.copies,
            self.waits + other.waits,
        )


class Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts all operations while it is entered, backward passes included, by phase.

    Attributes:
        counts: By the name of the phase; what is outside of all phases counts as ``""``. Of phases within one
            another the inner one counts.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.counts: dict[str, Counts] = {}
        self._phase = ""

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count what is done inside as of the phase ``name``, in addition to what it has already."""
        outer, self._phase = self._phase, name
        try:
            yield
        finally:
            self._phase = outer

    @property
    def total(self) -> Counts:
        """All phases together."""
        return sum(self.counts.values(), Counts())

    def add(self, counts: Counts) -> None:
        """Count what is known otherwise as of the phase that goes on."""
        self.counts[self._phase] = self.counts.get(self._phase, Counts()) + counts

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run an operation and count it."""
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        self.add(_counted(func, args, kwargs, result))
        return result


def _counted(
    func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
) -> Counts:
    """What one operation adds."""
    name = func._schema.name.rpartition("::")[2]
    copies, waits = _traffic(name, args, kwargs, result)
    if func.namespace == "prim" or name in _NO_KERNEL or _is_view(func):
        return Counts(copies=copies, waits=waits)
    outputs = _written(func, args, kwargs, result)
    given = _tensors([*args, *(value for key, value in kwargs.items() if key != "out")])
    if name in _OVERWRITES or name in _AFTER_A_SHAPE:
        given = given[1:]
    read, written = sum(map(stored_bytes, given)), sum(map(stored_bytes, outputs))
    if given and name in _LOOK_UPS:
        indices = max((t.numel() for t in given[1:] if not t.is_floating_point()), default=0)
        read += min(0, indices * given[0].element_size() - stored_bytes(given[0]))
    if name in _UPDATES:
        indices = max((t.numel() for t in given[1:]), default=0)
        spared = min(0, indices * given[0].element_size() - stored_bytes(given[0]))
        read, written = read + spared, written + spared
    return Counts(1, read, written, copies, waits)


def _traffic(
    name: str, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
) -> tuple[int, int]:
    """Copies and waits of one operation."""
    if name == "lift_fresh":
        return 1, 1
    waits = int(name in _WAITS or (name.startswith("index") and _has_mask(args)))
    if name not in ("copy_", "_to_copy"):
        return 0, waits
    source = args[1] if name == "copy_" else args[0]
    if source.device.type == result.device.type:
        return 0, 0
    return 1, int(not (kwargs.get("non_blocking") or (len(args) > 2 and bool(args[2]))))


def _has_mask(args: tuple[Any, ...]) -> bool:
    return any(t.dtype in (torch.bool, torch.uint8) for t in _tensors(args[1:2]))


def _is_view(func: OpOverload) -> bool:
    """Whether the result is another look at an operand, and nothing is written."""
    aliases = [each.alias_info for each in func._schema.returns]
    return any(alias is not None and not alias.is_write for alias in aliases)


def _written(
    func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
) -> list[Tensor]:
    """Operands that are changed in place, and results that are none of them."""
    places = func._schema.arguments
    given = dict(zip((place.name for place in places), args, strict=False)) | kwargs
    changed = [
        given.get(place.name) for place in places if place.alias_info and place.alias_info.is_write
    ]
    fresh = not any(each.alias_info for each in func._schema.returns)
    return _tensors([*changed, result if fresh else None])


def _tensors(values: Iterable[Any]) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(list(values)) if isinstance(leaf, Tensor)]


def stored_bytes(tensor: Tensor) -> int:
    """Bytes of the elements that a tensor stores: an expanded dimension counts once."""
    count = 1
    for size, stride in zip(tensor.shape, tensor.stride(), strict=True):
        count *= size if stride or not size else 1
    return count * tensor.element_size()
