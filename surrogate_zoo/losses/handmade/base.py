"""The base of the handmade losses: one contract, void untouched."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Required, TypedDict, Unpack

import torch
from torch import Tensor, nn

from surrogate_zoo.batch import looks, may_hold_void
from surrogate_zoo.errors import InputError
from surrogate_zoo.labelling import SIZES, check_soft, labelling_of
from surrogate_zoo.losses.class_weights import ClassWeights
from surrogate_zoo.losses.declarations import BATCH, SHARED, WEIGHS
from surrogate_zoo.losses.distance_maps import MAPS
from surrogate_zoo.losses.handmade.batch import ASKED, SOFT, Batch
from surrogate_zoo.modes import MULTICLASS, VOID
from surrogate_zoo.needs import BOUNDARY_LOGITS, EMBEDDINGS, INSTANCES, SEEDINESS, SIMILARITIES
from surrogate_zoo.processes import Group, Processes, gathered, group_of


class Common(TypedDict, total=False):
    """What every handmade loss is built with, beside its own parameters.

    Attributes:
        num_classes: C of the logits; 1 is binary with one channel.
        ignore_index: Label of void pixels.
        mode: ``multiclass``, or ``multilabel``, C channels that are on or off each by itself.
        class_weights: Weight of each class, K numbers >= 0 (see ``Batch.by_class``): a mean over pixels
            weighs each by its class, a mean over classes each class. Only their ratios matter.
        class_power: In [0, 1]: the weights are multiplied by the classes' inverse frequency to this power.
        class_pixels: Valid pixels of each class in the training split, K numbers, for ``class_power``. None
            counts them in each batch.
        reduction: ``batch``, or ``image`` for the mean over the images with valid pixels of each one's loss.
    """

    num_classes: Required[int]
    ignore_index: int
    mode: str
    class_weights: Sequence[float] | None
    class_power: float
    class_pixels: Sequence[float] | None
    reduction: str


class HandmadeLoss(nn.Module):
    """Base of the handmade losses: checks the batch, lifts half precision, leaves void pixels out.

    A subclass computes the loss of valid pixels alone in :meth:`of_valid`. A batch that is all void, or
    empty, has loss 0 and gradient 0.

    Args:
        **common: See :class:`Common`.

    Attributes:
        reads_logits: Whether the value depends on the logits.
        gathers: Whether processes hand each other their parts of a batch, in place of sums over them.
        looks_around: Whether it compares pixels with their neighbours, so that it wants volumes as they
            are and not as images.
        no_volumes: Why it takes no volumes; empty where it does.
        no_soft: Why it takes no soft targets; empty where it does.
        no_multilabel: Why it takes no multi-labels; empty where it does.
        shared: Which of the shared parameters it takes, as its entry declares.
        check_values: Look for labels out of range and for NaN; see ``SurrogateLoss.check_values``.
        process_group: Who holds parts of the batch; see ``SurrogateLoss.process_group``.
    """

    reads_logits = True
    gathers = False
    looks_around = False
    no_volumes = ""
    no_multilabel = ""
    no_soft = "it is made for labels; take cross-entropy, jaccard-metric or dice-squared"
    shared: tuple[str, ...] = WEIGHS

    def __init__(self, **common: Unpack[Common]) -> None:
        super().__init__()
        for name in common.keys() - Common.__annotations__.keys():
            raise TypeError(f"{type(self).__name__} got an unexpected keyword argument {name!r}")
        self.num_classes = common["num_classes"]
        self.ignore_index = common.get("ignore_index", VOID)
        self.labelling = labelling_of(
            self.num_classes, common.get("mode", MULTICLASS), ignore_index=self.ignore_index
        )
        if self.labelling.multilabel and self.no_multilabel:
            raise InputError(f"This loss takes no multi-labels: {self.no_multilabel}.")
        given = {name: value for name, value in common.items() if name in SHARED.names}
        strange = sorted(given.keys() - set(self.shared))
        if strange:
            raise InputError(f"This loss has no parameter {strange[0]!r}.")
        SHARED.check(**given)
        self.reduction = common.get("reduction", BATCH)
        self.class_weights = ClassWeights(
            self.labelling,
            common.get("class_weights"),
            common.get("class_power", 0.0),
            common.get("class_pixels"),
        )
        self.check_values = True
        self.process_group: Processes = None

    def forward(self, logits: Tensor, target: Tensor, **inputs: Tensor) -> Tensor:
        """Return the loss of a batch.

        Args:
            logits: Scores before softmax or sigmoid, float (N, C, H, W), or of volumes (N, C, D, H, W).
                Half precision is computed in float32.
            target: Labels, whole numbers of any type, (N, H, W) or (N, 1, H, W), 0..C-1 (0 and 1 of one
                channel) or ``ignore_index``; of a multilabel 0, 1 or ``ignore_index``, (N, C, H, W).
                Where the maths allows, probabilities, float (N, C, H, W), all 0 at void pixels (of a
                sigmoid ``ignore_index``).
            **inputs: What the loss's entry lists as ``inputs``, by name, as
                :mod:`surrogate_zoo.needs` describes them; distance maps, float (N, K, H, W), are
                computed from ``target`` where they are not given (slow: precompute them, see
                ``surrogate_zoo.losses.distance_maps``). Of a multi-label, K maps of each channel.

        Returns:
            Scalar >= 0, float32 (float64 for float64 logits).

        Raises:
            InputError: A wrong shape or dtype, a label out of range, NaN or infinite logits, or an
                input that is missing.
        """
        looking = looks(self.check_values)
        self.labelling.check(logits, target)
        if self.no_volumes and logits.ndim - 2 != SIZES[0]:
            raise InputError(f"This loss takes no volumes: {self.no_volumes}.")
        size = (logits.shape[0], *logits.shape[2:])
        self._check_inputs(inputs, size, values=looking)
        logits, target, *rest = self.labelling.shown(logits, target, *inputs.values())
        inputs, size = dict(zip(inputs, rest, strict=True)), (logits.shape[0], *logits.shape[2:])
        soft: dict[str, Tensor] = {}
        if target.is_floating_point() and self.no_soft:
            masks = self.labelling.crisp_masks_of(target, self.ignore_index, self.no_soft)
        elif target.is_floating_point():
            masks, soft[SOFT] = self.labelling.soft_masks_of(target, self.ignore_index)
            if looking:
                check_soft(soft[SOFT])
        else:
            masks = self.labelling.masks_of(target, size)
            if looking:
                self.labelling.check_range("target", masks, self.ignore_index)
        with torch.autocast(logits.device.type, enabled=False):
            loss = self._value(self._batch(logits, masks, {**inputs, **soft}))
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
        if self.reduction == BATCH:
            return self._of_valid(batch)
        images = [self._of_valid(image) for image in batch.images()]
        total = torch.stack(images).sum() if images else batch.scores.sum()
        return batch.total(total) / batch.total(batch.holds.sum()).clamp(min=1)

    def _of_valid(self, batch: Batch) -> Tensor:
        if not self.class_weights.none:
            batch = replace(batch, weights=self.class_weights.of(batch.class_pixels), kept={})
        return self.of_valid(batch)

    def of_valid(self, batch: Batch) -> Tensor:
        """Return the loss of the valid pixels, a scalar; 0 with gradient 0 where there are none."""
        raise NotImplementedError

    def _batch(self, logits: Tensor, masks: Tensor, inputs: Mapping[str, Tensor]) -> Batch:
        group, labelling = self.group, self.labelling
        inputs = {name: self._of_masks(tensor, masks) for name, tensor in inputs.items()}
        if self.gathers and group is not None:
            logits, masks = gathered(logits, group), gathered(masks, group)
            inputs = {name: gathered(tensor, group) for name, tensor in inputs.items()}
            group = None
        dtype = torch.float64 if logits.dtype == torch.float64 else torch.float32
        lifted = {
            name: tensor if name == INSTANCES else tensor.to(dtype)
            for name, tensor in inputs.items()
        }
        valid = masks != self.ignore_index
        void = ~valid if may_hold_void(valid) else None
        scores = labelling.scores_of(logits.to(dtype), void)
        if void is not None:
            lifted = {
                name: tensor.masked_fill(void if name == INSTANCES else void[:, None], 0)
                for name, tensor in lifted.items()
            }
        if not self.looks_around:  # volumes as images: no copy
            scores, masks, valid = scores.flatten(2, -2), masks.flatten(1, -2), valid.flatten(1, -2)
            lifted = {
                name: tensor.flatten(1 if name == INSTANCES else 2, -2)
                for name, tensor in lifted.items()
            }
        channels = labelling.masks if labelling.multilabel else 0
        return Batch(scores, masks, valid, self.ignore_index, lifted, group, channels)

    def _of_masks(self, tensor: Tensor, masks: Tensor) -> Tensor:
        """What belongs to images, (N, K * masks, S), as of their masks, (M, K, S)."""
        if not self.labelling.multilabel:
            return tensor
        return tensor.reshape(len(masks), -1, *masks.shape[1:])

    def _check_inputs(
        self, inputs: Mapping[str, Tensor], size: tuple[int, ...], *, values: bool
    ) -> None:
        """Check names, dtypes and shapes of what a loss is given beside logits and target."""
        for name, tensor in inputs.items():
            if name == INSTANCES:
                _check_instances(tensor, size, values=values)
                continue
            channels = self.labelling.masks * _channels(name, tensor, self.labelling.labels)
            expected = (size[0], channels, *size[1:])
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
