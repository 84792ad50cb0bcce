"""The modes of logits: how many classes a pixel may carry. Needs no torch."""

from typing import Final

from surrogate_zoo.errors import InputError

VOID: Final = 255
"""Label of void pixels where nothing else is said."""

MULTICLASS: Final = "multiclass"
MULTILABEL: Final = "multilabel"
MODES = (MULTICLASS, MULTILABEL)
"""One class a pixel of several, or, with one channel, one or none (binary); or any of several."""

BINARY: Final = "binary"
"""What data of two classes are called that are trained with one channel: the logits are multiclass."""


def check_void(labels: int, ignore_index: int | None) -> None:
    """Refuse 255 as void where it is one of the labels: nobody may have said so.

    Any other of them is left out as asked.

    Args:
        labels: How many there are: 0..labels-1 are classes.
        ignore_index: Label of void pixels; None where there are none.

    Raises:
        InputError: It is the default, and a class.
    """
    if ignore_index == VOID and labels > VOID:
        raise InputError(
            f"Void is 255 unless ignore_index says otherwise, which is one of these {labels} classes: "
            "pass ignore_index=-1, or another label that no class has."
        )


def channels_of(classes: int, mode: str) -> int:
    """Channels of the logits for data of so many classes: one where it is binary.

    Args:
        classes: Number of classes; of binary data background and foreground.
        mode: One of :data:`MODES`, or :data:`BINARY`.
    """
    return 1 if mode == BINARY else classes


def mode_of_logits(mode: str) -> str:
    """The mode of :data:`MODES` that losses and evaluators are given for data of a mode."""
    return MULTILABEL if mode == MULTILABEL else MULTICLASS
