"""A trial in the hands of the user's own code, whoever handed it out. Needs pydantic; torch for its loss."""

import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from surrogate_zoo.errors import InputError, LossfitError

if TYPE_CHECKING:  # a client has no torch
    from torch import nn

_LOG = logging.getLogger(__name__)


class TrialOver(LossfitError):  # noqa: N818 - an answer, not an error
    """The trial is over before its training is: stopped as one of the worst, or handed out again."""


@dataclass(frozen=True)
class Handout:
    """What is to be trained.

    Attributes:
        lease: What it is reported and told with.
        stage: ``generation <index>`` of a trial, ``heat <number>`` and ``round <number>`` of the race.
        number: The trial's number; an entrant's in the race.
        seed: Of everything random; all trainings of a stage share it.
        rate: Factor on the learning rate that the user's code has for cross entropy.
        document: The loss file's content.
        num_classes: Of the user's data.
        facts: Of the user's data, as losses ask for them.
        metrics: Names of those that the search is for.
    """

    lease: str
    stage: str
    number: int
    seed: int
    rate: float
    document: Mapping[str, Any]
    num_classes: int
    facts: Mapping[str, Any]
    metrics: tuple[str, ...]


@dataclass
class Record:
    """What one loop over trials has seen.

    Attributes:
        scored: Whether a trial of it came to a score: then the code that trains is sound.
    """

    scored: bool = False


class Trial(ABC):
    """A loss to train with, and where its score is told; a context manager around the training.

    ::

        with trial:
            loss = trial.loss()
            ...  # train with it, at trial.rate times the rate for cross entropy, seeded with trial.seed
            trial.tell(miou)

    The context ends the training of a trial that is over, and tells what the training raises as the trial's
    error. Before a first trial has a score, what is raised passes through: the code is to blame then, and
    the trial is handed out again.

    Args:
        handout: What is to be trained.
        record: Of the loop that it belongs to.
    """

    def __init__(self, handout: Handout, record: Record) -> None:
        self._handout, self._record = handout, record
        self._over = False

    @property
    def number(self) -> int:
        """The trial's number; in the race that of an entrant."""
        return self._handout.number

    @property
    def stage(self) -> str:
        """``generation <index>`` of a trial, ``heat <number>`` and ``round <number>`` of the race."""
        return self._handout.stage

    @property
    def seed(self) -> int:
        """Seed of everything random: weights, batches, augmentation."""
        return self._handout.seed

    @property
    def rate(self) -> float:
        """Factor on the learning rate that is good for cross entropy."""
        return self._handout.rate

    @property
    def document(self) -> Mapping[str, Any]:
        """The loss file's content."""
        return self._handout.document

    def loss(self, num_classes: int | None = None, **overrides: Any) -> "nn.Module":
        """The loss to train with.

        Args:
            num_classes: C of the logits; what the search was asked with if not given.
            **overrides: See :func:`lossfit.load_loss`, such as ``ignore_index``.

        Returns:
            ``forward(logits (N, C, H, W) float, target (N, H, W) int64, 255 = void) -> scalar``.
        """
        from surrogate_zoo import load_loss  # noqa: PLC0415  (torch takes seconds to load)

        handout = self._handout
        classes = num_classes or handout.num_classes
        facts = dict(handout.facts)
        return load_loss(dict(handout.document), num_classes=classes, facts=facts, **overrides)

    def report(
        self, step: int, score: float | None = None, *, metrics: Mapping[str, float] | None = None
    ) -> None:
        """Tell how the training does on the way.

        Args:
            step: Steps so far, of the ``steps`` that the search was asked with.
            score: The search's metric, in the range of its definition: 0.71, not 71.
            metrics: Metrics by name; needed where the search is for several. Of others one that is not
                finite is left out: there was nothing to measure it on.

        Raises:
            TrialOver: The trial is stopped as one of the worst, or was handed out again.
            InputError: That fits the search not.
        """
        measured, reason = self._sound(score, metrics or {})
        if reason is not None:
            self.fail(reason)
            raise TrialOver(f"Trial {self.number} is over: {reason}")
        if self._report(step, score, measured):
            self._over = self._record.scored = True
            raise TrialOver(
                f"Trial {self.number} is stopped at step {step}: it is one of the worst."
            )

    def tell(
        self, score: float | None = None, *, metrics: Mapping[str, float] | None = None
    ) -> None:
        """Tell what the trial scored; arguments as of :meth:`report`.

        A score that is not finite, of those that the search is for, is told as an error.

        Raises:
            TrialOver: The trial was handed out again meanwhile.
            InputError: That fits the search not, or it is told already.
        """
        if self._over:
            raise InputError(f"Trial {self.number} is told already.")
        measured, reason = self._sound(score, metrics or {})
        if reason is not None:
            self.fail(reason)
            return
        self._tell(score, measured, None)
        self._over = self._record.scored = True

    def fail(self, error: str) -> None:
        """Tell why the trial has no score: it diverged, say.

        Raises:
            TrialOver: The trial was handed out again meanwhile.
            InputError: It is told already.
        """
        if self._over:
            raise InputError(f"Trial {self.number} is told already.")
        self._tell(None, {}, " ".join(error.split())[:2000] or "It failed.")
        self._over = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if isinstance(error, TrialOver):
            _LOG.info("%s", error)
            return True
        if error is None and not self._over:
            raise InputError(
                f"Trial {self.number} has no result: call trial.tell(score) at its end."
            )
        if isinstance(error, Exception) and self._record.scored and not self._over:
            _LOG.warning("Trial %d failed.", self.number, exc_info=error)
            try:
                self.fail(f"{type(error).__name__}: {error}")
            except TrialOver:
                _LOG.info("Trial %d was handed out again.", self.number)
            return True
        return False

    def _sound(
        self, score: float | None, metrics: Mapping[str, float]
    ) -> tuple[dict[str, float], str | None]:
        """The metrics that are finite, and which one that the search is for is not, in a sentence."""
        wanted = {name: metrics[name] for name in self._handout.metrics if name in metrics}
        measured = {name: value for name, value in metrics.items() if math.isfinite(value)}
        return measured, not_finite(score, wanted)

    @abstractmethod
    def _report(self, step: int, score: float | None, metrics: dict[str, float]) -> bool:
        """Send a report, and return whether the trial is over with it."""

    @abstractmethod
    def _tell(self, score: float | None, metrics: dict[str, float], error: str | None) -> None:
        """Send the end."""


def not_finite(score: float | None, metrics: Mapping[str, float]) -> str | None:
    """Which score is no number, in a sentence; None where all are."""
    numbers = metrics if score is None else {"score": score, **metrics}
    strange = [name for name, value in numbers.items() if not math.isfinite(value)]
    return f"The training diverged: {strange[0]} is {numbers[strange[0]]}." if strange else None
