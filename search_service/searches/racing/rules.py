"""A race between losses: seeds drawn afresh, in pairs, until one leads or the budget ends. Pure functions.

Scores that decided what is looked at again are too high; so nothing of the search's own scores counts
in a race. Each round trains all who are left with one fresh seed, which cuts another hold-out set and
draws other weights and batches, the same for all: differences are measured in pairs.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from search_service import significance
from search_service.significance import Difference
from workers.tasks.base import Spec

Scores = Mapping[int, Sequence[float | None]]
"""Entrant -> its score in every round that it ran in, from the first on; None where it failed.

Higher is better here: of a score of which lower is better these are merits
(:meth:`surrogate_zoo.metrics.targets.Target.merit`).
"""

LEAST_ROUNDS = 2
"""Rounds before anybody is dropped: of one there is no interval."""


class Sizes(NamedTuple):
    """How many of a search's candidates run in the heats, and how many of them in the rounds."""

    starters: int
    finalists: int


class RaceSpec(Spec):
    """The race at the end of a search.

    Attributes:
        heats: Rounds on the search's own proxy task, which send the finalists on; 0 goes without.
        starters: Best candidates of the search, for each metric, that run in the heats; None takes 6.
            Whoever runs for one of several metrics runs for all.
        finalists: Of these go on to the rounds, beside the metric's own surrogate, cross entropy and the
            best handmade loss; None takes 2, or 1 of each of several metrics. The start of the search
            runs in the heats alone, unless it is among the best.
        rounds: The most rounds; they end before that where the winner's lead is beyond doubt.
        whole: Train whole networks in the rounds where the proxy task has a frozen encoder.
    """

    heats: Annotated[int, Field(ge=0, le=20)] = 2
    starters: Annotated[int, Field(ge=1, le=64)] | None = None
    finalists: Annotated[int, Field(ge=1, le=16)] | None = None
    rounds: Annotated[int, Field(ge=2, le=100)] = 4
    whole: bool = True

    def sizes(self, metrics: int) -> Sizes:
        """How many take part, for each of so many metrics."""
        starters, finalists = (6, 2) if metrics == 1 else (6, 1)
        return Sizes(self.starters or starters, self.finalists or finalists)

    @property
    def level(self) -> float:
        """Level of the interval of one look, so that all looks together have 95% (Bonferroni)."""
        return 1 - (1 - significance.LEVEL) / (self.rounds - LEAST_ROUNDS + 1)


@dataclass(frozen=True)
class Standing:
    """How a race for one metric stands.

    Attributes:
        ranking: Entrants that are in the race, the best mean first.
        dropped: Those that failed or are clearly behind.
        leads: The leader's lead over each other entrant, in pairs, over the rounds both ran in.
        means: Mean score of each entrant over the rounds that it ran in; None where it has none.
        rivals: Who the leader is to be told from: of each group the one that is closest to it.
    """

    ranking: tuple[int, ...]
    dropped: frozenset[int]
    leads: Mapping[int, Difference]
    means: Mapping[int, float | None]
    rivals: tuple[int, ...] = ()

    @property
    def decided(self) -> bool:
        """Whether the leader's lead over the runner-up and over its rivals is beyond doubt."""
        return all(clear(self.leads[other]) for other in {*self.ranking[1:2], *self.rivals})


def clear(lead: Difference) -> bool:
    """Whether the interval of a lead lies above 0."""
    return lead.interval is not None and lead.interval[0] > 0


def closest(leads: Mapping[int, Difference], group: Collection[int]) -> int | None:
    """Who of a group is closest to the leader, by their pairs; None where the leader is alone in it."""
    others = [entrant for entrant in leads if entrant in group]
    return min(others, key=lambda entrant: (leads[entrant].mean, entrant), default=None)


def standing(
    scores: Scores,
    before: Collection[int] = (),
    *,
    groups: Sequence[Collection[int]] = (),
    level: float = significance.LEVEL,
) -> Standing:
    """Where a race stands.

    Whoever fails in one round is dropped: a loss whose training may fail is not to be recommended. And
    so is whoever lies further behind the leader than the spread of all who run explains, with room for
    as many comparisons as there are others. Rivals run on until their own pairs with the leader tell,
    since what is claimed of a winner rests on these.

    Args:
        scores: As above; an entrant that was dropped has fewer rounds.
        before: Those that were dropped already.
        groups: The handmade losses, say: the winner is to be told from the closest of each group.
        level: Of the intervals.
    """
    means = {entrant: _mean(rounds) for entrant, rounds in scores.items()}
    sound = [entrant for entrant, mean in means.items() if mean is not None]
    running = [entrant for entrant in sound if entrant not in before]
    ranking = sorted(running, key=lambda entrant: (-_at_least(means[entrant]), entrant))
    if not ranking:
        return Standing((), frozenset(scores), {}, means)
    leader = ranking[0]
    leads = {
        entrant: _lead(scores[leader], scores[entrant], level)
        for entrant in sound
        if entrant != leader
    }
    nearest = (closest(leads, group) for group in groups)
    rivals = tuple(dict.fromkeys(rival for rival in nearest if rival is not None))
    behind = {
        entrant
        for entrant in _behind({entrant: scores[entrant] for entrant in ranking}, level)
        if entrant not in rivals or clear(leads[entrant])
    }
    dropped = frozenset(before) | behind | (set(scores) - set(sound))
    kept = tuple(entrant for entrant in ranking if entrant not in behind)
    return Standing(kept, dropped, leads, means, rivals)


Verdict = Literal["better", "not told apart", "handmade"]
"""``better``: the winner's lead over the best handmade loss is beyond doubt; ``not told apart``: it
leads, and chance may have made that; ``handmade``: the best handmade loss won."""


def verdict(leads: Mapping[int, Difference], winner: int, handmade: Collection[int]) -> Verdict:
    """What a race says of its winner: the handmade loss that is closest to it counts."""
    if winner in handmade:
        return "handmade"
    rival = closest(leads, handmade)
    return "better" if rival is not None and clear(leads[rival]) else "not told apart"


def _behind(scores: Scores, level: float) -> set[int]:
    """Who lies clearly behind the first, over the rounds that all of them ran in without failing."""
    if len(scores) < 2:
        return set()
    shared = zip(*scores.values(), strict=False)
    rows = list(zip(*[[_at_least(score) for score in scored] for scored in shared], strict=True))
    margin = significance.pooled_margin(rows, level=1 - (1 - level) / (len(rows) - 1))
    means = {entrant: fmean(row) for entrant, row in zip(scores, rows, strict=True)}
    leader = means[next(iter(scores))]
    return {e for e, mean in means.items() if margin is not None and leader - mean > margin}


def _mean(rounds: Sequence[float | None]) -> float | None:
    scores = [score for score in rounds if score is not None]
    return sum(scores) / len(scores) if rounds and len(scores) == len(rounds) else None


def _at_least(mean: float | None) -> float:
    return float("-inf") if mean is None else mean


def _lead(
    leader: Sequence[float | None], other: Sequence[float | None], level: float
) -> Difference:
    """Over the rounds that both ran in."""
    pairs = [(a, b) for a, b in zip(leader, other, strict=False) if a is not None and b is not None]
    return significance.difference([a for a, _ in pairs], [b for _, b in pairs], level=level)
