"""Finished retrainings, submitted one by one, as the results of a comparison."""

from collections.abc import Mapping, Sequence
from typing import Any

from search_service.comparisons.outcome import CellOutcome
from search_service.comparisons.results import Results, Row, Table
from surrogate_zoo.errors import InputError

_FREE = {
    *("loss", "version", "versions", "loss_networks"),
    *("seed", "priority", "checkpoint_every", "preset", "log"),
}
"""What may differ between retrainings that are compared; everything else must be the same."""


def results_of_retrainings(jobs: Sequence[Mapping[str, Any]], metric: str) -> Results:
    """The results of retrainings as the service gives them, ranked by ``metric``.

    Only scores that all of them have are compared.

    Raises:
        InputError: They were not trained and scored alike, so the rows would not compare losses; or
            a loss has the same seed twice.
    """
    _check_alike([job["request"] for job in jobs])
    common = set.intersection(*(set(job["result"]["metrics"]) for job in jobs))
    outcomes: dict[str, dict[int, CellOutcome]] = {}
    for job in jobs:
        request, loss = job["request"], _name(job["request"])
        by_seed = outcomes.setdefault(loss, {})
        if request["seed"] in by_seed:
            raise InputError(
                f"Two of these retrainings are of {loss} with seed {request['seed']}, and would count "
                "as one seed more than there is: leave one of them out."
            )
        by_seed[request["seed"]] = _outcome(job, metric, common)
    request = jobs[0]["request"]
    rate = request["training"]["learning_rate"]
    rows = [Row(loss, rate, by_seed) for loss, by_seed in outcomes.items()]
    return Results(metric, [Table.of(metric, request["network"], rows)])


def _outcome(job: Mapping[str, Any], metric: str, common: set[str]) -> CellOutcome:
    metrics = {name: score for name, score in job["result"]["metrics"].items() if name in common}
    return CellOutcome.of(
        {"metrics": metrics},
        learning_rate=job["request"]["training"]["learning_rate"],
        metric=metric,
        seconds=job["result"]["seconds"],
    )


def _name(request: Mapping[str, Any]) -> str:
    """A loss with its version, a weighted sum with those of its terms; with the networks it was given."""
    chosen = request.get("loss_networks") or {}  # requests of earlier services lack it
    networks = [f"{kind.replace('_', ' ')} {sha256[:8]}" for kind, sha256 in chosen.items()]
    if request["version"] is not None:
        return ", ".join([f"{request['loss']} v{request['version']}", *networks])
    versions = [f"{name} v{version}" for name, version in request["versions"].items()]
    return f"{request['loss']} ({', '.join([*versions, *networks])})"


def _check_alike(requests: Sequence[Mapping[str, Any]]) -> None:
    first = requests[0]
    different = sorted(
        {
            field
            for request in requests
            for field in first.keys() | request.keys()
            if field not in _FREE and first.get(field) != request.get(field)
        }
    )
    if different:
        raise InputError(
            f"These retrainings differ in {', '.join(different)}, so their scores do not compare "
            "losses; retrain with the same settings."
        )
