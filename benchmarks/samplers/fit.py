"""Fit a model to the table of trainings and state how good it is.

    python -m benchmarks.samplers.fit --metric miou

Held-out accuracy is by cross-validation over thetas: repeats of one are held out together. No model can
explain the noise, so it is measured apart: the repeats are losses times seeds, and what remains after
the mean of each loss and the mean of each seed is noise (two-way analysis of variance). The candidates
of a search share a seed, so a seed's offset is no noise to it.
"""

import argparse
import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import stats

from benchmarks.samplers import table
from benchmarks.samplers.model import FEATURES, Array, ScoreModel
from benchmarks.samplers.table import Table
from surrogate_zoo.losses.parameter_space import ParameterSpace

FOLDS = 8


@dataclass(frozen=True)
class Noise:
    """What repeats tell; standard deviations, in units of the score.

    Attributes:
        sd: Of a score about the mean of its loss and its seed.
        low: Lower end of its 95% interval (chi square).
        high: Upper end.
        losses: Number of losses that were repeated.
        seeds: Number of seeds.
    """

    sd: float
    low: float
    high: float
    losses: int
    seeds: int


def main() -> None:
    """Print and write what the model is worth."""
    parser = argparse.ArgumentParser(description="Fit a model of scores and state its accuracy.")
    parser.add_argument("--metric", default="miou")
    arguments = parser.parse_args()
    rows, space = table.read(table.path_of(arguments.metric)), ParameterSpace(arguments.metric)
    noise = noise_of(rows)
    worth = {name: accuracy(rows, space, name, noise) for name in FEATURES}
    best = max(worth, key=lambda name: worth[name]["r2"])
    offsets = ScoreModel(rows, space, best).offsets(rows.seeds)
    facts = {
        "metric": arguments.metric,
        "features": best,
        "noise": vars(noise),
        "spread": spread(rows, rows.scores - offsets, noise),
        "accuracy": worth,
    }
    out = table.RESULTS / f"{arguments.metric}-fit.json"
    out.write_text(json.dumps(facts, indent=1) + "\n")
    print(out.read_text())


def noise_of(rows: Table) -> Noise:
    """Noise of a score, by the losses that were trained with every seed."""
    _, which = np.unique(rows.thetas, axis=0, return_inverse=True)
    seeds = np.unique(rows.seeds)
    cells = [
        [rows.scores[(which == loss) & (rows.seeds == seed)] for seed in seeds]
        for loss in np.unique(which)
    ]
    repeated = np.array([[c[0] for c in row] for row in cells if all(len(c) for c in row)])
    rest = repeated - repeated.mean(0) - repeated.mean(1, keepdims=True) + repeated.mean()
    freedom = (repeated.shape[0] - 1) * (repeated.shape[1] - 1)
    total = float((rest**2).sum())
    low, high = (total / stats.chi2.ppf(q, freedom) for q in (0.975, 0.025))
    return Noise((total / freedom) ** 0.5, low**0.5, high**0.5, *repeated.shape)


def spread(rows: Table, levels: Array, noise: Noise) -> dict[str, dict[str, float]]:
    """By kind of draw: number of rows, mean score, and standard deviation with the noise taken off.

    ``levels`` are scores less the offsets of their seeds.
    """
    kinds = {kind: levels[np.array(rows.kinds) == kind] for kind in dict.fromkeys(rows.kinds)}
    return {
        kind: {
            "rows": len(values),
            "mean": float(values.mean()),
            "sd": float(max(values.var(ddof=1) - noise.sd**2, 0.0) ** 0.5),
        }
        for kind, values in kinds.items()
        if len(values) > 1
    }


def accuracy(rows: Table, space: ParameterSpace, features: str, noise: Noise) -> dict[str, Any]:
    """Held-out accuracy of a model on these features; the ceilings are what the noise leaves."""
    whole = ScoreModel(rows, space, features)
    truth = rows.scores - whole.offsets(rows.seeds)
    guess = held_out(rows, space, features)
    good = truth >= np.quantile(truth, 2 / 3)
    ceiling = max(0.0, 1 - noise.sd**2 / float(truth.var()))
    return {
        "r2": float(1 - ((truth - guess) ** 2).mean() / truth.var()),
        "r2_ceiling": ceiling,
        "correlation": float(np.corrcoef(truth, guess)[0, 1]),
        "correlation_ceiling": ceiling**0.5,
        "rank_correlation": float(stats.spearmanr(truth, guess).statistic),
        "rank_correlation_best_third": float(stats.spearmanr(truth[good], guess[good]).statistic),
        "fitted_noise": whole.noise,
    }


def held_out(rows: Table, space: ParameterSpace, features: str) -> Array:
    """What a model that was not shown a row's theta expects of it."""
    _, which = np.unique(rows.thetas, axis=0, return_inverse=True)
    folds = np.random.default_rng(0).permutation(which.max() + 1)[which] % FOLDS
    predicted = np.empty(len(rows.scores))
    for fold in range(FOLDS):
        held = folds == fold
        model = ScoreModel(_part(rows, ~held), space, features)
        predicted[held] = model(rows.thetas[held])
    return predicted


def _part(rows: Table, chosen: np.ndarray[Any, np.dtype[np.bool_]]) -> Table:
    return replace(
        rows, thetas=rows.thetas[chosen], scores=rows.scores[chosen], seeds=rows.seeds[chosen]
    )


def model_of(metric: str) -> tuple[ScoreModel, float]:
    """The model that was chosen for a metric, and the noise to add to what it says.

    The model is the process's mean, which is smooth; noise is what the repeats tell.
    """
    facts = json.loads((table.RESULTS / f"{metric}-fit.json").read_text())
    rows = table.read(table.path_of(metric))
    return ScoreModel(rows, ParameterSpace(metric), facts["features"]), facts["noise"]["sd"]


if __name__ == "__main__":
    main()
