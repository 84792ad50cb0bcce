"""Ends a retraining whose score on a hold-out set betters no more, and keeps the best weights."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from surrogate_zoo.errors import DatasetError
from surrogate_zoo.metrics.targets import Target
from workers.tasks.retraining import EarlyStopSpec


class EarlyStop:
    """The looks of one retraining so far. Everything that they depend on is in :meth:`state`.

    Args:
        spec: When to stop.
        measure: Network -> metrics on the hold-out set.
        hold_out: How that was cut, in one sentence.

    Raises:
        UnknownNameError: There is no such metric.
    """

    def __init__(
        self,
        spec: EarlyStopSpec,
        measure: Callable[[nn.Module], dict[str, float]],
        hold_out: str,
    ) -> None:
        self._spec, self._measure, self._hold_out = spec, measure, hold_out
        self._target = Target(spec.metric)
        self._looks: list[tuple[int, float]] = []
        self._best: dict[str, Tensor] = {}

    def look(self, network: nn.Module, steps: int) -> float:
        """Score a network after ``steps``; keep its weights if it is the best so far.

        Raises:
            DatasetError: The hold-out set has nothing to measure the metric on.
        """
        score = self._target.score(self._measure(network))
        if score is None:
            raise DatasetError(
                f"The hold-out set has nothing to measure {self._spec.metric} on; choose a larger "
                "early_stop.hold_out."
            )
        self._looks.append((steps, score))
        if self._best_look() == len(self._looks) - 1:
            state = network.state_dict()
            self._best = {name: weight.detach().cpu().clone() for name, weight in state.items()}
        return score

    @property
    def over(self) -> bool:
        """Whether the training is to end."""
        return len(self._looks) - 1 - self._best_look() >= self._spec.patience

    def restore(self, network: nn.Module) -> None:
        """Give a network the weights of the best look."""
        network.load_state_dict(self._best)

    def report(self) -> dict[str, Any]:
        """What was looked at, as JSON: the metric, on what, the best look's steps, all (steps, score)."""
        return {
            "metric": self._spec.metric,
            "hold_out": self._hold_out,
            "best": self._looks[self._best_look()][0],
            "scores": self._looks,
        }

    def state(self) -> dict[str, Any]:
        """What a resumed training needs."""
        return {"looks": self._looks, "best": self._best}

    def load(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state` returned."""
        self._looks = [(steps, score) for steps, score in state["looks"]]
        self._best = state["best"]

    def _best_look(self) -> int:
        """The first look with the best score; 0 before any."""
        merits = [self._target.merit_of(score) for _, score in self._looks]
        return max(range(len(merits)), key=merits.__getitem__, default=0)
