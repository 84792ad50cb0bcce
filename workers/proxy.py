"""Evaluates candidate losses on a proxy task: a short training, scored on a hold-out set.

Common random numbers: the hold-out cut, the initial weights, batches, augmentation and dropout
follow from the task's seed alone, so candidates differ by their loss and by nothing else.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import torch
from torch import nn

from surrogate_zoo import needs_of
from surrogate_zoo.errors import DatasetError, SeglossError
from surrogate_zoo.targets import Target
from workers.augmentation import Batches, generator
from workers.candidates import Candidate, Outcome
from workers.dataset_sources import DatasetSource
from workers.datasets import Samples, open_dataset
from workers.device import choose_device, worker_facts
from workers.image_stack import Stack, stack_by_size
from workers.inference import evaluate
from workers.losses import build_loss, distance_maps_of
from workers.specs import ProxyTask, ScoringSpec
from workers.training import Learner, initial_network, train

__all__ = ["Candidate", "Outcome", "evaluate_pack"]

HOLD_OUT = 5  # stream of random numbers below the task's seed; training has 1 to 4


@lru_cache(maxsize=2)
def training_samples(source: DatasetSource) -> tuple[Samples, int]:
    """Samples of the training split and the number of classes, decoded once for each source.

    No file of another split is opened.
    """
    dataset = open_dataset(source)
    return dataset.read("train"), len(dataset.classes)


def cut_hold_out(images: int, share: float, seed: int) -> tuple[list[int], list[int]]:
    """Cut ``images`` training images into those to train on and those to score on, both sorted.

    Raises:
        DatasetError: One of the two would be empty.
    """
    held = max(1, round(images * share))
    if held >= images:
        raise DatasetError(
            f"{images} training images are too few to hold out a share of {share} for the score."
        )
    order = generator(seed, HOLD_OUT).permutation(images)
    return sorted(map(int, order[held:])), sorted(map(int, order[:held]))


def evaluate_pack(
    task: ProxyTask,
    candidates: Sequence[Candidate],
    *,
    device: str = "auto",
    progress: Callable[[int], None] = lambda _: None,
) -> list[Outcome]:
    """Train one network for each candidate on shared batches and score each on the hold-out set.

    A candidate's outcome does not depend on which others are in the pack. One that fails (a loss
    file that cannot be loaded, a loss or weights that become infinite or NaN) gets an outcome with
    its reason and no score; the others go on.

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
    target = Target(task.metric)
    place = choose_device(device)
    samples, num_classes = training_samples(task.dataset)
    kept, held = cut_hold_out(len(samples), task.hold_out, task.seed)
    maps = distance_maps_of(candidate.loss for candidate in candidates)
    stacks = stack_by_size(samples, place, kept, maps=maps, num_classes=num_classes)
    batches = Batches(stacks, task.training, task.seed)
    network = initial_network(task.network, num_classes, task.seed)
    masks = [samples.masks[index] for index in kept]
    build = partial(
        build_loss, masks=masks, num_classes=num_classes, loss_networks=task.loss_networks
    )
    entries = [_enter(candidate, network, build, task, place) for candidate in candidates]
    learners = [entry for entry in entries if isinstance(entry, Learner)]
    train(learners, batches, task.training, seed=task.seed, device=place, after_step=progress)
    held_out = stack_by_size(samples, place, held)
    results = [_score(entry, held_out, num_classes, task.scoring) for entry in entries]
    return [
        Outcome(
            number=candidate.number,
            score=target.score(metrics),
            metrics=metrics,
            error=error or _nothing(target, metrics),
            seconds=(time.perf_counter() - began) / len(candidates),
            curve=entry.curve() if isinstance(entry, Learner) else (),
            worker=worker_facts(place),
        )
        for candidate, entry, (metrics, error) in zip(candidates, entries, results, strict=True)
    ]


def _enter(
    candidate: Candidate,
    network: nn.Module,
    build: Callable[[dict[str, Any]], nn.Module],
    task: ProxyTask,
    device: torch.device,
) -> Learner | str:
    """Make the candidate's learner, or say why its loss cannot be used."""
    try:
        loss = build(candidate.loss)
    except SeglossError as error:
        return f"The loss cannot be loaded: {error}"
    inputs = needs_of(candidate.loss).inputs
    return Learner(network, loss, task.training, device, inputs=inputs, seed=task.seed)


def _score(
    entry: Learner | str, held_out: Sequence[Stack], num_classes: int, scoring: ScoringSpec
) -> tuple[dict[str, float], str | None]:
    """Metrics on the hold-out set, or the reason why there are none."""
    if isinstance(entry, str):
        return {}, entry
    if entry.failure is not None:
        return {}, entry.failure
    return evaluate(entry.network, held_out, num_classes, scoring), None


def _nothing(target: Target, measured: Mapping[str, float]) -> str | None:
    """Why a candidate that was scored has no score; None where it has one."""
    missing = ", ".join(name for name in target.metrics if name not in measured)
    if not missing:
        return None
    return f"The hold-out set has nothing to measure {missing} on; choose a larger hold_out."
