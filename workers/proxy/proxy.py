"""Evaluates candidate losses on a proxy task: a short training, scored on a hold-out set.

Common random numbers: the hold-out cut, the initial weights, batches, augmentation and dropout
follow from the task's seed alone, so candidates differ by their loss and by nothing else.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch

from surrogate_zoo.metrics.targets import Target
from workers.instances.scoring import check_objects
from workers.learning.batches import Batches
from workers.learning.device import choose_device, worker_facts
from workers.learning.learner import Learner
from workers.learning.loop import train
from workers.learning.losses import distance_maps_of
from workers.learning.states import keep
from workers.proxy.entrance import Entered, Entrance, Untrained
from workers.proxy.samples import ProxyImages, things_of
from workers.proxy.scores import clustering_of, scores_of
from workers.tasks.failures import Failure
from workers.tasks.proxy import Candidate, Outcome, ProxyTask, state_path


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
    things = things_of(task.dataset.model_dump_json())
    for clustering in {clustering_of(task, candidate) for candidate in candidates}:
        check_objects(clustering, things)
    images = ProxyImages.of(task, torch_device)
    maps = distance_maps_of(candidate.loss for candidate in candidates)
    batches = Batches(images.trained_on(maps), task.schedule, task.seed)
    entrance = Entrance.of(images, batches)
    entries = [entrance.enter(candidate) for candidate in candidates]
    pairs = zip(candidates, entries, strict=True)
    entered = {e.learner: clustering_of(task, c) for c, e in pairs if isinstance(e, Entered)}
    train(
        list(entered),
        batches,
        task.training,
        seed=task.seed,
        device=torch_device,
        until=task.stop_after,
        after_step=progress,
    )
    channels = images.labelling.channels
    scores = scores_of(task, entered, images.scored_on(), num_classes=channels, things=things)
    outcomes = [
        _outcome(task, candidate, entry, scores, torch_device)
        for candidate, entry in zip(candidates, entries, strict=True)
    ]
    seconds = (time.perf_counter() - began) / len(candidates)
    return [replace(outcome, seconds=seconds, hold_out=images.cut.told) for outcome in outcomes]


def _outcome(
    task: ProxyTask,
    candidate: Candidate,
    entry: Entered | Untrained,
    scores: Mapping[Learner, Mapping[str, float]],
    device: torch.device,
) -> Outcome:
    """What became of a candidate; keeps its state where it is only stopped."""
    target = Target(task.metric)
    outcome = Outcome(candidate.number, None, {}, None, 0.0, worker=worker_facts(device))
    if isinstance(entry, Untrained):
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
