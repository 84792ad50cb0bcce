"""A batch of logits and labels: what every loss and evaluator checks of its values."""

import torch
from torch import Tensor

from surrogate_zoo.errors import InputError


def may_hold_void(valid: Tensor) -> bool:
    """Whether masking void pixels (False in ``valid``) may matter; on a GPU always, unseen.

    A look at the values would make a GPU wait, and masking costs little there. Nor may a graph that
    torch.compile makes depend on them.
    """
    seen = valid.device.type == "cpu" and not torch.compiler.is_compiling()
    return not (seen and bool(valid.all()))


def looks(check_values: bool) -> bool:
    """Whether a loss that is to check values does so now: torch.compile's graphs cannot."""
    return check_values and not torch.compiler.is_compiling()


def check_labels(name: str, labels: Tensor, num_classes: int, ignore_index: int | None) -> None:
    """Check that every label is a class or void.

    Raises:
        InputError: Names the argument and the label that is out of range.
    """
    if not labels.numel():
        return
    least, most = labels.aminmax()  # two looks at all labels in place of five where none is void
    if bool((least >= 0) & (most < num_classes)):
        return
    outside = (labels < 0) | (labels >= num_classes)
    if ignore_index is not None:
        outside &= labels != ignore_index
    if bool(outside.any()):
        label = int(labels[outside][0])
        void = "" if ignore_index is None else f", void is {ignore_index}"
        raise InputError(f"{name} holds the label {label}; classes are 0..{num_classes - 1}{void}.")
