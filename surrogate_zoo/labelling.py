"""What a pixel may carry: one of C classes, one or none, or any of C; and the one step to masks.

Losses and evaluators are written for masks of labels, a class a pixel, beside softmax scores. This step
turns every labelling into such masks, so that none of them asks which it is:

- *multiclass*: C channels, softmax; the masks as they are.
- *binary*: one channel z, sigmoid. The sigmoid of z is the softmax of (0, z), so it is two classes, 0 off
  and 1 on, whose first score is 0.
- *multilabel*: C channels, each on or off, sigmoid. Each channel of each image is a binary mask of its own;
  what is measured by class is the class *on* of each channel.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from surrogate_zoo.batch import check_labels
from surrogate_zoo.errors import InputError
from surrogate_zoo.modes import MODES, MULTICLASS, MULTILABEL, check_void

ONLY_SETS = (
    "it compares sets of pixels, and its least value is not at the probabilities of a soft target; take "
    "cross-entropy, jaccard-metric or dice-squared"
)
"""Why a loss of sets refuses soft targets."""

SIZES = (2, 3)
"""Spatial dimensions: images and volumes."""


@dataclass(frozen=True)
class Labelling:
    """What a pixel may carry.

    Below, N is the images, S their size, (H, W) or (D, H, W), and M = N * ``masks`` their masks.

    Attributes:
        channels: C of the logits, at least 1.
        multilabel: Whether each channel is on or off by itself; else one class a pixel.
    """

    channels: int
    multilabel: bool = False

    @property
    def masks(self) -> int:
        """Masks of an image."""
        return self.channels if self.multilabel else 1

    @property
    def labels(self) -> int:
        """Classes of a mask."""
        return 2 if self.sigmoid else self.channels

    @property
    def classes(self) -> int:
        """Classes that are measured: of a multi-label, one a channel."""
        return self.channels if self.multilabel else self.labels

    @property
    def mode(self) -> str:
        """The mode, as of :mod:`surrogate_zoo.modes`."""
        return MULTILABEL if self.multilabel else MULTICLASS

    @property
    def sigmoid(self) -> bool:
        """Whether each channel is a mask with two classes."""
        return self.multilabel or self.channels == 1

    def check(self, logits: Tensor, target: Tensor) -> None:
        """Check shapes and dtypes of a batch.

        Raises:
            InputError: Names the argument, what it is and what it should be.
        """
        c = self.channels
        if logits.ndim - 2 not in SIZES or logits.shape[1] != c:
            raise InputError(
                f"logits must have shape (N, {c}, H, W), or (N, {c}, D, H, W) of volumes, "
                f"not {tuple(logits.shape)}."
            )
        if not logits.is_floating_point():
            raise InputError(f"logits must be floating point, not {logits.dtype}.")
        size = (logits.shape[0], *logits.shape[2:])
        if self.sigmoid or target.shape != logits.shape or not target.is_floating_point():
            self.check_masks("target", target, size, soft=self.sigmoid)

    def shown(self, logits: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
        """A checked batch; of images without a pixel, as one of no images, which is worth as little.

        Args:
            logits: Scores (N, C, S).
            *others: What belongs to them, images first.
        """
        if all(logits.shape[2:]):
            return logits, *others
        return tuple(
            each.reshape(0, *(side or 1 for side in each.shape[1:])) for each in (logits, *others)
        )

    def check_masks(
        self, name: str, labels: Tensor, size: tuple[int, ...], *, soft: bool = False
    ) -> None:
        """Check shape and dtype of labels of images of ``size`` (N, S), or probabilities if ``soft``.

        Raises:
            InputError: As :meth:`check`.
        """
        letters = "D, H, W" if len(size) == SIZES[1] + 1 else "H, W"
        shape = f"(N, {self.masks}, {letters})" if self.masks > 1 else f"(N, {letters})"
        if len(size) - 1 not in SIZES:
            raise InputError(f"{name} must have shape {shape}, not {tuple(labels.shape)}.")
        channel = (size[0], self.masks, *size[1:])
        takes = (channel,) if self.masks > 1 else (size, channel)
        if tuple(labels.shape) not in takes:
            raise InputError(
                f"{name} must have shape {shape} = {takes[0]}, not {tuple(labels.shape)}."
            )
        if labels.is_floating_point() and not soft:
            raise InputError(
                f"{name} must be integer labels of any type, not {labels.dtype}: call {name}.long()."
            )

    def size_of(self, labels: Tensor) -> tuple[int, ...]:
        """Size (N, S) of the images that labels are of, which have no logits to tell; unchecked.

        (N, 1, H, W) is an image's with a channel, not a volume's with one slice.
        """
        several = self.masks > 1 or (labels.ndim > SIZES[0] + 1 and labels.shape[1] == 1)
        return (*labels.shape[:1], *labels.shape[2 if several else 1 :])

    def masks_of(self, labels: Tensor, size: tuple[int, ...]) -> Tensor:
        """Checked labels of images of ``size`` (N, S) as masks, int64 (M, S)."""
        return labels.reshape(size[0] * self.masks, *size[1:]).long()

    def soft_masks_of(self, target: Tensor, ignore_index: int) -> tuple[Tensor, Tensor]:
        """A checked soft target as masks.

        Args:
            target: Float, as the logits: probabilities of a pixel's classes, all 0 where it is void; of a
                sigmoid that the class is on, or ``ignore_index``.
            ignore_index: Label of void pixels.

        Returns:
            The likeliest labels, int64 (M, S), and the probabilities of all, (M, ``labels``, S), 0 at void
            pixels.
        """
        if self.sigmoid:
            by_channel = target.ndim - 2 in SIZES and target.shape[1] == self.masks
            on = target.reshape(-1, *target.shape[2 if by_channel else 1 :])
            void = on == ignore_index
            soft = torch.stack([1 - on, on], 1)
        else:
            soft, void = target, target.sum(1) == 0
        soft = soft.masked_fill(void[:, None], 0)
        return soft.argmax(1).masked_fill(void, ignore_index), soft

    def crisp_masks_of(self, target: Tensor, ignore_index: int, why: str) -> Tensor:
        """A checked target of floating point as masks, int64 (M, S), if it is labels: 0 and 1 alone.

        Args:
            target: As of :meth:`soft_masks_of`.
            ignore_index: Label of void pixels.
            why: Why there must be labels.

        Raises:
            InputError: There are probabilities, or torch.compile makes a graph, which cannot look.
        """
        masks, soft = self.soft_masks_of(target, ignore_index)
        if torch.compiler.is_compiling() or not bool(((soft == 0) | (soft == 1)).all()):
            raise InputError(f"This loss takes no soft targets: {why}.")
        check_soft(soft)
        return masks

    def scores_of(self, logits: Tensor, void: Tensor | None) -> Tensor:
        """Softmax scores of the masks, (M, ``labels``, S).

        Args:
            logits: Float (N, C, S).
            void: Bool (M, S). Whatever stands there, NaN too, reaches neither value nor gradient; None
                has none.
        """
        scores = logits.reshape(-1, 1, *logits.shape[2:]) if self.sigmoid else logits
        if void is not None:
            scores = scores.masked_fill(void[:, None], 0)
        return torch.cat([torch.zeros_like(scores), scores], 1) if self.sigmoid else scores

    def probabilities(self, logits: Tensor) -> Tensor:
        """Of each channel, as the logits (N, C, S): softmax or sigmoid."""
        return logits.sigmoid() if self.sigmoid else logits.softmax(1)

    def likeliest(self, probabilities: Tensor) -> Tensor:
        """The labels of probabilities (N, C, S), as of :meth:`predicted`."""
        return self.predicted(probabilities - 0.5 if self.sigmoid else probabilities)

    def predicted(self, logits: Tensor) -> Tensor:
        """The labels that logits (N, C, S) predict, int64: (N, S), or of a multi-label (N, C, S)."""
        if not self.sigmoid:
            return logits.argmax(1)
        on = (logits > 0).long()
        return on if self.multilabel else on[:, 0]

    def check_range(self, name: str, masks: Tensor, ignore_index: int | None) -> None:
        """Check that every label of masks (M, S) is one of the mask's classes, or void.

        Raises:
            InputError: Names the label that is none.
        """
        check_labels(name, masks, self.labels, ignore_index)


def check_soft(soft: Tensor) -> None:
    """Check that probabilities (M, ``labels``, S) are such: in [0, 1], with a sum of 1, or all 0.

    Raises:
        InputError: They are not.
    """
    whole = soft.sum(1)
    fits = ((whole - 1).abs() <= _OFF) | (whole == 0)
    if not bool(((soft >= 0) & (soft <= 1)).all() & fits.all()):
        raise InputError(
            "target is floating point, so it holds probabilities: they must lie in [0, 1], and those of a "
            "pixel's classes add up to 1, or all be 0 where it is void."
        )


_OFF = 1e-2
"""How far the probabilities of a pixel may be from a sum of 1: half precision, rounded."""


def labelling_of(
    num_classes: int, mode: str = MULTICLASS, *, ignore_index: int | None = None
) -> Labelling:
    """The labelling of logits with ``num_classes`` channels; one channel of a multiclass is binary.

    Args:
        num_classes: C, at least 1.
        mode: One of :data:`~surrogate_zoo.modes.MODES`.
        ignore_index: Label of void pixels; None where none is meant.

    Raises:
        InputError: Fewer than one channel, an unknown mode, or a class as void that nobody chose
            (:func:`~surrogate_zoo.modes.check_void`).
    """
    if mode not in MODES:
        raise InputError(f"mode must be {' or '.join(MODES)}, not {mode!r}.")
    if isinstance(num_classes, bool) or num_classes < 1:
        raise InputError(
            f"num_classes must be at least 1, not {num_classes}: 1 is binary with one channel."
        )
    labelling = Labelling(num_classes, mode == MULTILABEL)
    check_void(labelling.labels, ignore_index)
    return labelling
