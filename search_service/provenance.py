"""What a published loss or loss network says about where it comes from."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from search_service.requests import SearchRequest
from search_service.tables import Dataset, Trial
from surrogate_zoo.parameters import ParameterSpace
from workers.loss_networks.specs import LossNetworkResult, LossNetworkTask

if TYPE_CHECKING:  # samplers load torch
    from search_service.samplers import SamplerResult

LICENCE = "Apache-2.0"
"""Of a searched loss, as of the published ones: the product's own."""

_LIBRARIES = (
    "torch",
    "numpy",
    "scipy",
    "stable-baselines3",
    "optuna",
    "cmaes",
    "segmentation-models-pytorch",
    "timm",
    "ray",
)
_PLACES = ("host", "pid")
"""Facts about a worker that a repeat does not need."""


def of_search(
    request: SearchRequest,
    space: ParameterSpace,
    dataset: Dataset,
    result: "SamplerResult",
    trials: Sequence[Trial],
) -> dict[str, Any]:
    """Everything that a repeat of a search needs, and every trial that it rests on.

    The dataset is told by its name, its report and its fingerprint, without the path it had here.
    """
    chosen = {"generation": result.generation, "score": result.score, "theta": list(result.theta)}
    return _asked(request, space, dataset, trials) | {
        "chosen": chosen if result.trial is None else {"trial": result.trial} | chosen,
        "mean_scores": list(result.mean_scores),
        "path": [list(mean) for mean in result.path],
        "trials": [_row(space, trial) for trial in trials],
        "versions": versions(),
    }


def of_trial(
    request: SearchRequest,
    space: ParameterSpace,
    dataset: Dataset,
    trial: Trial,
    versions: dict[str, str],
) -> dict[str, Any]:
    """Everything that a repeat of one trial needs; of the search only its id and what was asked for.

    Args:
        request: What was asked for.
        space: The parameters.
        dataset: What was trained on; told as in :func:`of_search`.
        trial: The one that is published.
        versions: Of the software that the search ran with.
    """
    row = _row(space, trial)
    chosen = {"trial": row.pop("number"), **row}
    return _asked(request, space, dataset, [trial]) | {"chosen": chosen, "versions": versions}


def _asked(
    request: SearchRequest, space: ParameterSpace, dataset: Dataset, trials: Sequence[Trial]
) -> dict[str, Any]:
    """What was searched, and where these trials of it ran."""
    asked = {
        "sampler",
        "start",
        "start_version",
        "companion",
        "companion_versions",
        "segments",
        "seed",
    }
    asked |= {"network", "training", "scoring", "hold_out", "rejection", "halving", "warm_up"}
    return {
        "method": "Auto Seg-Loss (Li et al., ICLR 2021), searched with segloss",
        "search": trials[0].job_id,
        "dataset": {"name": dataset.name, **dataset.report},
        **request.model_dump(mode="json", include=asked),
        "parameters": list(space.names),
        "workers": _workers(trials),
        "licence": LICENCE,
    }


def of_loss_network(
    job_id: str, dataset: Dataset, task: LossNetworkTask, trained: LossNetworkResult
) -> dict[str, Any]:
    """What a repeat needs beyond the row's own columns; the dataset is told as in :func:`of_search`."""
    return {
        "job": job_id,
        "dataset": {"name": dataset.name, **dataset.report},
        "hold_out": task.hold_out,
        "parameters": trained.parameters,
        "seconds": trained.seconds,
        "versions": versions(),
        "licence": LICENCE,
    }


def versions() -> dict[str, str]:
    """Versions of what is installed and decides how a search goes."""
    return {"segloss": version("segloss")} | {name: version(name) for name in _LIBRARIES}


def _row(space: ParameterSpace, trial: Trial) -> dict[str, Any]:
    row = {"number": trial.number, "generation": trial.generation, "theta": trial.theta}
    row["score"] = trial.score
    if len(space.target.metrics) > 1:
        row["scores"] = space.target.parts(trial.metrics)
    return row if trial.error is None else row | {"error": trial.error}


def _workers(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """The different kinds of workers that trials ran on, in the order they first appear."""
    kinds: list[dict[str, Any]] = []
    for trial in trials:
        kind = {name: fact for name, fact in trial.worker.items() if name not in _PLACES}
        if kind not in kinds:
            kinds.append(kind)
    return kinds
