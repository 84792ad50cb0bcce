"""Rows of a comparison by the way that objects are made: a training has one for each way, and each oracle.

A comparison by a score of objects compares pairs: a loss, and how objects are made of what its network
predicts. Light, as results are.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from search_service.comparisons.outcome import CellOutcome
from search_service.comparisons.row import Row
from surrogate_zoo.metrics.instances.scores import INSTANCE_SCORES

ORACLES: Final = (
    "Rows of oracles are told a part of the truth, the true classes or the true centres: they show what is "
    "left to win, and have no rank."
)


def rows_by_way(metric: str, rows: Iterable[Row]) -> tuple[list[Row], list[Row]]:
    """Rows by loss and way, and rows by loss and oracle, of rows by loss.

    A loss whose retrainings made no objects keeps its one row, and so does a row that is by way already.

    Args:
        metric: The comparison's metric, a score of objects.
        rows: The rows of one network.
    """
    ways: list[Row] = []
    oracles: list[Row] = []
    for row in rows:
        ways += list(_split(metric, row, "scores")) or [row]
        oracles += _split(metric, row, "oracles")
    return ways, oracles


def _split(metric: str, row: Row, told: str) -> Iterator[Row]:
    """The rows of one loss: by its ways with ``scores``, or by its ``oracles``."""
    every = [outcome.objects.get(told, {}) for outcome in row.outcomes.values()]
    for name in dict.fromkeys(name for scores in every for name in scores):
        outcomes = {
            seed: _with_scores(metric, outcome, told, name)
            for seed, outcome in row.outcomes.items()
        }
        yield replace(row, clustering=name, outcomes=outcomes)


def _with_scores(metric: str, outcome: CellOutcome, told: str, name: str) -> CellOutcome:
    """What became of a retraining, with the objects of one way or oracle alone."""
    found: Mapping[str, float] = outcome.objects.get(told, {}).get(name, {})
    metrics = dict(found)
    if told == "scores":  # labels are those of the network, which an oracle does not go by
        metrics |= {key: x for key, x in outcome.metrics.items() if key not in INSTANCE_SCORES}
    objects = _of_way(outcome.objects, name) if told == "scores" else {}
    return replace(outcome, metrics=metrics, score=metrics.get(metric), objects=objects)


def _of_way(objects: Mapping[str, Any], name: str) -> dict[str, Any]:
    """How one way made objects, and what it was tuned by."""
    kept: dict[str, Any] = {"clusterings": _only(objects.get("clusterings", {}), name)}
    if tuning := objects.get("tuning"):
        kept["tuning"] = {**tuning, "scores": _only(tuning["scores"], name)}
    return kept if kept["clusterings"] else {}


def _only(by_way: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {name: by_way[name]} if name in by_way else {}


def of_each_loss(rows: Sequence[Row]) -> list[Row]:
    """The first row of every loss: rows by way are of the same retrainings."""
    first: dict[str, Row] = {}
    for row in rows:
        first.setdefault(row.loss, row)
    return list(first.values())
