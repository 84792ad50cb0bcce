"""What the figures and the report of a search are made from."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from search_service.samplers.contract import SamplerResult
from search_service.store.tables import Trial
from surrogate_zoo.losses.parameter_space import ParameterSpace
from surrogate_zoo.metrics.catalogue import METRICS


@dataclass(frozen=True)
class FinishedSearch:
    """A search that has found something.

    Attributes:
        space: What was searched.
        document: The loss file that it publishes, with its provenance.
        result: What its sampler found.
        trials: All of its trials, by number.
    """

    space: ParameterSpace
    document: dict[str, Any]
    result: SamplerResult
    trials: Sequence[Trial]

    @cached_property
    def scored(self) -> list[tuple[Trial, float]]:
        """The trials that have a score, with it."""
        return [(trial, trial.score) for trial in self.trials if trial.score is not None]

    @cached_property
    def best(self) -> list[tuple[Trial, float]]:
        """The trials that have a score, the best first; of equals the earlier one."""
        return sorted(self.scored, key=lambda pair: -pair[1])

    @property
    def target(self) -> str:
        """What was searched for as papers write it: ``mIoU``, ``0.7 mIoU + 0.3 BIoU``."""
        terms = self.space.target.terms
        titles = [(weight, METRICS[name].title) for weight, name in terms]
        return " + ".join(
            title if weight == 1 else f"{weight:g} {title}" for weight, title in titles
        )

    def published(self, theta: Sequence[float]) -> bool:
        """Whether these are the parameters that are published."""
        return tuple(theta) == tuple(self.result.theta)
