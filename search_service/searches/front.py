"""The front of a search for several metrics: the trials that no other one beats."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from search_service.samplers.fronts import front
from search_service.store.tables import Trial
from surrogate_zoo.losses.parameter_space import ParameterSpace


def members(space: ParameterSpace, trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """The trials of the front, the best in the first metric first.

    Their scores are single noisy ones: the front as a whole lies a little too high.

    Returns:
        Of each its number, its score on each metric, the weights of the surrogates in its loss,
        and theta.
    """
    metrics = space.target.metrics
    scored = [trial for trial in trials if trial.score is not None]
    merits = [space.target.merits(trial.metrics) for trial in scored]
    points = np.array([[merit[name] for name in metrics] for merit in merits])
    indices = sorted(front(points), key=lambda index: -points[index, 0])
    members = [scored[index] for index in indices]
    return [_member(space, trial) for trial in members]


def write(path: Path, space: ParameterSpace, members: Sequence[dict[str, Any]]) -> Path:
    """Write the front as JSON: the target, its metrics, the names of theta, and the members."""
    content = {
        "target": space.metric,
        "metrics": space.target.metrics,
        "parameters": space.names,
        "members": members,
    }
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return path


def _member(space: ParameterSpace, trial: Trial) -> dict[str, Any]:
    weights = zip(space.target.metrics, space.weights(trial.theta), strict=True)
    return {
        "trial": trial.number,
        "scores": space.target.parts(trial.metrics),
        "weights": dict(weights),
        "theta": trial.theta,
    }
