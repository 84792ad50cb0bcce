"""The one training loop: proxies, retrainings and baselines all run through it.

Repeats bit for bit on a CPU with the same number of threads: batches and dropout are functions of
(seed, step), never of what ran before in the process. So a candidate's result does not depend on
its pack, and a training resumes from weights, optimiser and step alone.
"""

import copy
import math
from collections.abc import Callable, Collection, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from surrogate_zoo.errors import InputError, LossfitError
from surrogate_zoo.losses.weighted_sum import of_logits
from surrogate_zoo.needs import INSTANCES
from workers.learning.averaging import AveragedWeights
from workers.learning.batches import TrainingBatch
from workers.learning.device import autocast, forward_dtype
from workers.learning.sharing import Share, share_batch_statistics
from workers.learning.streams import Stream, own_random_numbers, seed_torch
from workers.networks.build import build_network
from workers.networks.frozen import batch_norms_of, forget_features
from workers.networks.heads import (
    AUXILIARY_LOGITS,
    HEADS,
    OWN_HEADS,
    WithHeads,
    auxiliary_weight,
    parameter_groups,
)
from workers.tasks.base import Curve
from workers.tasks.images import RGB, ImageFormat
from workers.tasks.networks import NetworkSpec
from workers.tasks.training import TrainingSpec

CHECK_EVERY = 20  # steps between two looks at the losses; each makes a GPU wait
CURVE_POINTS = 50


def initial_network(
    spec: NetworkSpec, num_classes: int, seed: int, images: ImageFormat = RGB
) -> nn.Module:
    """Build a network on the CPU whose random weights follow from ``seed`` alone."""
    with own_random_numbers(torch.device("cpu")):
        seed_torch(seed, Stream.WEIGHTS)
        return build_network(spec, num_classes, images)


def learning_rate(training: TrainingSpec, step: int, factor: float = 1.0) -> float:
    """Learning rate of ``step`` (0-based) for a group with ``factor``: warm-up, then poly decay.

    ``(peak - floor) (1 - step / iterations)^power + floor`` as in the released schedule; the peak
    is scaled by ``factor`` and the floor is not.
    """
    peak, floor = training.learning_rate * factor, training.minimum_learning_rate
    decay = math.pow(1 - step / training.iterations, training.power)
    rate = (peak - floor) * decay + floor
    return rate * min(1.0, (step + 1) / (training.warmup + 1))


def _optimiser(network: WithHeads, training: TrainingSpec) -> torch.optim.Optimizer:
    groups = parameter_groups(network, training)
    if training.optimiser == "adamw":
        return torch.optim.AdamW(
            groups,
            lr=training.learning_rate,
            betas=training.betas or (0.9, 0.999),
            weight_decay=training.weight_decay,
        )
    return torch.optim.SGD(
        groups,
        lr=training.learning_rate,
        momentum=training.momentum,
        weight_decay=training.weight_decay,
    )


