"""Evaluates candidate losses on a proxy task: a short training, scored on a hold-out set.

Common random numbers: the hold-out cut, the initial weights, batches, augmentation and dropout
follow from the task's seed alone, so candidates differ by their loss and by nothing else.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from typing import Any

import torch
from pydantic import TypeAdapter
from torch import Tensor, nn

from surrogate_zoo import needs_of
from surrogate_zoo.errors import LossfitError
from surrogate_zoo.labelling import Labelling
from surrogate_zoo.losses.document import with_scale
from surrogate_zoo.losses.drafts import measured
from surrogate_zoo.losses.scale import gradient_scale, inputs_of, states
from surrogate_zoo.metrics.targets import Target
from workers.datasets.dataset import Samples
from workers.datasets.layouts.registry import open_dataset
from workers.datasets.training_split import read_training_split
from workers.instances.scoring import check_objects
from workers.learning.batches import Batches
from workers.learning.device import choose_device, worker_facts
from workers.learning.hold_out import Cut, cut_hold_out
from workers.learning.image_formats import images_of
from workers.learning.image_stack import stack_by_size
from workers.learning.labellings import labelling_in
from workers.learning.learner import Learner, train
from workers.learning.losses import build_loss, distance_maps_of, inputs_given
from workers.learning.states import keep, restore, state_path
from workers.proxy.kept import NETWORKS, SCORED_ON, TRAINED_ON, images_key, networks_key
from workers.proxy.networks import InitialNetworks
from workers.proxy.rejection import RejectionTest
from workers.proxy.scores import clustering_of, scores_of
from workers.tasks.datasets import DatasetSource
from workers.tasks.failures import Failure
from workers.tasks.hold_out import HoldOut
from workers.tasks.proxy import Candidate, Outcome, ProxyTask

MEASURED_ON = 8
"""So many images of the first batch scales are measured on."""


def training_samples(source: DatasetSource) -> tuple[Samples, Labelling]:
    """Samples of the training split and what a pixel may carry, decoded once for each source.

    No file of another split is opened.
    """
    return decoded_samples(source.model_dump_json())


@lru_cache(maxsize=2)
def decoded_samples(source: str) -> tuple[Samples, Labelling]:
    """As :func:`training_samples`, of a source as JSON: some hold mappings, which are no keys."""
    dataset = open_dataset(TypeAdapter[DatasetSource](DatasetSource).validate_json(source))
    return read_training_split(dataset), labelling_in(dataset)


@lru_cache(maxsize=16)
def things_of(source: str) -> tuple[int, ...]:
    """Labels whose objects a source tells apart; the source as JSON."""
    return open_dataset(TypeAdapter[DatasetSource](DatasetSource).validate_json(source)).things


@lru_cache(maxsize=16)
def cut_once(source: str, hold_out: str, seed: int) -> Cut:
    """The hold-out set of a source and a :class:`HoldOut`, both as JSON."""
    opened = TypeAdapter[DatasetSource](DatasetSource).validate_json(source)
    samples, _ = decoded_samples(source)
    return cut_hold_out(opened, samples, HoldOut.model_validate_json(hold_out), seed)


@lru_cache(maxsize=1)
def split_samples(source: str, split: str) -> Samples:
    """Samples of another split than the training split, decoded once; the source as JSON."""
    opened = TypeAdapter[DatasetSource](DatasetSource).validate_json(source)
    return open_dataset(opened).read(split)


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
    source = task.dataset.model_dump_json()
    things = things_of(source)
    for clustering in {clustering_of(task, candidate) for candidate in candidates}:
        check_objects(clustering, things)
    samples, labelling = training_samples(task.dataset)
    channels = labelling.channels
    cut = cut_once(source, task.hold_out.model_dump_json(), task.seed)
    scored = samples if cut.split == "train" else split_samples(source, cut.split)
    maps = distance_maps_of(candidate.loss for candidate in candidates)
    images = images_of(task.dataset, samples)
    stacks = TRAINED_ON.get(
        images_key(task, torch_device, *maps),
        lambda: stack_by_size(
            samples, torch_device, cut.kept, maps=maps, num_classes=channels, images=images
        ),
    )
    batches = Batches(stacks, task.schedule, task.seed)
    entrance = _Entrance.of(
        task, samples, cut.kept, batches=batches, labelling=labelling, device=torch_device
    )
    entries = [entrance.enter(candidate) for candidate in candidates]
    pairs = zip(candidates, entries, strict=True)
    entered = {e.learner: clustering_of(task, c) for c, e in pairs if isinstance(e, _Entered)}
    train(
        list(entered),
        batches,
        task.training,
        seed=task.seed,
        device=torch_device,
        until=task.stop_after,
        after_step=progress,
    )
    stacks_held = SCORED_ON.get(
        images_key(task, torch_device),
        lambda: stack_by_size(scored, torch_device, cut.held, images=images),
    )
    scores = scores_of(task, entered, stacks_held, num_classes=channels, things=things)
    outcomes = [
        _outcome(task, candidate, entry, scores, torch_device)
        for candidate, entry in zip(candidates, entries, strict=True)
    ]
    seconds = (time.perf_counter() - began) / len(candidates)
    return [replace(outcome, seconds=seconds, hold_out=cut.told) for outcome in outcomes]


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
class _Entered:
    """A candidate that is trained.

    Attributes:
        learner: Its network.
        scales: What was measured for its loss.
    """

    learner: Learner
    scales: tuple[float, ...]


@dataclass(frozen=True)
class _Entrance:
    """Where candidates become learners, or are turned away.

    Attributes:
        task: The proxy task.
        device: Where it is trained.
        networks: What candidates start from.
        build: Loss file's content -> loss, with the inputs that are ``given``.
        samples: What is trained on.
        labelling: What a pixel of the dataset may carry.
        batches: What is trained on; scales are measured on the first.
        test: The rejection test, where there is one.
    """

    task: ProxyTask
    device: torch.device
    networks: InitialNetworks
    build: Callable[..., nn.Module]
    samples: Samples
    labelling: Labelling
    batches: Batches
    test: RejectionTest | None

    @classmethod
    def of(
        cls,
        task: ProxyTask,
        samples: Samples,
        kept: Sequence[int],
        *,
        batches: Batches,
        labelling: Labelling,
        device: torch.device,
    ) -> "_Entrance":
        """Prepare what candidates share; the samples ``kept`` are trained on."""
        Target(task.metric)  # an unknown metric is the task's fault, not a candidate's
        networks = NETWORKS.get(
            networks_key(task, device),
            lambda: InitialNetworks(
                task, labelling, device, images=images_of(task.dataset, samples)
            ),
        )
        build = partial(
            build_loss,
            masks=[samples.masks[index] for index in kept],
            num_classes=labelling.channels,
            loss_networks=task.loss_networks,
            mode=labelling.mode,
        )
        test = None
        if task.rejection is not None:
            masks, mode = batches(0).masks.to(device), labelling.mode
            test = RejectionTest(task, task.rejection, masks, labelling.channels, mode=mode)
        return cls(task, device, networks, build, samples, labelling, batches, test)

    def enter(self, candidate: Candidate) -> _Entered | _Untrained:
        """Make the candidate's learner, or say why it is not trained."""
        network = self.networks.of(candidate)  # what is wrong with it is wrong with the task
        given = inputs_given(self.networks.spec(candidate), self.samples)
        try:
            document, scales = measured(candidate.loss, partial(self._scale, given=given))
            trained = document if candidate.scaled else with_scale(document, 1.0)
            loss = self.build(trained, given=given).to(self.device)
        except LossfitError as error:
            return _Untrained(f"The loss cannot be loaded: {error}", rejected=False)
        inputs = needs_of(document).inputs
        if self.test is not None and not inputs and (reason := self.test.reason(loss)):
            return _Untrained(reason, rejected=True)
        task, training = self.task, self.task.training
        if candidate.learning_rate is not None:
            training = training.with_learning_rate(candidate.learning_rate)
        learner = Learner(network, loss, training, self.device, inputs=inputs, seed=task.seed)
        if task.states is not None:
            most = task.stop_after or training.iterations
            restore(learner, state_path(task.states, candidate.number), most=most)
        return _Entered(learner, tuple(scales))

    @cached_property
    def _masks(self) -> Tensor:
        """The first images of the first batch, on the device: what scales are measured on."""
        return self.batches(0).masks[:MEASURED_ON].to(self.device)

    @cached_property
    def _states(self) -> list[Tensor]:
        labelling = self.labelling
        return states(self._masks, labelling.channels, self.task.seed, mode=labelling.mode)

    def _scale(self, document: dict[str, Any], *, given: Collection[str]) -> float:
        """The scale of a loss on the first batch."""
        loss = self.build(document, given=given).to(self.device)
        labelling = self.labelling
        inputs = inputs_of(document, self._masks, labelling.channels, mode=labelling.mode)
        return gradient_scale(loss, self._states, self._masks, inputs)


