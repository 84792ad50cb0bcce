"""The one training loop: proxies, retrainings and baselines all run through it."""

from collections.abc import Callable, Sequence

import torch

from workers.learning.batches import Batches, TrainingBatch
from workers.learning.captured import CapturedSteps
from workers.learning.learner import Learner
from workers.learning.streams import Stream, own_random_numbers, seed_device, seed_of
from workers.networks.frozen import forget_features, forgotten
from workers.tasks.training import TrainingSpec

CHECK_EVERY = 20
"""Steps between two looks at the losses; each makes a GPU wait."""


def check_all(learners: Sequence[Learner]) -> None:
    """Let those fail that have a loss or a weight that is not finite; waits for the device once."""
    going = [learner for learner in learners if learner.failure is None]
    if not going:
        return
    sound = torch.stack([learner.soundness() for learner in going]).tolist()
    for learner, is_sound in zip(going, sound, strict=True):
        if not is_sound:
            learner.fail()


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

    Each goes on from the steps that it has taken already: one that is ahead waits for the others. On a
    GPU the steps run as CUDA graphs where they can (:mod:`workers.learning.captured`); ``ran`` of each
    learner says how.

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
    captured = CapturedSteps(batches, device) if isinstance(batches, Batches) else None
    with own_random_numbers(device), forgotten(learner.network for learner in learners):
        for step in range(min((learner.steps for learner in learners), default=end), end):
            active = [
                learner for learner in learners if learner.failure is None and learner.steps <= step
            ]
            if not active:
                return
            drawn = seed_of(seed, Stream.DROPOUT, step, *([rank] if rank else []))
            looped = active if captured is None else captured.take(step, active, drawn)
            if looped:
                batch = batches(step).to(device)
            for learner in looped:
                seed_device(device, drawn)
                learner.step(step, batch)
            forget_features(learner.network for learner in looped)
            if (step + 1) % CHECK_EVERY == 0 or step + 1 == end:
                check_all(active)
            after_step(step + 1)
