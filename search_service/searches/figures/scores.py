"""Score against trial, with the means of the generations and what is published."""

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from search_service.pages.canvas import FOUND, START, TRIAL, Room, figure_of, in_unit, legend
from search_service.searches.figures.search import FinishedSearch
from search_service.spaces.space import PortfolioSpace
from surrogate_zoo.metrics.titles import directed

COLOURED = 8
"""So many kinds of loss have a colour of their own: the best."""


def draw(search: FinishedSearch) -> Figure:
    """Draw every trial's score; those without one stand as crosses on the axis."""
    figure = figure_of(9, 4.8, measured=False)
    axes = figure.subplots()
    if search.grouped is not None:
        _draw_kinds(axes, search, search.grouped)
    else:
        _draw_trials(axes, search)
        _draw_means(axes, search)
    _draw_failed(axes, search)
    _draw_published(axes, search)
    aim = search.space.target.expression
    told = f"{search.target} on the hold-out set{in_unit(axes.yaxis, aim)}"
    axes.set(xlabel="trial", ylabel=directed(told, aim))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", alpha=0.25)
    legend(figure, axes, columns=3, room=Room(top=0.2, bottom=0.55))
    return figure


def _draw_trials(axes: Axes, search: FinishedSearch) -> None:
    numbers = [trial.number for trial, _ in search.scored]
    scores = [score for _, score in search.scored]
    size = float(np.clip(2500 / len(search.trials), 8, 36))
    axes.scatter(numbers, scores, s=size, color=TRIAL, alpha=0.6, linewidths=0, label="trial")
    higher = search.space.target.higher_is_better
    best = np.maximum.accumulate(scores) if higher else np.minimum.accumulate(scores)
    axes.step(numbers, best, where="post", color=START, linewidth=1, label="best so far")
    means = [(trial.number, score) for trial, score in search.scored if trial.is_mean]
    if means:
        axes.plot(
            *zip(*means, strict=True),
            "D",
            color=FOUND,
            fillstyle="none",
            markersize=6,
            label="trial of the mean itself",
        )


def _draw_kinds(axes: Axes, search: FinishedSearch, space: PortfolioSpace) -> None:
    """Draw trials in the colour of their group; the portfolio stands on a darker ground."""
    if (portfolio := search.portfolio) > 0:
        axes.axvspan(-0.5, portfolio - 0.5, color=START, alpha=0.1, linewidth=0, label="portfolio")
    kinds: dict[str, list[tuple[int, float]]] = {}
    for trial, score in search.best:
        kinds.setdefault(space.group(trial.theta), []).append((trial.number, score))
    colours = colormaps["tab10"].colors[:COLOURED]  # type: ignore[attr-defined]
    for place, (kind, points) in enumerate(kinds.items()):
        told = place < COLOURED
        label = kind if told else "other kinds" if place == COLOURED else None
        colour = colours[place] if told else "#cbd5e1"
        numbers, scores = zip(*points, strict=True)
        axes.scatter(numbers, scores, s=26, color=colour, linewidths=0, label=label)


def _draw_failed(axes: Axes, search: FinishedSearch) -> None:
    without = [trial.number for trial in search.trials if trial.score is None]
    if without:
        axes.plot(
            without,
            [0.02] * len(without),
            "x",
            color="black",
            markersize=6,
            transform=axes.get_xaxis_transform(),
            clip_on=False,
            label="trial without a score",
        )


def _draw_means(axes: Axes, search: FinishedSearch) -> None:
    means = [np.nan if score is None else score for score in search.result.mean_scores]
    axes.plot(
        centres(search, len(means)),
        means,
        color=FOUND,
        marker="o",
        markersize=5,
        label="mean of a generation",
    )


def _draw_published(axes: Axes, search: FinishedSearch) -> None:
    points = _published(search)
    if not points:
        return
    axes.plot(
        *zip(*points, strict=True),
        color=FOUND,
        linestyle="none",
        marker="*",
        markersize=17,
        markeredgecolor="white",
        label="published: the race's winner"
        if search.raced
        else "published, at the score that it was chosen by",
    )


def _published(search: FinishedSearch) -> list[tuple[float, float]]:
    """Where what is published stands: a race's winners at what the search scored them."""
    if search.raced or search.portfolio:
        numbers = {winner["trial"] for winner in search.winners} or {search.result.trial}
        return [(trial.number, score) for trial, score in search.scored if trial.number in numbers]
    places = centres(search, len(search.result.mean_scores))
    return [(_place(search, places), search.result.score)]


def _place(search: FinishedSearch, places: list[float]) -> float:
    """Where the published score stands: a mean's at its generation, a candidate's at its trial."""
    result = search.result
    published = [trial.number for trial in search.trials if search.published(trial.theta)]
    is_mean = result.score == result.mean_scores[result.generation]
    return places[result.generation] if is_mean or not published else published[0]


def centres(search: FinishedSearch, generations: int) -> list[float]:
    """Mean number of the trials of every generation."""
    numbers: list[list[int]] = [[] for _ in range(generations)]
    for trial in search.trials:
        numbers[trial.generation].append(trial.number)
    return [float(np.mean(those)) for those in numbers]
