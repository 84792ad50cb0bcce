"""The figures of a finished search."""

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from search_service.searches.figures import (
    curves,
    importance,
    kinds,
    race,
    scores,
    surface,
    trade_off,
)
from search_service.searches.figures.search import FinishedSearch


@dataclass(frozen=True)
class SearchFigure:
    """One entry of :data:`FIGURES`.

    Attributes:
        name: Its files are ``<name>.png`` and ``<name>.svg``.
        title: Its heading in a report.
        caption: What it shows, in a sentence or two.
        draw: Draws it, or says why it cannot.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[FinishedSearch], Figure | str]


FIGURES: tuple[SearchFigure, ...] = (
    SearchFigure(
        "race",
        "Race",
        "The scores of the losses that were trained again with fresh seeds: each seed cuts another "
        "hold-out set and draws other weights and batches, the same for all.",
        race.draw,
    ),
    SearchFigure(
        "scores",
        "Scores",
        "The score of every trial on the hold-out set; the mean of every generation, or the kinds of loss.",
        scores.draw,
    ),
    SearchFigure(
        "kinds",
        "Kinds of losses",
        "The best trial of each kind of loss, and the factor on the learning rate that it had. It is "
        "the best of several noisy scores, hence too high; the race tells more.",
        kinds.draw,
    ),
    SearchFigure(
        "curves",
        "Curves",
        "What the surrogate's logic takes for a probability. Above the line it counts as more.",
        curves.draw_curves,
    ),
    SearchFigure(
        "path",
        "Path of the search",
        "The parameters of the sampler's mean, or of the best trial so far, by generation. Colour "
        "tells the place along the curve from left to right.",
        curves.draw_path,
    ),
    SearchFigure(
        "importance",
        "Importance of the parameters",
        "How differently a parameter is spread among the best tenth of the trials (the best five if "
        "those are more) than among all. Bars left of the line are no more than chance.",
        importance.draw,
    ),
    SearchFigure(
        "surface",
        "Loss surface",
        "The loss of two classes where every pixel gives class 1 the probability p and a share y of "
        "the pixels is of class 1 (the left part of the image). The dots are the best p for each y.",
        surface.draw,
    ),
    SearchFigure(
        "trade-off",
        "Metrics against each other",
        "The metrics of every trial on the hold-out set, and the trials that no other one beats.",
        trade_off.draw,
    ),
)
"""All figures of a search, in the order in which a report shows them."""
