"""The race: what every entrant scored in every round, one panel a metric."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from search_service.pages.canvas import FOUND, START, TRIAL, figure_of, in_unit, legend
from search_service.searches.figures.search import FinishedSearch
from search_service.searches.racing.answers import by_mean, named
from surrogate_zoo.metrics.titles import directed, title_of

NO_RACE = "The search had no race: what its sampler found is published as it is."


def draw(search: FinishedSearch) -> Figure | str:
    """Draw the scores of entrants in the rounds as dots, their mean as a bar, the best mean on top.

    Returns:
        The figure, or why there is none.
    """
    raced = [winner for winner in search.winners if "race" in winner]
    if not raced:
        return NO_RACE
    most = max(len(winner["race"]["entrants"]) for winner in raced)
    figure = figure_of(9, len(raced) * (1.2 + 0.38 * most) + 0.4)
    grid = figure.subplots(len(raced), 1, squeeze=False).flatten().tolist()
    for axes, winner in zip(grid, raced, strict=True):
        metric = winner["metric"]
        _draw_entrants(axes, by_mean(metric, winner["race"]["entrants"]))
        told = f"{title_of(metric)} on the hold-out sets{in_unit(axes.xaxis, metric)}, a dot a seed"
        axes.set(xlabel=directed(told, metric))
    legend(figure, grid[0])
    return figure


def _draw_entrants(axes: Axes, ranked: Sequence[Mapping[str, Any]]) -> None:
    for place, entrant in enumerate(ranked):
        scores = [score for score in entrant["scores"] if score is not None]
        colour = FOUND if entrant["winner"] else START if _is_rival(entrant) else TRIAL
        axes.plot(scores, [place] * len(scores), "o", color=colour, alpha=0.55, markersize=6)
        if entrant["mean"] is not None:
            axes.plot([entrant["mean"]], [place], "|", color=colour, markersize=20, mew=2.5)
    for label, colour in (("winner", FOUND), ("rival", START), ("other candidate", TRIAL)):
        axes.plot([], [], "o", color=colour, label=label)
    axes.plot([], [], "|", color="black", markersize=14, mew=2.5, label="mean over the seeds")
    axes.set_yticks(range(len(ranked)), [named(entrant, ranked) for entrant in ranked], fontsize=9)
    axes.set_ylim(len(ranked) - 0.5, -0.5)
    axes.grid(axis="x", alpha=0.25)


def _is_rival(entrant: Mapping[str, Any]) -> bool:
    return bool(set(entrant["roles"]) - {"candidate", "surrogate"})
