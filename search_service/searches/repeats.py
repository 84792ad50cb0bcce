"""The noise of a search's scores: what it found and where it started, trained with other seeds."""

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

from search_service import significance
from search_service.jobs import stages
from search_service.jobs.run import Run
from search_service.searches import warm_up
from workers.tasks.proxy import Candidate, ProxyTask

SEEDS = 2**31  # seeds lie below


def measure(
    run: Run,
    task: ProxyTask,
    published: Mapping[str, Any],
    start: Mapping[str, Any],
    *,
    count: int,
    warm_up_iterations: int = 0,
) -> dict[str, Any]:
    """Train two losses in full with ``count`` other seeds of the proxy task.

    A seed changes the hold-out cut, the initial weights (the warm-up too), batches and augmentation,
    for both alike: so the gain is measured in pairs. The seeds are those after the search's own, whose
    scores decided what is published and are therefore too high.

    Args:
        run: The run of the job.
        task: The search's proxy task, cold.
        published: The loss file's content of what was found.
        start: That of where the search started.
        count: How many seeds, at least 2.
        warm_up_iterations: Length of each seed's warm-up.

    Returns:
        ``seeds``; for ``published``, ``start`` and ``gain`` (published - start) each: ``scores`` by
        seed, ``mean`` and ``std`` (of one training, not of the mean); for the gain also ``interval``,
        the 95% interval of its mean (Student's t). A score is None where a training failed.

    Raises:
        Interrupted: The job is to pause or to stop; what finished is recorded.
        LossfitError: The task cannot be run.
    """
    seeds = [(task.seed + number) % SEEDS for number in range(1, count + 1)]
    pair = [Candidate(0, dict(published)), Candidate(1, dict(start))]
    scores: list[tuple[float | None, float | None]] = []
    for seed in seeds:
        reseeded = task.model_copy(update={"seed": seed, "rejection": None})
        reseeded = warm_up.warmed(run, reseeded, warm_up_iterations)
        outcomes = stages.of_stage(run, f"repeat {seed}", reseeded, pair)
        scores.append((outcomes[0].score, outcomes[1].score))
    gains = [None if a is None or b is None else a - b for a, b in scores]
    return {
        "seeds": seeds,
        "published": _spread([one for one, _ in scores]),
        "start": _spread([one for _, one in scores]),
        "gain": _spread(gains) | {"interval": _interval(gains)},
    }


def _spread(scores: Sequence[float | None]) -> dict[str, Any]:
    """Mean and standard deviation of those that there are."""
    measured = [score for score in scores if score is not None]
    return {
        "scores": list(scores),
        "mean": fmean(measured) if measured else None,
        "std": stdev(measured) if len(measured) > 1 else None,
    }


def _interval(gains: Sequence[float | None]) -> list[float] | None:
    """95% interval of the mean gain; None of fewer than two."""
    measured = [gain for gain in gains if gain is not None]
    interval = significance.estimate(measured).interval if measured else None
    return None if interval is None else list(interval)
