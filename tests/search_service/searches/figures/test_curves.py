"""Curves and the path of their parameters, in every curve family."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from search_service.searches.figures import curves
from surrogate_zoo.curves.families import CURVE_FAMILIES
from surrogate_zoo.losses.parameter_space import ParameterSpace
from tests.search_service.searches.figures.finished import (
    MACC,
    finished,
    finished_beside,
    points_of,
    trial,
)


@pytest.fixture(params=CURVE_FAMILIES)
def space(request: pytest.FixtureRequest) -> ParameterSpace:
    return ParameterSpace("miou+bf1", request.param)


def test_each_curve_has_a_panel_with_what_was_found(space: ParameterSpace) -> None:
    search = finished(space, [trial(0, space.start, 0.4), trial(1, space.start, 0.5)])
    figure = curves.draw_curves(search)
    assert isinstance(figure, Figure)
    assert [axes.get_title() for axes in figure.axes] == list(space.curves)
    for axes in figure.axes:
        straight, best, _, published = [points_of(line) for line in axes.get_lines()]
        assert np.allclose(*straight)
        assert np.allclose(*best)  # the trials are at the start, which is the straight line
        assert not np.allclose(*published)
        assert 0 <= published[1].min() <= published[1].max() <= 1


@pytest.mark.parametrize("companion", ["asl-macc-voc", "asl-miou-voc", "dice"])
def test_a_companion_is_no_curve_that_was_found(companion: str) -> None:
    drawn = []
    for search in (finished_beside(companion), finished(MACC, [trial(0, MACC.start, 0.5)])):
        figure = curves.draw_curves(search)
        assert isinstance(figure, Figure)
        drawn.append([points_of(line) for axes in figure.axes for line in axes.get_lines()])
    for beside, alone in zip(*drawn, strict=True):
        assert np.array_equal(beside, alone)


def test_the_path_has_every_parameter_once(space: ParameterSpace) -> None:
    search = finished(space, [trial(number, space.start, 0.4) for number in range(4)])
    figure = curves.draw_path(search)
    assert isinstance(figure, Figure)
    ends = [
        points_of(line)[1][-1]
        for axes in figure.axes
        for line in axes.get_lines()
        if len(points_of(line)[1]) == len(search.result.path) and line.get_marker() == "."
    ]
    assert ends == pytest.approx(search.result.theta)


def test_the_path_shows_the_box_or_all_of_what_has_no_bounds(space: ParameterSpace) -> None:
    figure = curves.draw_path(
        finished(space, [trial(number, space.start, 0.4) for number in (0, 2)])
    )
    assert isinstance(figure, Figure)
    low, high = figure.axes[0].get_ylim()
    if space.bounded:
        assert (low, high) == pytest.approx((-0.02, 1.02))
    else:
        assert low < 0
        assert high > 1.5  # some parameters go half-way to the box's edge
