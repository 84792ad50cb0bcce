"""What scores are called, which way they are better, and how they are written. Needs no torch.

The one place that every table, figure and sentence asks. A score is told by its name, or a weighted
sum of some by its expression; what is in no catalogue, such as the measures near borders, is a share.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from surrogate_zoo.metrics.catalogue import METRICS
from surrogate_zoo.metrics.instances.scores import INSTANCE_SCORES
from surrogate_zoo.sums import is_sum, term_names


@dataclass(frozen=True)
class ScoreUnit:
    """How a score is written.

    Attributes:
        factor: What it is multiplied by.
        differences: What differences are counted in.
    """

    factor: float
    differences: str

    def text(self, score: float) -> str:
        """A score, such as ``71.3``."""
        return f"{self.factor * score:.1f}"

    def difference(self, difference: float) -> str:
        """A difference of two scores with its sign, such as ``+0.4``."""
        return f"{self.factor * difference:+.1f}"


SHARES: Final = ScoreUnit(100, "points")
"""Of scores in 0..1: percent."""
COUNTS: Final = ScoreUnit(1, "objects")
"""Of scores that count objects."""


def title_of(score: str) -> str:
    """The name that papers write; a weighted sum is given back as it is."""
    if score in METRICS:
        return METRICS[score].title
    if score in INSTANCE_SCORES:
        return INSTANCE_SCORES[score].title
    if is_sum(score):
        return score
    return {"mba": "mBA"}.get(score, score.replace("_", " "))


def scores_in(names: Iterable[str]) -> list[str]:
    """Those that are in a catalogue, each once, in its order: metrics before scores of objects."""
    found = set(names)
    return [name for name in (*METRICS, *INSTANCE_SCORES) if name in found]


def heading_of(score: str) -> str:
    """Its title, what it counts, and that lower is better where it is: for columns and axes."""
    title = title_of(score)
    return directed(f"{title}, {COUNTS.differences}" if unit_of(score) is COUNTS else title, score)


def directed(text: str, score: str) -> str:
    """A text that names a score, with the remark that lower is better where it is."""
    return f"{text} (lower is better)" if higher_is_better(score) is False else text


def higher_is_better(score: str) -> bool | None:
    """Which way a score is better; None of one that has no better way. A sum goes the way of its first."""
    first = term_names(score)[0]
    return INSTANCE_SCORES[first].higher_is_better if first in INSTANCE_SCORES else True


def merit_of(name: str, score: float) -> float:
    """A value of a score as what is compared, higher is better: negated where lower is better.

    Of a merit it gives the score again.
    """
    return -score if higher_is_better(name) is False else score


def unit_of(score: str) -> ScoreUnit:
    """How a score is written; a sum as its first is."""
    first = term_names(score)[0]
    return COUNTS if first in INSTANCE_SCORES and INSTANCE_SCORES[first].counts else SHARES
