"""The grid of learning rates of one loss with one network, which grows by what was scored so far.

Everything here follows from the scores alone, so a tuning that was killed goes on with the same grid.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from search_service.comparisons.request import MOST_RATE, ComparisonRequest
from surrogate_zoo.metrics.titles import merit_of

Tried = Mapping[float, float | None]
"""Learning rate -> score on the hold-out set; None where the training failed."""

Merits = Mapping[float, float | None]
"""The same with what is compared, higher is better: negated scores where lower is better."""

Edge = Literal["lowest", "highest", "only"]
"""Which of the rates that were tried the best one is, where none beyond it was."""

_SINGLE_RATIO = 2.0
"""Ratio to the next rate where there is one rate alone."""


def grid(request: ComparisonRequest, scored: Tried) -> list[float]:
    """The learning rates of one loss and network, as far as the scores tell.

    The request's rates come first. Once all have a score, the grid goes on beyond its best rate while
    that lies at an edge, then, as often as the request says, between the best rate and its better
    neighbour. Rates without a score are those to be trained next.

    Args:
        request: The comparison.
        scored: What was recorded of the loss and network.
    """
    rates = list(request.learning_rates)
    extensions, refinements = request.rate_extensions, request.rate_refinements
    while rates and all(rate in scored for rate in rates):
        tried = _merits({rate: scored[rate] for rate in rates}, request.metric)
        following = None
        if _direction(tried) is not None:
            extensions -= 1
            following = _beyond(tried) if extensions >= 0 else None
        else:
            refinements -= 1
            following = _between(tried) if refinements >= 0 else None
        if following is None or following < request.training.minimum_learning_rate:
            break  # below the floor of the decay nothing would be trained at that rate
        rates.append(following)
    return rates


def best_of(tried: Tried, metric: str) -> float | None:
    """The rate with the best score in ``metric``, the lowest of equal ones; None where all failed."""
    return _best(_merits(tried, metric))


def edge_of(tried: Tried, metric: str) -> Edge | None:
    """Which edge of the grid the best rate lies at; None where it lies inside, or all failed.

    A rate whose training failed bounds the grid like any other.
    """
    return _edge(_merits(tried, metric))


def _merits(tried: Tried, metric: str) -> Merits:
    return {
        rate: None if score is None else merit_of(metric, score) for rate, score in tried.items()
    }


def _best(tried: Merits) -> float | None:
    merits = [(merit, -rate) for rate, merit in tried.items() if merit is not None]
    return -max(merits)[1] if merits else None


def _edge(tried: Merits) -> Edge | None:
    best = _best(tried)
    if best is None:
        return None
    if len(tried) == 1:
        return "only"
    return "lowest" if best == min(tried) else "highest" if best == max(tried) else None


def _direction(tried: Merits) -> Literal["lowest", "highest"] | None:
    """Where the grid goes on: down where every training failed, as too high rates make them do."""
    edge = "lowest" if _best(tried) is None else _edge(tried)
    return "highest" if edge == "only" else edge


def _beyond(tried: Merits) -> float | None:
    """The next rate beyond the best, by the ratio of the two outermost ones on that side."""
    rates = sorted(tried)
    if _direction(tried) == "highest":
        ratio = rates[-1] / rates[-2] if len(rates) > 1 else _SINGLE_RATIO
        return _short(min(rates[-1] * ratio, MOST_RATE), above=rates[-1], below=float("inf"))
    ratio = rates[1] / rates[0] if len(rates) > 1 else _SINGLE_RATIO
    return _short(rates[0] / ratio, above=0.0, below=rates[0])


def _between(tried: Merits) -> float | None:
    """The geometric mean of the best rate, which lies inside, and its better neighbour."""
    rates, best = sorted(tried), _best(tried)
    if best is None:
        return None
    position = rates.index(best)
    neighbour = max(rates[position - 1], rates[position + 1], key=lambda rate: _rank(tried[rate]))
    low, high = sorted((best, neighbour))
    return _short((low * high) ** 0.5, above=low, below=high)


def _rank(merit: float | None) -> float:
    return float("-inf") if merit is None else merit


def _short(rate: float, *, above: float, below: float) -> float | None:
    """``rate`` with three digits if that still lies between both ends; None where there is no room."""
    candidates: Sequence[float] = (float(f"{rate:.3g}"), rate)
    return next((each for each in candidates if above < each < below and each <= MOST_RATE), None)
