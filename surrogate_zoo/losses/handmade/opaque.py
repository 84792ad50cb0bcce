"""Losses that torch.compile takes as one operation, because their shapes follow from the labels."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Unpack
from weakref import WeakValueDictionary

import torch
from torch import Tensor

from surrogate_zoo.losses.handmade.base import Common, HandmadeLoss
from surrogate_zoo.losses.handmade.batch import Batch

_LOSSES: "WeakValueDictionary[int, OpaqueLoss]" = WeakValueDictionary()
"""The losses that there are, by the numbers that compiled graphs know them by."""
_NUMBERS = count()


class OpaqueLoss(HandmadeLoss):
    """Base of the losses whose tensors are as long as there are objects, say.

    In a compiled graph their value and slopes are computed by one operation, just as without a compiler. A
    loss that was exported as a file has an operation of its own, beside that of lossfit.

    Attributes:
        number: What graphs know this loss by, in this process.
    """

    shared = ()
    no_multilabel = "objects that overlap have no one number a pixel"

    def __init__(self, **common: Unpack[Common]) -> None:
        super().__init__(**common)
        self._enlist()

    def __setstate__(self, state: dict[str, object]) -> None:
        """A copy has a number of its own."""
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._enlist()

    def _enlist(self) -> None:
        self.number = next(_NUMBERS)
        _LOSSES[self.number] = self

    def _value(self, batch: Batch) -> Tensor:
        if not torch.compiler.is_compiling():
            return self.of_valid(batch)
        floats = {k: v for k, v in batch.inputs.items() if v.is_floating_point()}
        others = {k: v for k, v in batch.inputs.items() if k not in floats}
        names = " ".join(["scores", *floats, "target", *others])
        leaves = [batch.scores, *floats.values()]
        floating, rest = [leaf.detach() for leaf in leaves], [batch.target, *others.values()]
        found = _opaque(self.number, names, floating, rest)
        value: Tensor = found[0]
        for leaf, slope in zip(leaves, found[1:], strict=True):
            value = value + ((leaf - leaf.detach()) * slope).sum()  # adds 0, with this slope
        return value


def _computed(number: int, names: str, floats: list[Tensor], others: list[Tensor]) -> list[Tensor]:
    """Value of a loss, and its slopes towards the floating point tensors.

    Args:
        number: Of the loss.
        names: Of the tensors, with spaces between.
        floats: The scores, and further inputs.
        others: The target, and further inputs.
    """
    device = floats[0].device
    stream = torch.cuda.current_stream(device) if device.type == "cuda" else None

    def computed() -> list[Tensor]:
        with torch.cuda.stream(stream):
            return _value_and_slopes(_LOSSES[number], names.split(), floats, others)

    # In a thread of its own, since autograd records nothing within an operation.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(computed).result()


def _value_and_slopes(
    loss: OpaqueLoss, names: list[str], floats: list[Tensor], others: list[Tensor]
) -> list[Tensor]:
    leaves = [each.detach().requires_grad_() for each in floats]
    inputs = dict(zip(names, [*leaves, *others], strict=True))
    scores, target = inputs.pop("scores"), inputs.pop("target")
    valid = target != loss.ignore_index
    value = loss.of_valid(Batch(scores, target, valid, loss.ignore_index, inputs, loss.group))
    slopes = torch.autograd.grad(value, leaves, allow_unused=True, materialize_grads=True)
    return [value.detach(), *(slope.contiguous() for slope in slopes)]


def _shapes(_number: int, _names: str, floats: list[Tensor], _others: list[Tensor]) -> list[Tensor]:
    return [floats[0].new_empty(()), *(each.new_empty(each.shape) for each in floats)]


def _operation() -> Callable[..., list[Tensor]]:
    """:func:`_computed` as an operation, named after the module: an exported file is another one."""
    name = re.sub(r"\W", "_", __name__)
    operation = torch.library.custom_op(f"lossfit::{name}", _computed, mutates_args=())
    operation.register_fake(_shapes)
    return operation


_opaque = _operation()
