"""Evaluates candidate losses on a proxy task: a short training, scored on a hold-out set.

Common random numbers: the hold-out cut, the initial weights, batches, augmentation and dropout
follow from the task's seed alone, so candidates differ by their loss and by nothing else.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from torch import nn

from surrogate_zoo import needs_of
from surrogate_zoo.errors import LossfitError
from surrogate_zoo.losses.document import Document
from surrogate_zoo.losses.drafts import measured, missing
from surrogate_zoo.losses.scale import gradient_scale, inputs_of, states
from surrogate_zoo.metrics.targets import Target
from workers.datasets.dataset import Pixels, Samples
from workers.datasets.layouts import open_dataset
from workers.datasets.training_split import read_training_split
from workers.learning.batches import Batches, TrainingBatch
from workers.learning.device import choose_device, worker_facts
from workers.learning.hold_out import cut_hold_out
from workers.learning.image_stack import Stack, stack_by_size
from workers.learning.learner import Learner, initial_network, train
from workers.learning.losses import build_loss, distance_maps_of
from workers.learning.states import keep, load_network, restore, state_path
from workers.proxy.rejection import RejectionTest
from workers.scoring.inference import evaluate
from workers.tasks.datasets import DatasetSource
from workers.tasks.proxy import Candidate, Outcome, ProxyTask
from workers.tasks.scoring import ScoringSpec

IMAGES = 8
"""Of the first batch: what scales are measured on."""


def training_samples(source: DatasetSource) -> tuple[Samples, int]:
    """Samples of the training split and the number of classes, decoded once for each source.

    No file of another split is opened.
    """
    return decoded_samples(source.model_dump_json())


@lru_cache(maxsize=2)
def decoded_samples(source: str) -> tuple[Samples, int]:
    """As :func:`training_samples`, of a source as JSON: some hold mappings, which are no keys."""
    dataset = open_dataset(TypeAdapter[DatasetSource](DatasetSource).validate_json(source))
    return read_training_split(dataset), len(dataset.classes)


def evaluate_pack(
    task: ProxyTask,
    candidates: Sequence[Candidate],
    *,
    device: str = "auto",
    progress: Callable[[int], None] = lambda _: None,
) -> list[Outcome]:
    """Train one network for each candidate on shared batches and score each on the hold-out set.

    A candidate's outcome does not depend on which others are in the pack. One that fails (a loss
    file that cannot be loaded, a loss or weights that become infinite or NaN) or is rejected gets an
    outcome with its reason and no score; the others go on.

    Args:
        task: The proxy task.
        candidates: The losses.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:<n>``.
        progress: Called after every step with the number of steps taken; what it raises ends the
            evaluation.

    Returns:
        One outcome for each candidate, in the order of ``candidates``.

    Raises:
        InputError: The task itself is wrong (dataset, network, metric): no candidate could run.
    """
    began = time.perf_counter()
    torch_device = choose_device(device)
    samples, num_classes = training_samples(task.dataset)
    kept, held = cut_hold_out(len(samples), task.hold_out, task.seed)
    maps = distance_maps_of(candidate.loss for candidate in candidates)
    stacks = stack_by_size(samples, torch_device, kept, maps=maps, num_classes=num_classes)
    batches = Batches(stacks, task.training, task.seed)
    entrance = _Entrance.of(
        task, [samples.masks[index] for index in kept], batches, num_classes, torch_device
    )
    entered = [entrance.enter(candidate) for candidate in candidates]
    entries = [entry for entry, _ in entered]
    learners = [entry for entry in entries if isinstance(entry, Learner)]
    train(
        learners,
        batches,
        task.training,
        seed=task.seed,
        device=torch_device,
        until=task.stop_after,
        after_step=progress,
    )
    held_out = stack_by_size(samples, torch_device, held)
    outcomes = []
    for candidate, (entry, scales) in zip(candidates, entered, strict=True):
        metrics = _score(entry, held_out, num_classes, task.scoring)
        outcome = _outcome(task, candidate, entry, metrics, torch_device)
        outcomes.append(replace(outcome, scales=scales))
    seconds = (time.perf_counter() - began) / len(candidates)
    return [replace(outcome, seconds=seconds) for outcome in outcomes]


@dataclass(frozen=True)
class _Untrained:
    """What stands for a candidate that is not trained.

    Attributes:
        reason: Why.
        rejected: Whether it failed the rejection test; it cannot be used otherwise.
    """

    reason: str
    rejected: bool


@dataclass(frozen=True)
class _Entrance:
    """Where candidates become learners, or are turned away.

    Attributes:
        task: The proxy task.
        device: Where it is trained.
        network: What all candidates start from.
        build: Loss file's content -> loss.
        test: The rejection test, where there is one.
        first: The task's first batch, whose masks scales are measured on.
        num_classes: C.
    """

    task: ProxyTask
    device: torch.device
    network: nn.Module
    build: Callable[[dict[str, Any]], nn.Module]
    test: RejectionTest | None
    first: Callable[[], TrainingBatch]
    num_classes: int

    @classmethod
    def of(
        cls,
        task: ProxyTask,
        masks: Sequence[Pixels],
        batches: Batches,
        num_classes: int,
        device: torch.device,
    ) -> "_Entrance":
        """Prepare what candidates share; ``masks`` are those that are trained on."""
        Target(task.metric)  # an unknown metric is the task's fault, not a candidate's
        network = initial_network(task.network, num_classes, task.seed)
        if task.warm_start is not None:
            load_network(network, Path(task.warm_start))
        build = partial(
            build_loss, masks=masks, num_classes=num_classes, loss_networks=task.loss_networks
        )
        test = None
        if task.rejection is not None:
            test = RejectionTest(task, task.rejection, batches(0).masks.to(device), num_classes)
        first = cache(partial(batches, 0))
        return cls(task, device, network, build, test, first, num_classes)

    def enter(self, candidate: Candidate) -> tuple[Learner | _Untrained, tuple[float, ...]]:
        """Make the candidate's learner, or say why it is not trained; and its draft's scales."""
        scales: list[float] = []
        try:
            document = candidate.loss
            if missing(document):
                document, scales = measured(document, self._scale)
            loss = self.build(document).to(self.device)
        except LossfitError as error:
            return _Untrained(f"The loss cannot be loaded: {error}", rejected=False), ()
        return self._learner(candidate, loss, needs_of(document).inputs), tuple(scales)

    def _scale(self, document: Document) -> float:
        """Measure a loss on the first images of the task's first batch."""
        masks = self.first().masks[:IMAGES].to(self.device)
        loss = self.build(document).to(self.device)
        predictions = states(masks, self.num_classes, self.task.seed)
        inputs = inputs_of(document, masks, self.num_classes)
        return gradient_scale(loss, predictions, masks, inputs)

    def _learner(
        self, candidate: Candidate, loss: nn.Module, inputs: Sequence[str]
    ) -> Learner | _Untrained:
        if self.test is not None and not inputs and (reason := self.test.reason(loss)):
            return _Untrained(reason, rejected=True)
        task = self.task
        rate = candidate.learning_rate
        training = task.training if rate is None else task.training.with_learning_rate(rate)
        learner = Learner(self.network, loss, training, self.device, inputs=inputs, seed=task.seed)
        if task.states is not None:
            most = task.stop_after or task.training.iterations
            restore(learner, state_path(task.states, candidate.number), most=most)
        return learner


