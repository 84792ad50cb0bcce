"""The loss over (p, y), against what it must be by hand."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from search_service.searches.figures import surface
from surrogate_zoo.curves.families import CURVE_FAMILIES
from surrogate_zoo.losses.parameter_space import ParameterSpace
from tests.search_service.searches.figures.finished import (
    finished,
    finished_beside,
    points_of,
    trial,
)

Y, P = np.meshgrid(surface.SHARES, surface.PROBABILITIES, indexing="ij")


def losses(metric: str, family: str = "bezier", *, naive: bool = False) -> np.ndarray:
    space = ParameterSpace(metric, family)
    return surface.surface(finished(space, [trial(0, space.start, 0.5)]), naive=naive)


def test_without_search_it_is_the_metric_over_probabilities() -> None:
    accuracy = Y * P + (1 - Y) * (1 - P)
    assert np.allclose(losses("gacc", naive=True), 1 - accuracy, atol=1e-6)
    first = Y * P / (Y + (1 - Y) * P)
    second = (1 - Y) * (1 - P) / ((1 - Y) + Y * (1 - P))
    assert np.allclose(losses("miou", naive=True), 1 - (first + second) / 2, atol=1e-6)


def test_a_sum_is_the_weighted_mean_of_its_surrogates() -> None:
    for naive in (False, True):
        parts = [losses(metric, naive=naive) for metric in ("miou", "gacc")]
        both = losses("3*miou+gacc", naive=naive)
        assert np.allclose(both, (3 * parts[0] + parts[1]) / 4, atol=1e-6)


@pytest.mark.parametrize("companion", ["asl-macc-voc", "asl-miou-voc", "dice"])
def test_a_companion_is_left_out(companion: str) -> None:
    assert np.array_equal(surface.surface(finished_beside(companion)), losses("macc"))


@pytest.mark.parametrize("family", CURVE_FAMILIES)
def test_crisp_predictions_have_the_metrics_value_where_the_truth_table_holds(family: str) -> None:
    searched, naive = losses("miou", family), losses("miou", family, naive=True)
    assert not np.allclose(searched, naive)
    same = np.allclose(searched[:, [0, -1]], naive[:, [0, -1]], atol=1e-6)
    assert same or not CURVE_FAMILIES[family].truth_table


def test_it_is_drawn_beside_the_one_without_search() -> None:
    space = ParameterSpace("gacc")
    figure = surface.draw(finished(space, [trial(0, space.start, 0.5)]))
    assert isinstance(figure, Figure)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[:3] == ["published", "without search", "published - without search"]
    naive = figure.axes[1].get_lines()[0]  # accuracy without curves: all for the larger class
    probabilities, ys = points_of(naive)
    best = dict(zip(ys.tolist(), probabilities.tolist(), strict=True))
    assert all(p == (y > 0.5) for y, p in best.items())
    assert len(best) == len(surface.SHARES)


def test_where_every_p_is_as_good_none_is_marked() -> None:
    space = ParameterSpace("macc")  # without curves its loss is one half, whatever p
    figure = surface.draw(finished(space, [trial(0, space.start, 0.5)]))
    assert isinstance(figure, Figure)
    assert [len(axes.get_lines()) for axes in figure.axes[:3]] == [1, 0, 0]
