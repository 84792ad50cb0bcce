"""The best score of each kind of loss, and the learning rate that it was at: one panel a metric."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from search_service.pages.canvas import START, TRIAL, figure_of, in_unit, legend
from search_service.searches.figures.search import FinishedSearch
from search_service.spaces.margins import PAPERS, SEARCHED, MarginSpace
from search_service.spaces.zoo import ZooSpace
from search_service.store.tables import Trial
from surrogate_zoo.metrics.targets import Target
from surrogate_zoo.metrics.titles import directed, title_of

NO_KINDS = "The search was of curves: all of its trials are of one kind of loss."


def draw(search: FinishedSearch) -> Figure | str:
    """Draw a dot for the best trial of each kind, with the factor on the learning rate beside it.

    Returns:
        The figure, or why there is none.
    """
    space = search.grouped
    if space is None:
        return NO_KINDS
    best = {metric: best_of_kinds(space, search, metric) for metric in space.metrics}
    most = max(map(len, best.values()))
    figure = figure_of(9, len(best) * (0.9 + 0.24 * most) + 0.4)
    grid = figure.subplots(len(best), 1, squeeze=False).flatten().tolist()
    for axes, (metric, kinds) in zip(grid, best.items(), strict=True):
        _draw_kinds(axes, space, kinds)
        told = f"best {title_of(metric)} of the search{in_unit(axes.xaxis, metric)}"
        axes.set(xlabel=directed(told, metric))
    legend(figure, grid[0])
    return figure


def best_of_kinds(
    space: ZooSpace | MarginSpace, search: FinishedSearch, metric: str
) -> dict[str, tuple[Trial, float]]:
    """Kind -> its best trial for a metric and that one's score, the best kind first."""
    target = Target(metric)
    best: dict[str, tuple[Trial, float]] = {}
    for trial, _ in search.scored:
        kind, score = space.group(trial.theta), target.score(trial.metrics)
        if score is None:
            continue
        if kind not in best or target.merit_of(score) > target.merit_of(best[kind][1]):
            best[kind] = (trial, score)
    return dict(sorted(best.items(), key=lambda pair: -target.merit_of(pair[1][1])))


def _draw_kinds(
    axes: Axes, space: ZooSpace | MarginSpace, kinds: dict[str, tuple[Trial, float]]
) -> None:
    for place, (trial, score) in enumerate(kinds.values()):
        handmade = space.handmade(trial.theta)
        axes.plot([score], [place], "o", color=START if handmade else TRIAL, markersize=7)
        rate = space.named(trial.theta)["rate"]
        axes.annotate(
            f"rate x {rate:.2g}",
            (score, place),
            xytext=(9, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color="#475569",
        )
    margins = isinstance(space, MarginSpace)
    axes.plot([], [], "o", color=START, label=PAPERS if margins else "handmade loss")
    axes.plot(
        [], [], "o", color=TRIAL, label=SEARCHED if margins else "surrogate of a metric, or a sum"
    )
    axes.set_yticks(range(len(kinds)), list(kinds), fontsize=9)
    axes.set_ylim(len(kinds) - 0.4, -0.6)
    axes.margins(x=0.15)
    axes.grid(axis="both", alpha=0.25)
