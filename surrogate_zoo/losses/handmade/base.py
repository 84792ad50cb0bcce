"""The base of the handmade losses: one contract, void untouched."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import torch
from torch import Tensor, nn

from surrogate_zoo.batch import check_batch, looks, may_hold_void
from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.distance_maps import MAPS, maps_of
from surrogate_zoo.needs import BOUNDARY_LOGITS, EMBEDDINGS, INSTANCES, SEEDINESS, SIMILARITIES
from surrogate_zoo.processes import Group, Processes, gathered, group_of, summed

MARKS: Final = torch.uint8
"""Of masks that are put together side by side: torch 2.14's inductor writes no valid C++ for bools there."""

ASKED: Mapping[str, str] = {
    BOUNDARY_LOGITS: "float (N, 1, H, W), the output of a boundary head",
    EMBEDDINGS: "float (N, E, H, W), the output of an embedding head",
    INSTANCES: "int64 (N, H, W), the number of the object that a pixel is of, 0 of none",
    SEEDINESS: f"float (N, {len(SIMILARITIES)} * (C + 1), H, W), the output of a seediness head",
}
"""Inputs that a loss cannot do without: what each is."""


@dataclass(frozen=True)
class Batch:
    """A checked batch, as a handmade loss sees it.

    Attributes:
        scores: Logits, float32 or float64 (N, C, H, W), 0 at void pixels.
        target: Labels, int64 (N, H, W), void included.
        valid: Bool (N, H, W), False at void pixels.
        ignore_index: Label of void pixels.
        inputs: What else was handed over, by name: what heads gave and distance maps, in the dtype
            of ``scores``; the objects' numbers, int64. All are 0 at void pixels.
        group: The processes that hold the other parts of the batch; None where this is all of it.
        kept: What was computed of it already. ``cached_property`` takes a lock, which torch.compile
            does not follow.
    """

    scores: Tensor
    target: Tensor
    valid: Tensor
    ignore_index: int
    inputs: Mapping[str, Tensor]
    group: Group = None
    kept: dict[str, Tensor] = field(default_factory=dict)

    def total(self, part: Tensor) -> Tensor:
        """A sum over all parts of the batch, of the shape of this part's; see ``processes.summed``."""
        return summed(part, self.group)

    @property
    def pixels(self) -> Tensor:
        """Number of valid pixels of all parts, at least 1; scalar in the dtype of ``scores``."""
        if "pixels" not in self.kept:
            pixels = self.total(self.valid.sum()).clamp(min=1)
            self.kept["pixels"] = pixels.to(self.scores.dtype)
        return self.kept["pixels"]

    @property
    def labels(self) -> Tensor:
        """The target with 0 in place of void."""
        if "labels" not in self.kept:
            self.kept["labels"] = self.target.masked_fill(~self.valid, 0)
        return self.kept["labels"]

    def distances(self, name: str) -> Tensor:
        """The distance map ``name``, (N, K, H, W): as handed over, else computed here, slowly."""
        if name in self.inputs:
            return self.inputs[name]
        num_classes = self.scores.shape[1]
        return maps_of(name, self.target, num_classes, self.ignore_index).to(self.scores.dtype)

    def asked(self, name: str) -> Tensor:
        """The input ``name``, a key of :data:`ASKED`.

        Raises:
            InputError: It was not handed over.
        """
        if name not in self.inputs:
            raise InputError(
                f"This loss needs {name}, {ASKED[name]}: pass them as a keyword argument."
            )
        return self.inputs[name]