class Learner:
    """One network that learns with one loss.

    Args:
        network: Its initial weights are copied, not changed.
        loss: ``forward(logits (N, C, H, W) float32, target (N, H, W) int64, **inputs) -> scalar``.
        training: The schedule.
        device: Where to train.
        inputs: Names of the inputs that the loss takes: heads, which the network has or then carries
            while it trains, and distance maps and objects, which its batches must hold.
        seed: Seeds the heads' initial weights.
        share: This process's part where several train the network; None trains alone.

    Attributes:
        network: The network in training.
        failure: Why this one cannot go on, or None.
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
        self._share = share
        if share is not None:
            share_batch_statistics(self._headed, device)
        self._headed.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._frozen_norms = batch_norms_of(self.network) if training.frozen_statistics else []
        self._maps = [name for name in inputs if name not in heads and name != INSTANCES]
        self._needs_instances = INSTANCES in inputs
        self.failure: str | None = None
        self._loss = loss.to(device)
        self._auxiliary_loss = of_logits(self._loss)
        if hasattr(loss, "check_values"):
            # Labels were checked when read, and check() finds NaN without a wait at every step.
            setattr(loss, "check_values", False)  # noqa: B010 - no attribute of nn.Module
        self._training = training
        self._device = device
        self._optimiser = _optimiser(self._headed, training)
        self._average = (
            None
            if training.ema_decay is None
            else AveragedWeights(self.network, training.ema_decay)
        )
        scaled = forward_dtype(device, training.precision) is torch.float16
        self._scaler = torch.amp.GradScaler(device.type, enabled=scaled)
        self._losses = torch.zeros(training.iterations, device=device)
        self._steps = 0

    @property
    def steps(self) -> int:
        """Optimiser steps taken so far."""
        return self._steps

    @property
    def trained(self) -> nn.Module:
        """The network that is scored and saved: with averaged weights where they are asked for."""
        return self.network if self._average is None else self._average.network

    def step(self, step: int, batch: TrainingBatch) -> None:
        """Take optimiser step ``step``; an error of the loss makes this learner fail."""
        parts = self._training.accumulate
        for group in self._optimiser.param_groups:
            group["lr"] = learning_rate(self._training, step, group["factor"])
        self._headed.train()
        for norm in self._frozen_norms:
            norm.eval()
        self._optimiser.zero_grad()
        total = torch.zeros((), device=self._device)
        for part in batch.split(parts):
            logits, heads = self._forward(part)
            try:
                loss = self._value(logits, heads, part) / parts
            except LossfitError as error:
                self.failure = f"The loss failed at iteration {step}: {error}"
                return
            total += loss.detach()
            torch.autograd.backward(self._scaler.scale(loss))
        if self._share is not None:
            self._share.add_gradients(self._headed.parameters())
        self._scaler.step(self._optimiser)
        self._scaler.update()
        self._losses[step] = total
        self._steps = step + 1
        if self._average is not None:
            self._average.update(self.network, step)

    def _forward(self, batch: TrainingBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Logits, and those of each head by name; of the whole batch, whoever else works on it."""
        local = batch if self._share is None else self._share.of(batch)
        with autocast(self._device, self._training.precision):
            logits, heads = self._headed(local.images)
        if self._share is not None:
            logits = self._share.whole(logits)
            heads = {name: self._share.whole(head) for name, head in heads.items()}
        size = batch.masks.shape[1:]
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

    def check(self) -> None:
        """Fail if a loss so far, or a weight by now, is not finite."""
        if self.failure is not None:
            return
        wrong = (~torch.isfinite(self._losses[: self._steps])).nonzero()
        if len(wrong):
            step = int(wrong[0])
            self.failure = f"The loss became {float(self._losses[step])} at iteration {step}."
        elif not all(bool(torch.isfinite(weight).all()) for weight in self._headed.parameters()):
            self.failure = f"Weights became infinite or NaN before iteration {self._steps}."

    def curve(self) -> Curve:
        """(iteration, mean loss since the point before), about fifty points; ends at a failure."""
        losses = self._losses[: self._steps].cpu()
        width = max(1, self._steps // CURVE_POINTS)
        ends = range(width, self._steps + 1, width)
        means = [(end, float(losses[end - width : end].mean())) for end in ends]
        return tuple((end, mean) for end, mean in means if math.isfinite(mean))

    def recent_loss(self, steps: int) -> float:
        """Mean loss of the last ``steps``."""
        return float(self._losses[max(0, self._steps - steps) : self._steps].mean())

    def state(self) -> dict[str, Any]:
        """Everything that a resumed training needs, as tensors, numbers and plain containers."""
        return {
            "network": self._headed.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "scaler": self._scaler.state_dict(),
            "average": {} if self._average is None else self._average.network.state_dict(),
            "losses": self._losses,
            "steps": self._steps,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state` returned."""
        self._headed.load_state_dict(state["network"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._scaler.load_state_dict(state["scaler"])
        if self._average is not None:
            self._average.network.load_state_dict(state["average"])
        self._losses.copy_(state["losses"])
        self._steps = state["steps"]


def train(
    learners: Sequence[Learner],
    batches: Callable[[int], TrainingBatch],
    training: TrainingSpec,
    *,
    seed: int,
    device: torch.device,
    until: int | None = None,
    rank: int = 0,
    after_step: Callable[[int], None] = lambda _: None,
) -> None:
    """Train a pack of learners on shared batches; one that fails is left behind.

    Each goes on from the steps that it has taken already: one that is ahead waits for the others.

    Args:
        learners: One for each loss; they share nothing but the batches.
        batches: Step -> what to train on.
        training: The schedule.
        seed: Seeds dropout, the same for every learner.
        device: The learners' device.
        until: Steps after which to stop in the middle of the schedule; None goes to its end.
        rank: Number of this process where several share the batches; each has a dropout of its own.
        after_step: Called with the number of steps taken; what it raises ends the training.
    """
    end = training.iterations if until is None else until
    with own_random_numbers(device):
        for step in range(min((learner.steps for learner in learners), default=end), end):
            active = [
                learner for learner in learners if learner.failure is None and learner.steps <= step
            ]
            if not active:
                return
            batch = _placed(batches(step), device)
            for learner in active:
                seed_torch(seed, Stream.DROPOUT, step, *([rank] if rank else []))
                learner.step(step, batch)
            forget_features(learner.network for learner in active)
            if (step + 1) % CHECK_EVERY == 0 or step + 1 == end:
                for learner in active:
                    learner.check()
            after_step(step + 1)


def _placed(batch: TrainingBatch, device: torch.device) -> TrainingBatch:
    """A batch on ``device``, its images channels-last."""
    images = batch.images.to(device, non_blocking=True)
    return TrainingBatch(
        images=images.contiguous(memory_format=torch.channels_last),
        masks=batch.masks.to(device, non_blocking=True),
        maps={
            name: distances.to(device, non_blocking=True) for name, distances in batch.maps.items()
        },
        instances=None
        if batch.instances is None
        else batch.instances.to(device, non_blocking=True),
    )
