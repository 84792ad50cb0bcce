"""The modes of logits: how many classes a pixel may carry. Needs no torch."""

from typing import Final

MULTICLASS: Final = "multiclass"
MULTILABEL: Final = "multilabel"
MODES = (MULTICLASS, MULTILABEL)
"""One class a pixel of several, or, with one channel, one or none (binary); or any of several."""

BINARY: Final = "binary"
"""What data of two classes are called that are trained with one channel: the logits are multiclass."""


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
