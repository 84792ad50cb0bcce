"""What is to be done, whoever does it: a halving or a race, as pure functions of the scores so far."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from search_service.searches.halving import HalvingSpec, Rung
from search_service.searches.racing.rules import LEAST_ROUNDS, RaceSpec, standing
from workers.tasks.proxy import Candidate, ProxyTask

Scores: TypeAlias = Mapping[int, Sequence[float | None]]
"""Candidate -> its score after every step that it took; None where it failed."""


@dataclass(frozen=True)
class Stand:
    """Where a contest stands.

    Attributes:
        left: Those that have not been stopped; nobody once the contest has ended.
        step: The step, from 1 on, that not all of them have taken.
    """

    left: frozenset[int]
    step: int


@dataclass(frozen=True)
class Contest:
    """Candidates that take steps side by side; some are stopped after each.

    Attributes:
        task: The proxy task.
        candidates: Who takes part.
    """

    task: ProxyTask
    candidates: tuple[Candidate, ...]

    @property
    def numbers(self) -> tuple[int, ...]:
        """Numbers of the candidates."""
        return tuple(candidate.number for candidate in self.candidates)

    @property
    def steps(self) -> int:
        """The most steps that one can take."""
        raise NotImplementedError

    def at(self, step: int) -> ProxyTask:
        """What a step trains; ``states`` is left to whoever does it."""
        raise NotImplementedError

    def going_on(self, scores: Scores) -> frozenset[int]:
        """Who takes another step, of those that have taken the most; nobody after the last one."""
        raise NotImplementedError

    def stand(self, scores: Scores) -> Stand:
        """Where it stands: a function of the scores, in whichever order they came."""
        return self._settled(scores)[1]

    def counted(self, scores: Scores) -> dict[int, tuple[float | None, ...]]:
        """The scores that count: not those of steps that somebody took ahead of the decision."""
        return self._settled(scores)[0]

    def _settled(self, scores: Scores) -> tuple[dict[int, tuple[float | None, ...]], Stand]:
        left = frozenset(self.numbers)
        counted: dict[int, tuple[float | None, ...]] = {}
        for step in range(1, self.steps + 1):
            if any(len(scores.get(number, ())) < step for number in left):
                return counted, Stand(left, step)
            counted |= {number: tuple(scores[number][:step]) for number in left}
            left = self.going_on(counted)
            if not left:
                break
        return counted, Stand(frozenset(), self.steps)


@dataclass(frozen=True)
class Halving(Contest):
    """Successive halving: a step goes to the next rung, the last to the end of the schedule."""

    spec: HalvingSpec

    @property
    def rungs(self) -> tuple[int, ...]:
        """Iterations after which each step ends."""
        total = self.task.training.iterations
        return (*self.spec.iterations(total), total)

    @property
    def steps(self) -> int:
        """See :class:`Contest`."""
        return len(self.rungs)

    def at(self, step: int) -> ProxyTask:
        """See :class:`Contest`."""
        return self.task.model_copy(update={"stop_after": self.rungs[step - 1]})

    def going_on(self, scores: Scores) -> frozenset[int]:
        """See :class:`Contest`."""
        step = max(map(len, scores.values()))
        if step == self.steps:
            return frozenset()
        reached = {number: own[-1] for number, own in scores.items() if len(own) == step}
        return Rung.of(reached, self.spec.keep).going_on


@dataclass(frozen=True)
class Race(Contest):
    """A race: a step trains with a fresh seed, the same for all that are left."""

    spec: RaceSpec

    @property
    def steps(self) -> int:
        """See :class:`Contest`."""
        return self.spec.rounds

    def at(self, step: int) -> ProxyTask:
        """See :class:`Contest`."""
        return self.task.model_copy(update={"seed": self.task.seed + step})

    def going_on(self, scores: Scores) -> frozenset[int]:
        """See :class:`Contest`."""
        step = max(map(len, scores.values()))
        running = frozenset(number for number, own in scores.items() if len(own) == step)
        if step < LEAST_ROUNDS:
            return running
        stand = standing(scores, frozenset(scores) - running, level=self.spec.level)
        over = step == self.steps or stand.decided
        return frozenset() if over else running - stand.dropped
