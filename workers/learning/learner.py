"""One network that learns with one loss: proxies, retrainings and baselines all train so.

Repeats bit for bit on a CPU with the same number of threads: batches and dropout are functions of
(seed, step), never of what ran before in the process. So a candidate's result does not depend on
its pack, and a training resumes from weights, optimiser and step alone.
"""

import copy
import logging
import math
from collections.abc import Collection
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from surrogate_zoo.errors import InputError, LossfitError
from surrogate_zoo.losses.weighted_sum import of_logits
from surrogate_zoo.modes import MULTICLASS
from surrogate_zoo.needs import INSTANCES
from workers.learning import compiled
from workers.learning.averaging import AveragedWeights
from workers.learning.batch_counts import BatchCounts
from workers.learning.batches import TrainingBatch
from workers.learning.device import autocast, forward_dtype
from workers.learning.loss_record import LossRecord
from workers.learning.rates import Rates, optimiser_of
from workers.learning.sharing import WholeBatchStatistics, average_gradients, part_of
from workers.learning.streams import Stream, own_random_numbers, seed_torch
from workers.networks.build import build_network
from workers.networks.frozen import FrozenEncoder, batch_norms_of, forget_features
from workers.networks.heads import (
    AUXILIARY_LOGITS,
    HEADS,
    MULTIPLE,
    OWN_HEADS,
    WithHeads,
    auxiliary_weight,
    parameter_groups,
)
from workers.networks.reach import leave_out_padding
from workers.networks.upsampling import replace_upsampling
from workers.tasks.base import Curve
from workers.tasks.images import RGB, ImageFormat
from workers.tasks.networks import NetworkSpec
from workers.tasks.shares import Share
from workers.tasks.training import TrainingSpec

log = logging.getLogger(__name__)

KNOWN = ("torch", "surrogate_zoo")  # whose modules keep no count of their calls on the host


def initial_network(
    spec: NetworkSpec,
    num_classes: int,
    seed: int,
    images: ImageFormat = RGB,
    *,
    mode: str = MULTICLASS,
) -> nn.Module:
    """Build a network on the CPU whose random weights follow from ``seed`` alone."""
    with own_random_numbers(torch.device("cpu")):
        seed_torch(seed, Stream.WEIGHTS)
        return build_network(spec, num_classes, images, mode=mode)


class _Refusal(Exception):  # noqa: N818 - becomes a learner's failure
    """A loss does not take the batch."""


