"""Importances: found where they are, none where nothing can be told."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from search_service.searches.figures import importance
from search_service.searches.figures.search import FinishedSearch
from surrogate_zoo.losses.parameter_space import ParameterSpace
from tests.search_service.searches.figures.finished import finished, points_of, scored_by, trial

SPACE = ParameterSpace("macc")


def search_of(count: int = 60) -> FinishedSearch:
    """A search where the second parameter alone decides."""
    return finished(SPACE, scored_by(SPACE, count, lambda theta: 1 - abs(theta[1] - 0.3)))


def test_the_parameter_that_decides_stands_first_and_beyond_chance() -> None:
    figure = importance.draw(search_of())
    assert isinstance(figure, Figure)
    (axes,) = figure.axes
    assert axes.get_yticklabels()[0].get_text() == "and.v1"
    shares = [bar.get_width() for bar in axes.patches if isinstance(bar, Rectangle)]
    (chance,) = set(points_of(axes.get_lines()[0])[0].tolist())
    assert sum(shares) == pytest.approx(1)
    assert shares[0] > chance > shares[1]


def test_importances_repeat() -> None:
    search = search_of()
    scores = np.array([score for _, score in search.scored])
    thetas = [trial.theta for trial, _ in search.scored]
    again, turned = importance.importances(SPACE, thetas, [scores, scores[::-1]])
    assert importance.importances(SPACE, thetas, [scores])[0].tolist() == again.tolist()
    assert turned.tolist() != again.tolist()


def test_too_few_trials_have_no_importances() -> None:
    trials = [trial(n, SPACE.start, 0.5 if n < 19 else None) for n in range(40)]
    assert "at least 20 trials with a score; there are 19" in str(
        importance.draw(finished(SPACE, trials))
    )


def test_equal_scores_have_no_importances() -> None:
    same = finished(SPACE, scored_by(SPACE, 40, lambda _: 0.5))
    assert "no parameter decides" in str(importance.draw(same))
    # A few better ones, but fewer than those that count as the best.
    few = finished(SPACE, scored_by(SPACE, 40, lambda theta: 0.5 + (theta[0] > 0.95)))
    assert "no parameter decides" in str(importance.draw(few))


def test_what_was_tried_outside_the_box_counts() -> None:
    space = ParameterSpace("macc", "linear")
    trials = [trial(n, [0.4 * n, *[0.0] * 4], 0.1 * n) for n in range(25)]
    assert isinstance(importance.draw(finished(space, trials)), Figure)