class HandmadeLoss(nn.Module):
    """Base of the handmade losses: checks the batch, lifts half precision, leaves void pixels out.

    A subclass computes the loss of valid pixels alone in :meth:`of_valid`. A batch that is all void, or
    empty, has loss 0 and gradient 0.

    Args:
        num_classes: C.
        ignore_index: Label of void pixels.

    Attributes:
        reads_logits: Whether the value depends on the logits.
        gathers: Whether processes hand each other their parts of a batch, in place of sums over them.
        check_values: Look for labels out of range and for NaN; see ``SurrogateLoss.check_values``.
        process_group: Who holds parts of the batch; see ``SurrogateLoss.process_group``.
    """

    reads_logits = True
    gathers = False

    def __init__(self, *, num_classes: int, ignore_index: int = 255) -> None:
        super().__init__()
        if num_classes < 2:
            raise InputError(f"num_classes must be at least 2, not {num_classes}.")
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.check_values = True
        self.process_group: Processes = None

    def forward(self, logits: Tensor, target: Tensor, **inputs: Tensor) -> Tensor:
        """Return the loss of a batch.

        Args:
            logits: Scores before softmax, float (N, C, H, W). Half precision is computed in float32.
            target: Labels, int64 (N, H, W), 0..C-1 or ``ignore_index``.
            **inputs: What the loss's entry lists as ``inputs``, by name, as
                :mod:`surrogate_zoo.needs` describes them; distance maps, float (N, K, H, W), are
                computed from ``target`` where they are not given (slow: precompute them, see
                ``surrogate_zoo.losses.distance_maps``).

        Returns:
            Scalar >= 0, float32 (float64 for float64 logits).

        Raises:
            InputError: A wrong shape or dtype, a label out of range, NaN or infinite logits, or an
                input that is missing.
        """
        looking = looks(self.check_values)
        check_batch(logits, target, self.num_classes, self.ignore_index, values=looking)
        _check_inputs(inputs, target, self.num_classes, values=looking)
        with torch.autocast(logits.device.type, enabled=False):
            loss = self._value(self._batch(logits, target, inputs))
        if looking and not bool(torch.isfinite(loss.detach())):
            read = ["logits"] if self.reads_logits else []
            names = " or ".join([*read, *(name for name in inputs if name != INSTANCES)])
            raise InputError(
                f"{names} hold NaN or infinite values at valid pixels: lower the learning rate."
            )
        return loss

    @property
    def group(self) -> Group:
        """The processes that hold the other parts of the batch."""
        return group_of(self.process_group)

    def _value(self, batch: Batch) -> Tensor:
        return self.of_valid(batch)

    def of_valid(self, batch: Batch) -> Tensor:
        """Return the loss of the valid pixels, a scalar; 0 with gradient 0 where there are none."""
        raise NotImplementedError

    def _batch(self, logits: Tensor, target: Tensor, inputs: Mapping[str, Tensor]) -> Batch:
        group = self.group
        if self.gathers and group is not None:
            logits, target = gathered(logits, group), gathered(target, group)
            inputs = {name: gathered(tensor, group) for name, tensor in inputs.items()}
            group = None
        dtype = torch.float64 if logits.dtype == torch.float64 else torch.float32
        scores = logits.to(dtype)
        lifted = {
            name: tensor if name == INSTANCES else tensor.to(dtype)
            for name, tensor in inputs.items()
        }
        valid = target != self.ignore_index
        if may_hold_void(valid):
            # Whatever stands at void pixels, NaN too, reaches neither value nor gradient.
            scores = scores.masked_fill(~valid[:, None], 0)
            lifted = {
                name: tensor.masked_fill(~valid if name == INSTANCES else ~valid[:, None], 0)
                for name, tensor in lifted.items()
            }
        return Batch(scores, target, valid, self.ignore_index, lifted, group)


def _check_inputs(
    inputs: Mapping[str, Tensor], target: Tensor, num_classes: int, *, values: bool
) -> None:
    """Check names, dtypes and shapes of what a loss is given beside logits and target."""
    size = tuple(target.shape)
    for name, tensor in inputs.items():
        if name == INSTANCES:
            _check_instances(tensor, size, values=values)
            continue
        expected = (size[0], _channels(name, tensor, num_classes), *size[1:])
        if tuple(tensor.shape) != expected or not tensor.is_floating_point():
            raise InputError(
                f"{name} must be floating point of shape {expected}, not {tensor.dtype} of shape "
                f"{tuple(tensor.shape)}."
            )


def _channels(name: str, tensor: Tensor, num_classes: int) -> int:
    """How many channels an input must have."""
    if name == BOUNDARY_LOGITS:
        return 1
    if name == EMBEDDINGS:
        return max(1, tensor.shape[1]) if tensor.ndim > 1 else 1  # as many as there are
    if name == SEEDINESS:
        return len(SIMILARITIES) * (num_classes + 1)
    if name in MAPS:
        return MAPS[name].channels(num_classes)
    names = ", ".join([*ASKED, *MAPS])
    raise InputError(f"A loss takes no input {name!r}. Known: {names}.")


def _check_instances(instances: Tensor, size: tuple[int, ...], *, values: bool) -> None:
    """Check the objects' numbers; that none is below 0 where ``values`` is True."""
    if tuple(instances.shape) != size or instances.dtype != torch.int64:
        raise InputError(
            f"{INSTANCES} must be int64 of shape {size}, not {instances.dtype} of shape "
            f"{tuple(instances.shape)}."
        )
    if values and bool((instances < 0).any()):
        raise InputError(
            f"{INSTANCES} holds the number {int(instances.min())}; 0 is no object, and objects have "
            "numbers from 1."
        )
