"""How much each parameter decides whether a trial is among the best: PED-ANOVA.

Optuna's functional ANOVA needs scikit-learn besides; PED-ANOVA (Watanabe et al., IJCAI 2023) needs
NumPy alone, is deterministic, and is what optuna-dashboard shows first.
"""

import warnings
from collections.abc import Callable, Sequence
from math import ceil

import numpy as np
import optuna
from matplotlib.figure import Figure
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, create_trial

from search_service.pages.canvas import FOUND, TRIAL, Room, figure_of, legend
from search_service.samplers.optuna_study import box
from search_service.searches.figures.search import NO_CURVES, FinishedSearch
from search_service.spaces.space import Box
from search_service.spaces.zoo import ZooSpace

LEAST = 20
"""Fewer trials with a score tell nothing about parameters."""
_AMONG_BEST = 5  # the evaluator's documentation asks for as many trials as that
_BY_CHANCE = 60  # shares that shuffled scores have to give at least, of all parameters together
_MOST_BARS = 60
_LETTER = 0.08  # inches of the names' letters at most, in the mean
_MOST_TRIALS = 1000  # of more, so many tell, spread evenly over the search


def draw(search: FinishedSearch) -> Figure | str:
    """Draw the importances as bars, and what chance alone reaches as a line.

    Returns:
        The figure, or why there is none.
    """
    space = search.space
    if isinstance(space, ZooSpace):
        return NO_CURVES
    scores = np.array([space.target.merit_of(score) for _, score in search.scored])
    if len(scores) < LEAST:
        return f"It takes at least {LEAST} trials with a score; there are {len(scores)}."
    if _worst_of_best(scores) <= scores.min():
        return "The best trials score no better than the rest: no parameter decides anything."
    thetas = [trial.theta for trial, _ in search.scored]
    kept = np.unique(np.linspace(0, len(scores) - 1, _MOST_TRIALS).round().astype(int))
    thetas, scores = [thetas[place] for place in kept], scores[kept]
    generator = np.random.default_rng(0)
    times = ceil(_BY_CHANCE / space.dimension)
    shuffles = [generator.permutation(scores) for _ in range(times)]
    shares, *shuffled = importances(space, thetas, [scores, *shuffles])
    return _bars(space.names, shares, float(np.quantile(shuffled, 0.95)))


def importances(
    space: Box, thetas: Sequence[Sequence[float]], columns: Sequence[NDArray[np.float64]]
) -> list[NDArray[np.float64]]:
    """Importances of all parameters, shape (dimension,), which add up to 1; for every column of scores.

    Args:
        space: What was searched.
        thetas: Of n trials, which tell where.
        columns: Scores of the trials as merits, shape (n,), at least :data:`LEAST` and not all the same.
    """
    # It loads scikit-learn, which takes seconds; most searches have too few trials for it.
    from optuna.importance import (  # noqa: PLC0415
        PedAnovaImportanceEvaluator,
        get_param_importances,
    )

    names, ranges = space.names, box(space, thetas)
    study = optuna.create_study(direction="maximize")
    for theta in thetas:
        params = dict(zip(names, theta, strict=True))
        study.add_trial(create_trial(params=params, distributions=ranges, value=0.0))
    evaluator = PedAnovaImportanceEvaluator(target_quantile=_share_of_best(len(thetas)))
    found = []
    for scores in columns:
        with warnings.catch_warnings(action="ignore"):  # and says so
            # Without the names their order, and so that of equals, would change between processes.
            shares = get_param_importances(
                study,
                evaluator=evaluator,
                params=list(names),
                target=_told(-scores),  # it takes the lowest for the best
            )
        found.append(np.array([shares[name] for name in names]))
    return found


def _told(scores: NDArray[np.float64]) -> Callable[[FrozenTrial], float]:
    """What each trial of a study is to have scored."""
    values: list[float] = scores.tolist()
    return lambda trial: values[trial.number]


def _share_of_best(trials: int) -> float:
    return max(0.1, _AMONG_BEST / trials)


def _worst_of_best(scores: NDArray[np.float64]) -> float:
    """The score from which on a trial counts among the best."""
    count = int(np.ceil(_share_of_best(len(scores)) * len(scores)))
    return float(np.sort(scores)[-count])


def _bars(names: tuple[str, ...], shares: NDArray[np.float64], chance: float) -> Figure:
    order = np.argsort(-shares, kind="stable")[:_MOST_BARS]
    figure = figure_of(7, 1.3 + 0.22 * len(order), measured=False)
    axes = figure.subplots()
    axes.barh([names[i] for i in order], shares[order], color=TRIAL, height=0.7)
    axes.axvline(
        chance,
        color=FOUND,
        linestyle="--",
        label="95% of the parameters stay below this where scores are shuffled",
    )
    axes.invert_yaxis()
    axes.margins(y=0.01)
    axes.tick_params(axis="y", labelsize=9)
    axes.set(xlabel="share of the importance (PED-ANOVA)", xlim=(0, None))
    if len(order) < len(names):
        axes.set_title(f"The {len(order)} most important of {len(names)} parameters", fontsize=10)
    axes.grid(axis="x", alpha=0.25)
    longest = max(len(names[place]) for place in order)
    legend(figure, axes, room=Room(left=0.25 + _LETTER * longest, top=0.35, bottom=0.55))
    return figure
