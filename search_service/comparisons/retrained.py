"""Finished retrainings, submitted one by one, as the results of a comparison."""

from collections.abc import Mapping, Sequence
from typing import Any

from search_service.comparisons.outcome import CellOutcome
from search_service.comparisons.results import Results, Table
from search_service.comparisons.row import Row
from search_service.loss_networks.marks import mark_of, plain
from surrogate_zoo.errors import InputError
from workers.tasks.objects import ObjectOptions
from workers.tasks.scoring import names_objects

_FREE = {
    *("loss", "version", "versions", "loss_networks"),
    *("seed", "priority", "checkpoint_every", "preset", "log"),
}
"""What may differ between retrainings that are compared; everything else must be the same."""

_OF_WAYS = ("clustering_name", "clusterings", "oracles")
"""What may differ beside the clustering itself where rows are by the way that objects are made."""


def results_of_retrainings(jobs: Sequence[Mapping[str, Any]], metric: str) -> Results:
    """The results of retrainings as the service gives them, ranked by ``metric``.

    Only scores that all of them have are compared. By a score of objects, they may make objects in
    different ways: rows are by way.

    Raises:
        InputError: They were not trained and scored alike, so the rows would not compare losses; or
            a loss has the same seed twice.
    """
    _check_alike([job["request"] for job in jobs], by_way=bool(names_objects(metric)))
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
        {"metrics": metrics, "objects": job["result"].get("objects", {})},
        learning_rate=job["request"]["training"]["learning_rate"],
        metric=metric,
        seconds=job["result"]["seconds"],
    )


def _name(request: Mapping[str, Any]) -> str:
    """A loss with its version, a weighted sum with those of its terms; with the networks it was given."""
    chosen = request.get("loss_networks") or {}  # requests of earlier services lack it
    networks = [f"{plain(kind)} {mark_of(network)[:8]}" for kind, network in chosen.items()]
    if request["version"] is not None:
        return ", ".join([f"{request['loss']} v{request['version']}", *networks])
    versions = [f"{name} v{version}" for name, version in request["versions"].items()]
    return f"{request['loss']} ({', '.join([*versions, *networks])})"


def _check_alike(requests: Sequence[Mapping[str, Any]], *, by_way: bool) -> None:
    """Refuse requests that differ; in their ways to make objects too, unless rows are by way."""
    told = [_without_ways(request) for request in requests] if by_way else requests
    first = told[0]
    different = {
        field
        for request in told
        for field in first.keys() | request.keys()
        if field not in _FREE and first.get(field) != request.get(field)
    }
    if by_way:
        different |= _ways_that_differ(requests)
    if different:
        raise InputError(
            f"These retrainings differ in {', '.join(sorted(different))}, so their scores do not compare "
            "losses; retrain with the same settings."
        )


def _without_ways(request: Mapping[str, Any]) -> dict[str, Any]:
    """A request without its ways to make objects."""
    scoring = {**request.get("scoring", {}), "clustering": None}
    kept = {name: value for name, value in request.items() if name not in _OF_WAYS}
    return kept | {"scoring": scoring}


def _ways_that_differ(requests: Sequence[Mapping[str, Any]]) -> set[str]:
    """Names of ways that are not the same in all retrainings that have them."""
    seen: dict[str, Any] = {}
    different = set()
    for request in requests:
        options = {name: request[name] for name in ("scoring", *_OF_WAYS) if name in request}
        for name, way in ObjectOptions.model_validate(options).ways.items():
            if seen.setdefault(name, way) != way:
                different.add(name)
    return different