def _score(
    entry: Learner | _Untrained, held_out: Sequence[Stack], num_classes: int, scoring: ScoringSpec
) -> dict[str, float]:
    """Metrics on the hold-out set; none of what has not been trained to its end."""
    if isinstance(entry, _Untrained) or entry.failure is not None:
        return {}
    return evaluate(entry.trained, held_out, num_classes, scoring)


def _outcome(
    task: ProxyTask,
    candidate: Candidate,
    entry: Learner | _Untrained,
    metrics: Mapping[str, float],
    device: torch.device,
) -> Outcome:
    """What became of a candidate; keeps its state where it is only stopped."""
    target = Target(task.metric)
    outcome = Outcome(candidate.number, None, metrics, None, 0.0, worker=worker_facts(device))
    if isinstance(entry, _Untrained):
        return replace(outcome, error=entry.reason, rejected=entry.rejected)
    if task.states is not None and task.stop_after is not None and entry.failure is None:
        keep(entry, state_path(task.states, candidate.number))
    return replace(
        outcome,
        score=target.score(metrics),
        error=entry.failure or _nothing(target, metrics),
        curve=entry.curve(),
        iterations=entry.steps,
    )


def _nothing(target: Target, measured: Mapping[str, float]) -> str | None:
    """Why a candidate that was scored has no score; None where it has one."""
    missing = ", ".join(name for name in target.metrics if name not in measured)
    if not missing:
        return None
    return f"The hold-out set has nothing to measure {missing} on; choose a larger hold_out."
