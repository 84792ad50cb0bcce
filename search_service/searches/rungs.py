"""A generation on its way up the rungs of successive halving, durably.

Candidates are trained up to a rung, scored, and the better part goes on from its kept state. Whoever
is stopped follows from the scores of the whole generation, never from which candidates shared a
worker; so a search that is interrupted anywhere ends as one that is not.
"""

import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from search_service.jobs import stages
from search_service.jobs.run import Run
from search_service.searches.halving import HalvingSpec, Rung, imputed_scores, standings
from search_service.store.states import RUNG
from surrogate_zoo.metrics.targets import Target
from surrogate_zoo.metrics.titles import merit_of
from workers.tasks.proxy import Candidate, Outcome, ProxyTask

Measured: TypeAlias = Mapping[int, Mapping[str, float]]
"""Trial number -> what was measured; nothing of one that failed."""


@dataclass(frozen=True)
class Climb:
    """Where a generation stands above its last rung.

    Attributes:
        task: How those go on that are left.
        folder: Where their states are kept.
        left: Trial numbers of those that are left.
        rungs: The rungs, from the first on.
        measured: Metrics of those that reached it, on each rung.
        outcomes: Of every candidate, on the last rung that it reached.
    """

    task: ProxyTask
    folder: Path
    left: frozenset[int]
    rungs: tuple[Rung, ...]
    measured: tuple[Measured, ...]
    outcomes: dict[int, Outcome]

    def fallen(self, last: Measured) -> dict[int, Outcome]:
        """Outcomes of those that were stopped, failed or were rejected.

        Args:
            last: Metrics of those that were left, once they came to an end.

        Returns:
            By number; score and metrics of a stopped one are what :func:`halving.imputed_scores`
            tells, metric by metric.
        """
        names = dict.fromkeys(name for metrics in last.values() for name in metrics)
        imputed = {name: self._imputed(name, last) for name in names}
        target = Target(self.task.metric)
        fallen: dict[int, Outcome] = {}
        for number, outcome in self.outcomes.items():
            if number in self.left:
                continue
            told = {name: scores[number] for name, scores in imputed.items() if number in scores}
            metrics = dict(outcome.metrics) | told
            fallen[number] = replace(outcome, metrics=metrics, score=target.score(metrics))
        return fallen

    def _imputed(self, metric: str, last: Measured) -> dict[int, float]:
        """What those who were stopped would have come to in one metric, by number."""
        pairs = zip(self.rungs, self.measured, strict=True)
        rungs = [replace(rung, scores=_merits(metric, measured)) for rung, measured in pairs]
        imputed = imputed_scores(rungs, _merits(metric, last))
        return {number: merit_of(metric, merit) for number, merit in imputed.items()}

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
    objectives: Sequence[Target],
) -> Climb:
    """Take a generation up all rungs.

    Args:
        run: The run of the job.
        task: The proxy task.
        spec: The rungs.
        generation: Index of the generation.
        candidates: All of its candidates.
        always: Trial numbers that go on whatever they score.
        objectives: What is searched for: of several, a candidate counts by its best place in any.

    Raises:
        Interrupted: The job is to pause or to stop; it goes on from the rung where it was.
        LossfitError: The task cannot be run.
    """
    folder = run.folder / f"generation-{generation}"
    task = task.model_copy(update={"states": str(folder.resolve())})
    left = [candidate.number for candidate in candidates]
    outcomes: dict[int, Outcome] = {}
    rungs: list[Rung] = []
    measured: list[Measured] = []
    for iterations in spec.iterations(task.training.iterations):
        part = task.model_copy(update={"stop_after": iterations})
        remaining = [candidate for candidate in candidates if candidate.number in left]
        reached = stages.of_stage(run, f"{RUNG}{iterations}", part, remaining)
        outcomes |= {
            number: _with_seconds(outcome, outcomes.get(number))
            for number, outcome in reached.items()
        }
        measured.append({number: outcome.metrics for number, outcome in reached.items()})
        rungs.append(Rung.of(standings(measured[-1], objectives), spec.keep, always))
        left = sorted(rungs[-1].going_on)
    return Climb(task, folder, frozenset(left), tuple(rungs), tuple(measured), outcomes)


def _merits(metric: str, measured: Measured) -> dict[int, float | None]:
    """What candidates are worth in one metric, by number; None of one that failed."""
    return {
        number: merit_of(metric, metrics[metric]) if metric in metrics else None
        for number, metrics in measured.items()
    }


def _with_seconds(outcome: Outcome, before: Outcome | None) -> Outcome:
    """An outcome whose seconds count those of the rungs before."""
    return replace(outcome, seconds=outcome.seconds + (before.seconds if before else 0.0))
