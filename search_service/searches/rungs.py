"""A generation on its way up the rungs of successive halving, durably.

Candidates are trained up to a rung, scored, and the better part goes on from its kept state. Whoever
is stopped follows from the scores of the whole generation, never from which candidates shared a
worker; so a search that is interrupted anywhere ends as one that is not.
"""

import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from search_service.jobs import stages
from search_service.jobs.run import Run
from search_service.searches.halving import HalvingSpec, Rung, imputed_scores
from workers.tasks.proxy import Candidate, Outcome, ProxyTask


@dataclass(frozen=True)
class Climb:
    """Where a generation stands above its last rung.

    Attributes:
        task: How those go on that are left.
        folder: Where their states are kept.
        left: Trial numbers of those that are left.
        rungs: The rungs, from the first on.
        outcomes: Of every candidate, on the last rung that it reached.
    """

    task: ProxyTask
    folder: Path
    left: frozenset[int]
    rungs: tuple[Rung, ...]
    outcomes: dict[int, Outcome]

    def fallen(self, last: dict[int, float | None]) -> dict[int, Outcome]:
        """Outcomes of those that were stopped, failed or were rejected.

        Args:
            last: Scores of those that were left, once they came to an end.

        Returns:
            By number; the score of a stopped one is what :func:`halving.imputed_scores` tells, its
            metrics are those on the rung.
        """
        imputed = imputed_scores(self.rungs, last)
        return {
            number: replace(outcome, score=imputed.get(number))
            for number, outcome in self.outcomes.items()
            if number not in self.left
        }

    def forget_states(self) -> None:
        """Free the disk: nobody goes on any more."""
        shutil.rmtree(self.folder, ignore_errors=True)


def climb(
    run: Run,
    task: ProxyTask,
    spec: HalvingSpec,
    *,
    generation: int,
    candidates: Sequence[Candidate],
    always: Collection[int],
) -> Climb:
    """Take a generation up all rungs.

    Args:
        run: The run of the job.
        task: The proxy task.
        spec: The rungs.
        generation: Index of the generation.
        candidates: All of its candidates.
        always: Trial numbers that go on whatever they score.

    Raises:
        Interrupted: The job is to pause or to stop; it goes on from the rung where it was.
        LossfitError: The task cannot be run.
    """
    folder = run.folder / f"generation-{generation}"
    task = task.model_copy(update={"states": str(folder.resolve())})
    left = [candidate.number for candidate in candidates]
    outcomes: dict[int, Outcome] = {}
    rungs: list[Rung] = []
    for iterations in spec.iterations(task.training.iterations):
        part = task.model_copy(update={"stop_after": iterations})
        remaining = [candidate for candidate in candidates if candidate.number in left]
        reached = stages.of_stage(run, f"rung {iterations}", part, remaining)
        outcomes |= {
            number: _with_seconds(outcome, outcomes.get(number))
            for number, outcome in reached.items()
        }
        rungs.append(Rung.of({n: o.score for n, o in reached.items()}, spec.keep, always))
        left = sorted(rungs[-1].going_on)
    return Climb(task, folder, frozenset(left), tuple(rungs), outcomes)


def _with_seconds(outcome: Outcome, before: Outcome | None) -> Outcome:
    """An outcome whose seconds count those of the rungs before."""
    return replace(outcome, seconds=outcome.seconds + (before.seconds if before else 0.0))
