"""The picture of a finished search: scores and the mean's path, and the curves that were found."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from search_service.samplers import SamplerResult
from search_service.tables import Trial
from surrogate_zoo.curves import curve_of
from surrogate_zoo.parameters import ParameterSpace

_FOUND, _START, _PLAIN = "#c2410c", "#94a3b8", "#1d4ed8"


def draw_search(
    path: Path, space: ParameterSpace, result: SamplerResult, trials: Sequence[Trial]
) -> None:
    """Write a PNG: score against trial, the path of theta by generation, every published curve.

    Drawn on a figure of its own, without pyplot, whose global state threads would share.
    """
    figure = Figure(figsize=(13, 4), layout="constrained")
    FigureCanvasAgg(figure)
    scores, steps, curves = figure.subplots(1, 3)
    _draw_scores(scores, space, result, trials)
    _draw_path(steps, space, result)
    _draw_curves(curves, space, result)
    figure.savefig(path, dpi=110)


def _draw_scores(
    axes: Axes, space: ParameterSpace, result: SamplerResult, trials: Sequence[Trial]
) -> None:
    scored = [(trial.number, trial.score) for trial in trials if trial.score is not None]
    failed = [trial.number for trial in trials if trial.score is None]
    numbers, values = zip(*scored, strict=True)
    axes.scatter(numbers, values, s=12, color=_PLAIN, alpha=0.6, label="trial")
    if failed:
        axes.scatter(failed, [min(values)] * len(failed), marker="x", color="black", label="failed")
    centres = [
        float(np.mean([t.number for t in trials if t.generation == generation]))
        for generation in range(len(result.mean_scores))
    ]
    means = [np.nan if score is None else score for score in result.mean_scores]
    axes.plot(centres, means, color=_FOUND, marker="o", label="mean of a generation")
    axes.plot(
        centres[result.generation],
        means[result.generation],
        color=_FOUND,
        marker="*",
        markersize=16,
        label="published",
    )
    axes.set(xlabel="trial", ylabel=f"{space.metric} on the hold-out set", title="Scores")
    axes.legend(fontsize="small")


def _draw_path(axes: Axes, space: ParameterSpace, result: SamplerResult) -> None:
    for name, values in zip(space.names, np.array(result.path).T, strict=True):
        axes.plot(values, marker=".", label=name)
    axes.axvline(result.generation, color=_FOUND, linestyle=":")
    axes.set(xlabel="generation", ylabel="theta", title="Path of the search")
    if space.bounded:
        margin = 0.02 * (space.high - space.low).max()
        axes.set_ylim(space.low.min() - margin, space.high.max() + margin)
    axes.legend(fontsize="x-small", ncols=2)


def _draw_curves(axes: Axes, space: ParameterSpace, result: SamplerResult) -> None:
    x = torch.linspace(0, 1, 401, dtype=torch.float64)
    axes.plot([0, 1], [0, 1], color=_START, linestyle="--", label="straight line")
    for name, points in space.control_points(result.theta).items():
        curve = curve_of(space.family, torch.tensor(points, dtype=torch.float64))(x)
        axes.plot(x.numpy(), curve.numpy(), label=name)
    axes.set(xlabel="probability", ylabel="g", title=f"Published curves ({space.family})")
    axes.legend(fontsize="small")
