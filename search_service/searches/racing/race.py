"""The race at the end of a search, durably: every training is recorded once, under its round."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from search_service.jobs import stages
from search_service.jobs.external import ExternalTask
from search_service.jobs.run import Run
from search_service.searches import warm_up
from search_service.searches.racing.entrants import Entrant, Role, shared
from search_service.searches.racing.rules import (
    LEAST_ROUNDS,
    RaceSpec,
    Scores,
    Standing,
    standing,
    verdict,
)
from search_service.significance import Difference
from surrogate_zoo.metrics.targets import Target
from workers.tasks.proxy import Outcome, ProxyTask

RIVALS: tuple[Role, ...] = ("handmade", "cross-entropy")
"""The winner's lead over the closest loss of each of these roles is to be told."""

SEEDS = 2**31  # seeds lie below


@dataclass(frozen=True)
class Race:
    """A race for one metric or several, whose entrants share their trainings.

    Attributes:
        run: The run of the job.
        spec: Its rules.
        task: The search's task, cold.
        entrants: For each metric, who takes part.
        warm_up: Length of each seed's warm-up.
        outcomes: Stage -> entrant -> what became of it, as far as the race has come.
    """

    run: Run
    spec: RaceSpec
    task: ProxyTask | ExternalTask
    entrants: Mapping[str, Sequence[Entrant]]
    warm_up: int = 0
    outcomes: dict[str, dict[int, Outcome]] = field(default_factory=dict)

    def result(self) -> "RaceResult":
        """Run the race to its end.

        Raises:
            Interrupted: The job is to pause or to stop; what finished is recorded.
            LossfitError: The proxy task cannot be run.
        """
        own = self._heats()
        finalists = shared(own)
        dropped: dict[str, frozenset[int]] = {metric: frozenset() for metric in finalists}
        running = dict(finalists)
        lasted = dict.fromkeys(finalists, self.spec.rounds)
        for number in range(1, self.spec.rounds + 1):
            left = {
                metric: [e for e in entrants if e.number not in dropped[metric]]
                for metric, entrants in running.items()
            }
            self._round(f"round {number}", self._round_task(number), left)
            if number < LEAST_ROUNDS:
                continue
            stands = {m: self._standing(m, es, dropped[m]) for m, es in finalists.items()}
            dropped |= {metric: stands[metric].dropped for metric in running}
            running = {
                metric: entrants
                for metric, entrants in running.items()
                if not stands[metric].decided
            }
            # Who runs on for another metric gets more scores: here they do not count any more.
            lasted |= {m: min(lasted[m], number) for m in finalists if m not in running}
            if not running:
                break
        ended = {
            metric: self._standing(metric, entrants, dropped[metric], lasted[metric])
            for metric, entrants in finalists.items()
        }
        seen = {metric: _seen(own[metric], finalists[metric], ended[metric]) for metric in own}
        return RaceResult(self, seen, ended, lasted)

    def scores(self, metric: str, stage: str, entrants: Sequence[Entrant]) -> Scores:
        """Scores of those entrants in all rounds of a stage (``heat``, ``round``) that they ran in."""
        target = Target(metric)
        rounds = [found for name, found in self.outcomes.items() if name.startswith(stage)]
        return {
            entrant.number: [
                target.score(found[entrant.number].metrics)
                for found in rounds
                if entrant.number in found
            ]
            for entrant in entrants
        }

    def _merits(self, metric: str, stage: str, entrants: Sequence[Entrant]) -> Scores:
        """These scores as what is compared: higher is better."""
        target = Target(metric)
        return {
            number: [None if score is None else target.merit_of(score) for score in scores]
            for number, scores in self.scores(metric, stage, entrants).items()
        }

    def _heats(self) -> dict[str, list[Entrant]]:
        """Let all run on the proxy task of the search, and keep the finalists of each metric."""
        for number in range(1, self.spec.heats + 1):
            task = self.task.model_copy(update={"seed": self._seed(number)})
            self._round(f"heat {number}", task, self.entrants)
        return {
            metric: self._finalists(metric, entrants) for metric, entrants in self.entrants.items()
        }

    def _finalists(self, metric: str, entrants: Sequence[Entrant]) -> list[Entrant]:
        """The best of each role, as many as go on: in their given order where there were no heats.

        A handmade loss goes on as such, and takes no candidate's place.
        """
        ranked = list(entrants)
        if self.spec.heats:
            means = standing(self._merits(metric, "heat", entrants)).means
            places = {number: -mean for number, mean in means.items() if mean is not None}
            sound = [entrant for entrant in entrants if entrant.number in places]
            ranked = sorted(sound, key=lambda entrant: places[entrant.number])
        room: dict[Role, int] = {
            "candidate": self.spec.sizes(len(self.entrants)).finalists,
            "surrogate": 1,
            "handmade": 1,
            "cross-entropy": 1,
        }
        finalists: list[Entrant] = []
        for entrant in ranked:
            handmade = "handmade" in entrant.roles
            roles = [
                role
                for role in entrant.roles
                if room.get(role, 0) > 0 and not (handmade and role == "candidate")
            ]
            if roles:
                finalists.append(entrant)
                for role in roles:
                    room[role] -= 1
        return finalists

    def _standing(
        self,
        metric: str,
        entrants: Sequence[Entrant],
        before: Collection[int],
        rounds: int | None = None,
    ) -> Standing:
        """Where the race for a metric stands, after so many rounds; None takes all."""
        found = self._merits(metric, "round", entrants)
        scores = {number: told[:rounds] for number, told in found.items()}
        groups = [{e.number for e in entrants if role in e.roles} for role in RIVALS]
        return standing(scores, before, groups=groups, level=self.spec.level)

    def _round(
        self,
        stage: str,
        task: ProxyTask | ExternalTask,
        entrants: Mapping[str, Sequence[Entrant]],
    ) -> None:
        """Train everyone who is left for some metric, once."""
        every = {entrant.number: entrant for group in entrants.values() for entrant in group}
        task = warm_up.warmed(self.run, task.model_copy(update={"rejection": None}), self.warm_up)
        rate = task.training.learning_rate
        candidates = [
            entrant.draft.candidate(number, rate) for number, entrant in sorted(every.items())
        ]
        self.outcomes[stage] = stages.of_stage(self.run, stage, task, candidates)

    def _round_task(self, number: int) -> ProxyTask | ExternalTask:
        changes: dict[str, Any] = {"seed": self._seed(self.spec.heats + number)}
        if self.spec.whole:
            changes["frozen_encoder"] = False
        return self.task.model_copy(update=changes)

    def _seed(self, number: int) -> int:
        """A seed that the search itself has not used: it scored with its own alone."""
        return (self.task.seed + number) % SEEDS


