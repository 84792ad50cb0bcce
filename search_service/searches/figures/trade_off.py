"""A trial's metrics against each other, and the trials that no other beats in both."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from search_service.pages.canvas import FOUND, legend, panels
from search_service.samplers.fronts import front
from search_service.searches.figures.search import FinishedSearch
from search_service.store.tables import Trial
from surrogate_zoo.metrics.catalogue import METRICS

_BESIDE = ("miou", "bf1", "macc")
"""What a search for a single metric is shown against: regions, boundaries, recall."""


def draw(search: FinishedSearch) -> Figure | str:
    """Draw the target's first metric against its others; a single one against three more.

    Returns:
        The figure, or why there is none.
    """
    first, *others = search.space.target.metrics
    others = others or [name for name in _BESIDE if name != first]
    trials = [trial for trial in search.trials if {first, *others} <= set(trial.metrics)]
    if not trials:
        return f"No trial has all of the metrics {', '.join([first, *others])}."
    figure, grid = panels(len(others), columns=3, side=3.6)
    for axes, second in zip(grid, others, strict=True):
        _draw_pair(axes, search, trials, first, second)
    points = grid[0].collections[0]
    figure.colorbar(points, ax=grid, label="trial", shrink=0.8)
    legend(figure, grid[0], columns=1 if len(grid) == 1 else 3)
    return figure


def _draw_pair(
    axes: Axes, search: FinishedSearch, trials: Sequence[Trial], first: str, second: str
) -> None:
    pairs = [(trial.metrics[first], trial.metrics[second]) for trial in trials]
    numbers = [trial.number for trial in trials]
    x, y = zip(*pairs, strict=True)
    axes.scatter(x, y, c=numbers, cmap="viridis", s=18, label="trial")
    best = sorted((pairs[index] for index in front(np.array(pairs))), reverse=True)
    axes.step(
        *zip(*best, strict=True), where="post", color=FOUND, linewidth=1.2, marker="o",
        markersize=6, markerfacecolor="none", label="no trial is better in both",
    )  # fmt: skip
    published = [pairs[i] for i, trial in enumerate(trials) if search.published(trial.theta)]
    if published:
        axes.plot(
            *published[0],
            "*",
            color=FOUND,
            markersize=15,
            markeredgecolor="white",
            label="published",
        )
    axes.set(xlabel=METRICS[first].title, ylabel=METRICS[second].title)
