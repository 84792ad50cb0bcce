"""What a published loss or loss network says about where it comes from."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from search_service.jobs.provenance import LICENCE, installed_versions
from search_service.searches.external.options import SERVICE_ONLY, ExternalOptions
from search_service.searches.request import SearchRequest
from search_service.searches.space import SearchSpace
from search_service.store.tables import Trial

if TYPE_CHECKING:  # samplers load torch
    from search_service.samplers.contract import SamplerResult
_TOLD_ELSEWHERE = {"name", "dataset", "preset", "priority", "extended_by"}
"""Of a request: what a loss file or its provenance tells elsewhere, or what a repeat does not need."""

_OF_AN_EXTERNAL_TRAINER = set(ExternalOptions.model_fields)

METHODS = {
    "curves": "Auto Seg-Loss (Li et al., ICLR 2021), searched with lossfit",
    "zoo": "Losses of the zoo and surrogates of metrics (Li et al., ICLR 2021), searched with lossfit",
    "margins": "Margins of the discriminative loss (De Brabandere et al., 2017), searched with lossfit",
}
"""Space -> what a search of it is called."""

_PLACES = ("host", "pid")
"""Facts about a worker that a repeat does not need."""


def of_search(
    request: SearchRequest,
    space: SearchSpace,
    data: Mapping[str, Any],
    result: "SamplerResult",
    trials: Sequence[Trial],
) -> dict[str, Any]:
    """Everything that a repeat of a search needs, and every trial that it rests on.

    Args:
        request: What was asked for.
        space: The parameters.
        data: What was trained on, as ``admission.data_of`` tells it.
        result: What the sampler found.
        trials: All trials.
    """
    return _asked(request, data, trials) | {
        "mean_scores": list(result.mean_scores),
        "path": [list(mean) for mean in result.path],
        "trials": [_row(space, trial) for trial in trials],
        "versions": installed_versions(),
    }


def of_trial(
    request: SearchRequest,
    space: SearchSpace,
    data: Mapping[str, Any],
    trial: Trial,
    versions: dict[str, str],
) -> dict[str, Any]:
    """Everything that a repeat of one trial needs; of the search only its id and what was asked for.

    Args:
        request: What was asked for.
        space: The parameters.
        data: What was trained on; told as in :func:`of_search`.
        trial: The one that is published.
        versions: Of the software that the search ran with.
    """
    row = _row(space, trial)
    chosen = {"trial": row.pop("number"), **row, **space.candidate(trial.theta).changes}
    return _asked(request, data, [trial]) | {"chosen": chosen, "versions": versions}


def _asked(
    request: SearchRequest, data: Mapping[str, Any], trials: Sequence[Trial]
) -> dict[str, Any]:
    """What was searched, and where these trials of it ran."""
    return {
        "method": METHODS[request.space.name],
        "search": trials[0].job_id,
        "dataset": dict(data),
        **request.model_dump(mode="json", exclude=_told_elsewhere(request)),
        "hold_out_set": next((trial.hold_out for trial in trials), ""),
        "workers": _workers(trials),
        "licence": LICENCE,
    }


def _told_elsewhere(request: SearchRequest) -> set[str]:
    """Fields of a request that its provenance leaves out: those that mean nothing there, too."""
    meaningless = SERVICE_ONLY if request.is_external else _OF_AN_EXTERNAL_TRAINER
    return _TOLD_ELSEWHERE | set(meaningless)


def _row(space: SearchSpace, trial: Trial) -> dict[str, Any]:
    row = {"number": trial.number, "generation": trial.generation, "theta": trial.theta}
    row |= {"parameters": space.named(trial.theta), "score": trial.score}
    if len(space.target.metrics) > 1:
        row["scores"] = space.target.parts(trial.metrics)
    if trial.scales:
        row["scales"] = trial.scales
    return row if trial.error is None else row | {"error": trial.error}


def _workers(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """The different kinds of workers that trials ran on, in the order they first appear."""
    kinds: list[dict[str, Any]] = []
    for trial in trials:
        kind = {name: fact for name, fact in trial.worker.items() if name not in _PLACES}
        if kind not in kinds:
            kinds.append(kind)
    return kinds
