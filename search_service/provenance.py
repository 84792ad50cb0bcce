"""What a published loss or loss network says about where it comes from."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from search_service.requests import SearchRequest
from search_service.samplers import SamplerResult
from search_service.tables import Dataset, Trial
from surrogate_zoo.parameters import ParameterSpace
from workers.loss_networks.specs import LossNetworkResult, LossNetworkTask

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
    result: SamplerResult,
    trials: Sequence[Trial],
) -> dict[str, Any]:
    """Everything that a repeat of a search needs, and every trial that it rests on.

    The dataset is told by its name, its report and its fingerprint, without the path it had here.
    """
    asked = {"sampler", "start", "start_version", "segments", "seed"}
    asked |= {"network", "training", "scoring", "hold_out", "rejection", "halving", "warm_up"}
    return {
        "method": "Auto Seg-Loss (Li et al., ICLR 2021), searched with segloss",
        "search": trials[0].job_id,
        "dataset": {"name": dataset.name, **dataset.report},
        **request.model_dump(mode="json", include=asked),
        "parameters": list(space.names),
        "chosen": {
            "generation": result.generation,
            "score": result.score,
            "theta": list(result.theta),
        },
        "mean_scores": list(result.mean_scores),
        "path": [list(mean) for mean in result.path],
        "trials": [_row(trial) for trial in trials],
        "workers": _workers(trials),
        "versions": _versions(),
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
        "versions": _versions(),
        "licence": LICENCE,
    }


def _versions() -> dict[str, str]:
    return {"segloss": version("segloss")} | {name: version(name) for name in _LIBRARIES}


def _row(trial: Trial) -> dict[str, Any]:
    row = {"number": trial.number, "generation": trial.generation, "theta": trial.theta}
    row["score"] = trial.score
    return row if trial.error is None else row | {"error": trial.error}


def _workers(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """The different kinds of workers that trials ran on, in the order they first appear."""
    kinds: list[dict[str, Any]] = []
    for trial in trials:
        kind = {name: fact for name, fact in trial.worker.items() if name not in _PLACES}
        if kind not in kinds:
            kinds.append(kind)
    return kinds