class Learner:
    """One network that learns with one loss.

    Args:
        network: Its initial weights are copied, not changed.
        loss: ``forward(logits (N, C, H, W) float32, target (N, H, W) int64, **inputs) -> scalar``; the
            target of a multi-label is (N, C, H, W).
        training: The schedule.
        device: Where to train.
        inputs: Names of the inputs that the loss takes: heads, which the network has or then carries
            while it trains, and distance maps and objects, which its batches must hold.
        seed: Seeds the heads' initial weights.
        share: This process's part where several train the network; None trains alone.

    Attributes:
        network: The network in training.
        failure: Why this one cannot go on, or None.
        counts: The counts of its batch normalisations.
        ran: How its steps ran: ``loop``, one kernel after the other, or ``graph``, as a CUDA graph; and
            on a GPU why not as a graph.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: nn.Module,
        training: TrainingSpec,
        device: torch.device,
        *,
        inputs: Collection[str] = (),
        seed: int = 0,
        share: Share | None = None,
    ) -> None:
        self.network = copy.deepcopy(network)
        with own_random_numbers(torch.device("cpu")):
            seed_torch(seed, Stream.HEAD_WEIGHTS)
            heads = [name for name in inputs if name in HEADS or name in OWN_HEADS]
            self._auxiliary_weight = auxiliary_weight(self.network, training)
            self._headed = WithHeads(self.network, heads, auxiliary=self._auxiliary_weight > 0)
        leave_out_padding(self._headed)
        if device.type == "cuda":
            replace_upsampling(self._headed)
        self._share = share
        self._headed.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._frozen_norms = batch_norms_of(self.network) if training.frozen_statistics else []
        self._set_training()
        self.counts = BatchCounts(self._headed)
        self._maps = [name for name in inputs if name not in heads and name != INSTANCES]
        self._needs_instances = INSTANCES in inputs
        self.failure: str | None = None
        self._loss = loss.to(device)
        self._auxiliary_loss = of_logits(self._loss)
        self._compiled: list[str] = []
        compiled.choose_kernels(self._loss)
        if hasattr(loss, "check_values"):
            # Labels were checked when read, and check() finds NaN without a wait at every step.
            setattr(loss, "check_values", False)  # noqa: B010 - no attribute of nn.Module
        if share is not None:
            setattr(loss, "process_group", "world")  # noqa: B010 - as above
        self._training = training
        self._device = device
        self._optimiser = optimiser_of(parameter_groups(self._headed, training), training, device)
        self._rates = Rates(self._optimiser, training, device)
        self._average = (
            None
            if training.ema_decay is None
            else AveragedWeights(self.network, training.ema_decay)
        )
        if share is None:
            self._compile(device)
        scaled = forward_dtype(device, training.precision) is torch.float16
        self._scaler = torch.amp.GradScaler(device.type, enabled=scaled)
        self._losses = LossRecord(training.iterations, device)
        self._steps = 0
        self._replayed = 0  # steps that the counts of batches have yet to take in
        self.ran = "loop"

    @property
    def steps(self) -> int:
        """Optimiser steps taken so far."""
        return self._steps

    @property
    def trained(self) -> nn.Module:
        """The network that is scored and saved: with averaged weights where they are asked for."""
        return self.network if self._average is None else self._average.network

    def step(self, step: int, batch: TrainingBatch, *, at: Tensor | None = None) -> None:
        """Take optimiser step ``step``; an error of the loss makes this learner fail.

        Args:
            step: Its number.
            batch: What to train on.
            at: The number on the device, as of :meth:`take`.
        """
        if not (self._headed.training and self.network.training):  # who scores it sets it otherwise
            self._set_training()
        try:
            self._take(step if at is None else at, batch)
        except _Refusal as refusal:
            self.failure = f"The loss failed at iteration {step}: {refusal}"
            return
        self._steps = step + 1
        if self._average is not None:
            self._average.update(self.network, step)

    @property
    def way(self) -> str:
        """What is captured of it: ``graph``, or ``graph, compiled network, compiled loss``."""
        return ", ".join(["graph", *(f"compiled {part}" for part in self._compiled)])

    def _compile(self, device: torch.device) -> None:
        """Compile what the worker is told to."""
        if compiled.wanted(compiled.NETWORKS, device) and compiled.compile_parts(self._headed):
            self._compiled.append("network")
        if compiled.wanted(compiled.LOSSES, device) and compiled.compile_surrogates(self._loss):
            self._compiled.append("loss")

    def _set_training(self) -> None:
        self._headed.train()
        for norm in self._frozen_norms:
            norm.eval()

    def replayed(self, step: int) -> None:
        """Note that step ``step`` was taken by a CUDA graph of :meth:`take`."""
        self._steps = step + 1
        self._replayed += 1

    def _take(self, at: int | Tensor, batch: TrainingBatch) -> None:
        """As :meth:`take`; as all is written from now on where torch cannot compile it."""
        try:
            self.take(at, batch)
        except RuntimeError as error:
            if not self._compiled:
                raise
            what = " and ".join(self._compiled)
            log.warning("The %s cannot be compiled: %s", what, str(error).splitlines()[0])
            compiled.undo(self._loss, self._headed)
            self._compiled = []
            self.take(at, batch)

    def take(self, at: int | Tensor, batch: TrainingBatch) -> None:
        """What a device does in a step: rates, gradients, weights, and a note of the loss.

        Args:
            at: Number of the step; or on the device, int64 (1,), so that a CUDA graph reads it there.
            batch: What to train on.
        """
        parts = self._training.accumulate
        self._rates.set(at)
        self._optimiser.zero_grad()
        total = torch.zeros((), device=self._device)
        for whole in batch.split(parts):
            part = whole if self._share is None else part_of(whole, self._share)
            logits, heads = self._forward(part)
            try:
                loss = self._value(logits, heads, part) / parts
            except LossfitError as error:
                raise _Refusal(str(error)) from error
            total += loss.detach()
            torch.autograd.backward(self._scaler.scale(loss))
        if self._share is not None:
            average_gradients(self._headed.parameters(), self._share)
        self._scaler.step(self._optimiser)
        self._scaler.update()
        self._losses.note(at, total)

    @property
    def _frozen(self) -> FrozenEncoder | None:
        encoder = getattr(self.network, "encoder", None)
        return encoder if isinstance(encoder, FrozenEncoder) else None

    def features(self, images: Tensor) -> Any:
        """Features of a frozen encoder, which those that share it find there; None without one."""
        if self._frozen is None:
            return None
        with autocast(self._device, self._training.precision):
            return self._frozen(images)

    def forget(self) -> None:
        """Forget the features of a frozen encoder."""
        forget_features([self.network])

    @property
    def uncapturable(self) -> str | None:
        """Why the steps cannot be captured in a CUDA graph; None where they may be tried."""
        if self._share is not None:
            return "several processes share the training"
        if self._average is not None:
            return "an average of the weights is kept"
        if self._scaler.is_enabled():
            return "the gradients of float16 are scaled"
        divided = self._training.accumulate > 1 or any(s % MULTIPLE for s in self._training.crop)
        if divided and self._frozen is not None:
            return "the features of a frozen encoder are those of parts of a batch, or of padded images"
        foreign = [m for m in self._loss.modules() if type(m).__module__.split(".")[0] not in KNOWN]
        return f"the loss is code of its own ({type(foreign[0]).__name__})" if foreign else None

    def _forward(self, batch: TrainingBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Logits, and those of each head by name."""
        statistics = nullcontext() if self._share is None else WholeBatchStatistics()
        counts = self.counts.by_hand() if "network" in self._compiled else nullcontext()
        with autocast(self._device, self._training.precision), statistics, counts:
            logits, heads = self._headed(batch.images)
        size = batch.masks.shape[-2:]
        if logits.shape[2:] != size:
            raise InputError(
                f"The network maps {tuple(size)} pixels to {tuple(logits.shape[2:])}; "
                "set its option 'upsampling' so that both agree."
            )
        return logits, heads

    def _value(self, logits: Tensor, heads: dict[str, Tensor], batch: TrainingBatch) -> Tensor:
        """The loss, and that of the auxiliary logits, which leaves out what reads no logits."""
        inputs = {name: head.float() for name, head in heads.items()}
        auxiliary = inputs.pop(AUXILIARY_LOGITS, None)
        inputs |= {name: batch.maps[name] for name in self._maps}
        if self._needs_instances:
            if batch.instances is None:
                raise InputError("The loss needs the objects of images, and the dataset has none.")
            inputs[INSTANCES] = batch.instances
        loss: Tensor = self._loss(logits.float(), batch.masks, **inputs)
        if auxiliary is not None and self._auxiliary_loss is not None:
            own: Tensor = self._auxiliary_loss(auxiliary, batch.masks, **inputs)
            loss = loss + self._auxiliary_weight * own
        return loss

    def soundness(self) -> Tensor:
        """Whether all losses so far and all weights by now are finite: bool () on the device, not awaited."""
        largest = get_total_norm(self._headed.parameters(), math.inf)
        return self._losses.sound(self._steps) & torch.isfinite(largest)

    def fail(self) -> None:
        """Say what is wrong with a learner that is not sound."""
        weights = f"Weights became infinite or NaN before iteration {self._steps}."
        self.failure = self._losses.wrong(self._steps) or weights

    def curve(self) -> Curve:
        """(iteration, mean loss since the point before), about fifty points; ends at a failure."""
        return self._losses.curve(self._steps)

    def recent_loss(self, steps: int) -> float:
        """Mean loss of the last ``steps``."""
        return float(self._losses.values[max(0, self._steps - steps) : self._steps].mean())

    def state(self) -> dict[str, Any]:
        """Everything that a resumed training needs, as tensors, numbers and plain containers."""
        self.counts.add(self._replayed)
        self._replayed = 0
        return {
            "network": self._headed.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "scaler": self._scaler.state_dict(),
            "average": {} if self._average is None else self._average.network.state_dict(),
            "losses": self._losses.values,
            "steps": self._steps,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state` returned."""
        self._headed.load_state_dict(state["network"])
        self._rates.load(state["optimiser"])
        self._scaler.load_state_dict(state["scaler"])
        if self._average is not None:
            self._average.network.load_state_dict(state["average"])
        self._losses.values.copy_(state["losses"])
        self._steps = state["steps"]
