"""Score against trial: what was measured is what is drawn."""

import numpy as np
from matplotlib.axes import Axes

from search_service.searches.figures import scores
from search_service.searches.figures.search import FinishedSearch
from surrogate_zoo.losses.parameter_space import ParameterSpace
from tests.search_service.searches.figures.finished import aimed_at, finished, points_of, trial

SPACE = ParameterSpace("0.7*miou+0.3*biou")
LINE = SPACE.start.tolist()
TRIALS = [trial(n, LINE, score) for n, score in enumerate([0.4, None, 0.5, 0.3])]


def drawn(search: FinishedSearch) -> Axes:
    (axes,) = scores.draw(search).axes
    return axes


def line(axes: Axes, label: str) -> list[tuple[float, float]]:
    (labelled,) = [line for line in axes.get_lines() if line.get_label() == label]
    return list(zip(*(values.tolist() for values in points_of(labelled)), strict=True))


def test_every_score_stands_over_its_trial() -> None:
    axes = drawn(finished(SPACE, TRIALS))
    assert np.asarray(axes.collections[0].get_offsets()).tolist() == [[0, 0.4], [2, 0.5], [3, 0.3]]
    assert line(axes, "best so far") == [(0, 0.4), (2, 0.5), (3, 0.5)]
    assert [x for x, _ in line(axes, "trial without a score")] == [1]
    assert axes.get_ylabel() == "0.7 mIoU + 0.3 BIoU on the hold-out set, %"


def test_where_lower_is_better_the_best_so_far_falls() -> None:
    search = aimed_at(
        "dic", [trial(n, LINE, score) for n, score in enumerate([4.0, None, 5.0, 3.0])]
    )
    axes = drawn(search)
    assert line(axes, "best so far") == [(0, 4.0), (2, 4.0), (3, 3.0)]
    assert axes.get_ylabel() == "|DiC| on the hold-out set (lower is better)"
    assert [one.number for one, _ in search.best] == [3, 0, 2]


def test_means_stand_in_the_middle_of_their_generation_and_one_is_published() -> None:
    axes = drawn(finished(SPACE, TRIALS))
    means = line(axes, "mean of a generation")
    assert np.allclose(means, [(0.5, 0.3), (2.5, 0.4)])
    assert line(axes, "published, at the score that it was chosen by") == [means[-1]]


def test_a_published_trial_is_marked_where_it_is() -> None:
    other = [0.5] * SPACE.dimension
    trials = [*TRIALS[:3], trial(3, other, 0.6)]
    search = finished(SPACE, trials, other)
    chosen = type(search.result)(search.result.theta, 0.55, 1, search.result.path, (0.4, 0.5))
    axes = drawn(FinishedSearch(search.space, search.documents, chosen, trials))
    assert line(axes, "published, at the score that it was chosen by") == [(3, 0.55)]