def _outcome(
    task: ProxyTask,
    candidate: Candidate,
    entry: _Entered | _Untrained,
    scores: Mapping[Learner, Mapping[str, float]],
    device: torch.device,
) -> Outcome:
    """What became of a candidate; keeps its state where it is only stopped."""
    target = Target(task.metric)
    outcome = Outcome(candidate.number, None, {}, None, 0.0, worker=worker_facts(device))
    if isinstance(entry, _Untrained):
        failure: Failure | None = None if entry.rejected else "infeasible"
        return replace(outcome, error=entry.reason, rejected=entry.rejected, failure=failure)
    learner, metrics = entry.learner, scores.get(entry.learner, {})
    if task.states is not None and task.stop_after is not None and learner.failure is None:
        keep(learner, state_path(task.states, candidate.number))
    error = learner.failure or _nothing(target, metrics)
    ran = {"steps": learner.ran} if device.type == "cuda" else {}  # a CPU always loops
    return replace(
        outcome,
        worker={**outcome.worker, **ran},
        score=target.score(metrics),
        metrics=metrics,
        error=error,
        failure=None if error is None else "infeasible",
        curve=learner.curve(),
        iterations=learner.steps,
        scales=entry.scales,
    )


def _nothing(target: Target, measured: Mapping[str, float]) -> str | None:
    """Why a candidate that was scored has no score; None where it has one."""
    missing = ", ".join(name for name in target.metrics if name not in measured)
    if not missing:
        return None
    return f"The hold-out set has nothing to measure {missing} on; choose a larger hold_out."
