"""What the figures and the report of a search are made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from search_service.samplers.contract import SamplerResult
from search_service.searches.space import SearchSpace
from search_service.spaces.curves import CurveSpace
from search_service.spaces.margins import MarginSpace
from search_service.spaces.zoo import ZooSpace
from search_service.store.tables import Trial
from surrogate_zoo.losses.parameter_space import ParameterSpace
from surrogate_zoo.metrics.titles import title_of

NO_CURVES = "The search was not of curves: its trials are of several kinds of loss, or of margins."
"""Why figures of curves are missing there."""


NO_SURROGATE = "No loss that is published is a surrogate: none has curves."
"""Why figures of what is published are missing where handmade losses won."""


@dataclass(frozen=True)
class FinishedSearch:
    """A search that has found something.

    Attributes:
        space: What was searched.
        documents: The loss files that it publishes, one for each objective, with their provenance.
        result: What its sampler found.
        trials: All of its trials, by number.
        winners: What is told of each loss that is published.
    """

    space: SearchSpace
    documents: Sequence[dict[str, Any]]
    result: SamplerResult
    trials: Sequence[Trial]
    winners: Sequence[dict[str, Any]] = ()

    @property
    def document(self) -> dict[str, Any]:
        """The loss file of the first objective."""
        return self.documents[0]

    def surrogates(self, document: Mapping[str, Any]) -> list[tuple[float, dict[str, Any]]]:
        """The surrogates with curves in one of the loss files, with their weights.

        Of a search of curves those that were searched: a companion, which may be one too, stands behind
        them.
        """
        terms = document.get("terms", [{"weight": 1.0, "loss": document}])
        if self.curves is not None:
            terms = terms[: len(self.curves.target.metrics)]
        return [
            (term["weight"], term["loss"])
            for term in terms
            if term["loss"]["kind"] == "surrogate" and term["loss"]["control_points"]
        ]

    @property
    def curves(self) -> ParameterSpace | None:
        """The curves, where they are what was searched."""
        return self.space.parameters if isinstance(self.space, CurveSpace) else None

    @property
    def grouped(self) -> ZooSpace | MarginSpace | None:
        """The space, where its trials are of several groups."""
        return self.space if isinstance(self.space, ZooSpace | MarginSpace) else None

    @property
    def portfolio(self) -> int:
        """How many trials were tried first because they are known to be good."""
        if self.document["provenance"]["sampler"]["name"] != "portfolio":
            return 0
        return sum(trial.generation == 0 for trial in self.trials)

    @property
    def raced(self) -> bool:
        """Whether a race chose what is published."""
        return any("race" in winner for winner in self.winners)

    @property
    def objectives(self) -> tuple[str, ...]:
        """Metrics that were weighed against each other."""
        return self.curves.target.metrics if self.curves is not None and self.curves.mixed else ()

    @cached_property
    def scored(self) -> list[tuple[Trial, float]]:
        """The trials that have a score, with it."""
        return [(trial, trial.score) for trial in self.trials if trial.score is not None]

    @cached_property
    def best(self) -> list[tuple[Trial, float]]:
        """The trials that have a score, the best first; of equals the earlier one."""
        return sorted(self.scored, key=lambda pair: -self.space.target.merit_of(pair[1]))

    @property
    def target(self) -> str:
        """What was searched for as papers write it: ``mIoU``, ``0.7 mIoU + 0.3 BIoU``."""
        terms = self.space.target.terms
        titles = [(weight, title_of(name)) for weight, name in terms]
        return " + ".join(
            title if weight == 1 else f"{weight:g} {title}" for weight, title in titles
        )

    def published(self, theta: Sequence[float]) -> bool:
        """Whether these are parameters that are published: no loss from outside of the space has any."""
        if not self.winners:
            return tuple(theta) == tuple(self.result.theta)
        return tuple(theta) in [tuple(winner.get("theta") or ()) for winner in self.winners]
