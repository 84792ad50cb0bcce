"""A trial's metrics against each other, and the trials that no other beats in both."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from search_service.pages.canvas import FOUND, in_unit, legend, panels
from search_service.samplers.fronts import front
from search_service.searches.figures.search import FinishedSearch
from search_service.store.tables import Trial
from surrogate_zoo.metrics.instances.scores import INSTANCE_SCORES
from surrogate_zoo.metrics.titles import heading_of, merit_of

_BESIDE = ("miou", "bf1", "macc")
"""What a search for a single metric is shown against: regions, boundaries, recall."""

_BESIDE_OBJECTS = ("sbd", "dic", "ap50", "pq")
"""What a search for a single score of objects is shown against: how well each is met, and their number."""


def draw(search: FinishedSearch) -> Figure | str:
    """Draw the target's first metric against its others; a single one against three more.

    Returns:
        The figure, or why there is none.
    """
    first, *others = search.space.target.metrics
    beside = _BESIDE_OBJECTS if first in INSTANCE_SCORES else _BESIDE
    others = others or [name for name in beside if name != first]
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
    merits = [(merit_of(first, one), merit_of(second, other)) for one, other in pairs]
    best = [pairs[index] for index in sorted(front(np.array(merits)), key=merits.__getitem__)[::-1]]
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
    axes.set_xlabel(heading_of(first) + in_unit(axes.xaxis, first))
    axes.set_ylabel(heading_of(second) + in_unit(axes.yaxis, second))