@dataclass(frozen=True)
class RaceResult:
    """How a race ended.

    Attributes:
        race: The race.
        finalists: Metric -> who ran in the rounds: its own finalists, and those of other metrics that
            nothing tells from the winner, or that are its rivals.
        standings: Metric -> how it ended; whoever was dropped on the way stays dropped.
        lasted: Metric -> rounds that it took.
    """

    race: Race
    finalists: Mapping[str, Sequence[Entrant]]
    standings: Mapping[str, Standing]
    lasted: Mapping[str, int]

    def winner(self, metric: str) -> Entrant | None:
        """The winner for a metric; None where every training failed."""
        ranking = self.standings[metric].ranking
        return self._by_number(metric)[ranking[0]] if ranking else None

    def told(self, metric: str) -> dict[str, Any]:
        """What is told of the race for a metric: winner, verdict, and everyone's scores and distances."""
        stand, entrants = self.standings[metric], self.finalists[metric]
        winner = self.winner(metric)
        found = self.race.scores(metric, "round", entrants)
        rounds = {number: scores[: self.lasted[metric]] for number, scores in found.items()}
        heats = self.race.scores(metric, "heat", self.race.entrants[metric])
        told: dict[str, Any] = {
            "rounds": max((len(scores) for scores in rounds.values()), default=0),
            "heats": self.race.spec.heats,
            "level": self.race.spec.level,
            "entrants": [
                dict(entrant.facts)
                | {"roles": list(entrant.roles), "scores": list(rounds[entrant.number])}
                | {"winner": entrant is winner, "mean": _mean(metric, stand, entrant)}
                | {"lead": _told_lead(stand.leads.get(entrant.number))}
                | {"rival": entrant.number in stand.rivals}
                for entrant in entrants
            ],
            "in_heats": [
                dict(entrant.facts) | {"scores": list(heats[entrant.number])}
                for entrant in self.race.entrants[metric]
            ],
        }
        if winner is not None:
            handmade = {e.number for e in entrants if "handmade" in e.roles}
            told["verdict"] = verdict(stand.leads, winner.number, handmade)
        return told

    @property
    def cost(self) -> dict[str, Any]:
        """Trainings and their seconds, heats apart from rounds."""
        costs: dict[str, Any] = {}
        for stage in ("heat", "round"):
            found = [
                outcome
                for name, outcomes in self.race.outcomes.items()
                if name.startswith(stage)
                for outcome in outcomes.values()
            ]
            seconds = sum(outcome.seconds for outcome in found)
            costs[f"{stage}s"] = {"trainings": len(found), "seconds": seconds}
        return costs

    @property
    def hold_out(self) -> str:
        """How the hold-out sets of the rounds were cut, as the first one tells."""
        rounds = self.race.outcomes.get("round 1", {})
        return next((outcome.hold_out for outcome in rounds.values()), "")

    def scales(self, number: int) -> tuple[float, ...]:
        """The scales that were first measured for an entrant's draft."""
        found = [outcomes[number] for outcomes in self.race.outcomes.values() if number in outcomes]
        return next((outcome.scales for outcome in found), ())

    def _by_number(self, metric: str) -> dict[int, Entrant]:
        return {entrant.number: entrant for entrant in self.finalists[metric]}


def _seen(own: Sequence[Entrant], entrants: Sequence[Entrant], stand: Standing) -> list[Entrant]:
    """A metric's own finalists, and the others' that nothing tells from the winner or that are rivals."""
    kept = {entrant.number for entrant in own} | {*stand.ranking, *stand.rivals}
    return [entrant for entrant in entrants if entrant.number in kept]


def _mean(metric: str, stand: Standing, entrant: Entrant) -> float | None:
    """An entrant's mean score."""
    merit = stand.means[entrant.number]
    return None if merit is None else Target(metric).merit_of(merit)


def _told_lead(lead: Difference | None) -> dict[str, Any] | None:
    """The winner's lead over an entrant: above 0 it is the better one, whichever way that is."""
    if lead is None:
        return None
    return {"mean": lead.mean, "interval": lead.interval and list(lead.interval), "p": lead.p}
