"""The curves that were found, and the way their parameters went: one panel a curve."""

import re
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from search_service.pages.canvas import FOUND, START, TRIAL, Room, legend, name_axes, panels
from search_service.searches.figures.search import (
    NO_CURVES,
    NO_SURROGATE,
    FinishedSearch,
)
from search_service.spaces.margins import MarginSpace
from surrogate_zoo.curves.curves import curve_of
from surrogate_zoo.losses.parameter_space import ParameterSpace

_NUMBERED = re.compile(r"(?:u|v|rise)(\d+)")

Curve: TypeAlias = tuple[str, Sequence[float]]
"""A curve's family and its control points."""

BEST = 5
"""So many of the best trials stand beside what is published."""


def draw_curves(search: FinishedSearch) -> Figure | str:
    """Draw the published curves beside the straight line; of a search of curves its best trials' too.

    Returns:
        The figure, or why there is none.
    """
    published = _published(search)
    space = search.curves
    names = list(published) if space is None else list(space.curves)
    if not names:
        return NO_CURVES if isinstance(search.space, MarginSpace) else NO_SURROGATE
    figure, grid = panels(len(names), measured=False)
    drawn = dict(zip(names, grid, strict=True))
    for axes in grid:
        axes.plot([0, 1], [0, 1], color=START, linestyle="--", label="straight line (no search)")
        axes.set(aspect="equal", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    best = [] if space is None else search.best[:BEST]
    for rank, (trial, _) in enumerate(best):
        label = f"the {len(best)} best trials" if rank == 0 else None
        for name, points in _points(search, trial.theta).items():
            _draw(drawn[name], *points, color=TRIAL, linewidth=0.8, alpha=0.6, label=label)
    for name, points in published.items():
        _draw(drawn[name], *points, color=FOUND, linewidth=2.5, label="published")
    for name, axes in drawn.items():
        axes.set_title(name, fontsize=10)
    name_axes(grid, "probability", "g: what the logic takes for it")
    lines = 1 + max(name.count("\n") for name in names)
    room = Room(top=0.2 + 0.2 * lines, down=0.6 + 0.2 * lines)
    legend(figure, grid[0], columns=1 if len(grid) == 1 else 3, room=room)
    return figure


def _published(search: FinishedSearch) -> dict[str, Curve]:
    """The curves of all losses that are published; those of several are told apart by their names."""
    several = len(search.documents) > 1
    sums = search.curves is not None and len(search.curves.target.metrics) > 1
    published: dict[str, Curve] = {}
    for document in search.documents:
        for _, loss in search.surrogates(document):
            for curve, points in loss["control_points"].items():
                title = f"{loss['metric']}:{curve}" if several or sums else curve
                title = f"{document['name']}\n{title}" if several else title
                published[title] = (loss["family"], points)
    return published


def _points(search: FinishedSearch, theta: Sequence[float]) -> dict[str, Curve]:
    """The curves of a theta of a search of curves."""
    space = search.curves
    if space is None:
        return {}
    points = space.control_points(theta[: space.dimension])
    return {name: (space.family, row) for name, row in points.items()}


def _draw(axes: Axes, family: str, points: Sequence[float], **style: Any) -> None:
    x = torch.linspace(0, 1, 201, dtype=torch.float64)
    curve = curve_of(family, torch.tensor(points, dtype=torch.float64))(x)
    axes.plot(x.numpy(), curve.numpy(), **style)


def draw_path(search: FinishedSearch) -> Figure | str:
    """Draw theta by generation; the dotted line is the generation that is published.

    Returns:
        The figure, or why there is none.
    """
    space = search.curves
    if space is None:
        return NO_CURVES
    groups = _groups(space)
    figure, grid = panels(len(groups), measured=False)
    path = np.array(search.result.path)
    for axes, (title, places) in zip(grid, groups.items(), strict=True):
        names = [space.names[position].rpartition(".")[2] for position in places]
        _draw_lines(axes, names, path[:, places])
        axes.axvline(search.result.generation, color=FOUND, linestyle=":")
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        axes.set(xlim=(-0.4, len(path) - 0.6))
        axes.set_title(title, fontsize=10)
        if space.bounded:
            axes.set_ylim(space.low.min() - 0.02, space.high.max() + 0.02)
    if space.names[-1].startswith("weight."):
        grid[-1].legend(fontsize=8)
    name_axes(grid, "generation", "theta")
    most = min(len(grid[0].get_lines()) - 1, 3 * min(len(grid), 4))
    legend(figure, grid[0], columns=most, room=Room())
    return figure


def _groups(space: ParameterSpace) -> dict[str, list[int]]:
    """Places of the parameters of each curve in theta, and of the weights if they are searched."""
    groups: dict[str, list[int]] = {}
    for position, name in enumerate(space.names):
        groups.setdefault(name.rpartition(".")[0], []).append(position)
    return groups


def _draw_lines(axes: Axes, names: Sequence[str], values: np.ndarray) -> None:
    """Colour tells the place along the curve, from dark to light; dashes tell u from v."""
    numbers = [_NUMBERED.fullmatch(name) for name in names]
    places = [int(number[1]) if number else position for position, number in enumerate(numbers)]
    for position, name, line in zip(places, names, values.T, strict=True):
        colour = colormaps["viridis"](0.92 * position / max(*places, 1))
        axes.plot(line, "--" if name[0] == "u" else "-", color=colour, marker=".", label=name)
