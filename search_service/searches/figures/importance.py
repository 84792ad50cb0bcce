"""How much each parameter decides whether a trial is among the best: PED-ANOVA.

Optuna's functional ANOVA needs scikit-learn besides; PED-ANOVA (Watanabe et al., IJCAI 2023) needs
NumPy alone, is deterministic, and is what optuna-dashboard shows first.
"""

from math import ceil

import numpy as np
import optuna
from matplotlib.figure import Figure
from numpy.typing import NDArray
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

from search_service.pages.canvas import FOUND, TRIAL, figure_of, legend
from search_service.samplers.optuna_study import box
from search_service.searches.figures.search import NO_CURVES, FinishedSearch
from search_service.spaces.space import Box
from search_service.spaces.zoo import ZooSpace

LEAST = 20
"""Fewer trials with a score tell nothing about parameters."""
_AMONG_BEST = 5  # the evaluator's documentation asks for as many trials as that
_BY_CHANCE = 60  # shares that shuffled scores have to give at least, of all parameters together
_MOST_BARS = 60


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
    shares = importances(search, space, scores)
    generator = np.random.default_rng(0)
    times = ceil(_BY_CHANCE / space.dimension)
    shuffled = [importances(search, space, generator.permutation(scores)) for _ in range(times)]
    return _bars(space.names, shares, float(np.quantile(shuffled, 0.95)))


def importances(
    search: FinishedSearch, space: Box, scores: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Importances of all parameters, shape (dimension,), which add up to 1.

    Args:
        search: Its trials with a score, n of them, tell where was searched.
        space: What was searched.
        scores: Their scores as merits, shape (n,), at least :data:`LEAST` and not all the same.
    """
    thetas = [trial.theta for trial, _ in search.scored]
    names, ranges = space.names, box(space, thetas)
    study = optuna.create_study(direction="maximize")
    study.add_trials(
        [
            optuna.trial.create_trial(
                params=dict(zip(names, theta, strict=True)), distributions=ranges, value=score
            )
            for theta, score in zip(thetas, scores.tolist(), strict=True)
        ]
    )
    evaluator = PedAnovaImportanceEvaluator(target_quantile=_share_of_best(len(scores)))
    # Without the names their order, and so that of equals, would change from process to process.
    importances = get_param_importances(study, evaluator=evaluator, params=list(names))
    return np.array([importances[name] for name in names])


def _share_of_best(trials: int) -> float:
    return max(0.1, _AMONG_BEST / trials)


def _worst_of_best(scores: NDArray[np.float64]) -> float:
    """The score from which on a trial counts among the best."""
    count = int(np.ceil(_share_of_best(len(scores)) * len(scores)))
    return float(np.sort(scores)[-count])


def _bars(names: tuple[str, ...], shares: NDArray[np.float64], chance: float) -> Figure:
    order = np.argsort(-shares, kind="stable")[:_MOST_BARS]
    figure = figure_of(7, 1.3 + 0.22 * len(order))
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
    legend(figure, axes)
    return figure
