"""The picture of a search, whatever its curves."""

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from search_service.figures import _draw_curves, _draw_path, draw_search
from search_service.samplers import SamplerResult
from search_service.tables import Trial
from surrogate_zoo.curve_families import CURVE_FAMILIES
from surrogate_zoo.parameters import ParameterSpace


@pytest.fixture(params=CURVE_FAMILIES)
def space(request: pytest.FixtureRequest) -> ParameterSpace:
    return ParameterSpace("bf1", request.param)


def found(space: ParameterSpace) -> SamplerResult:
    path = (tuple(space.start.tolist()), tuple((space.start * 0.5 + space.high * 0.5).tolist()))
    return SamplerResult(path[1], 0.6, 1, path, (0.4, 0.6))


def test_a_search_of_any_family_is_drawn(space: ParameterSpace, tmp_path: Path) -> None:
    scores = [0.4, None, 0.5, 0.7]
    trials = [
        Trial(number=number, generation=number // 2, score=score)
        for number, score in enumerate(scores)
    ]
    draw_search(tmp_path / "search.png", space, found(space), trials)
    assert (tmp_path / "search.png").read_bytes().startswith(b"\x89PNG")


def test_curves_are_labelled_with_their_family_and_stay_in_the_unit_square(
    space: ParameterSpace,
) -> None:
    axes = Figure().subplots()
    _draw_curves(axes, space, found(space))
    assert axes.get_title() == f"Published curves ({space.family})"
    assert [line.get_label() for line in axes.get_lines()] == ["straight line", *space.curves]
    for line in axes.get_lines():
        assert 0 <= min(line.get_ydata()) <= max(line.get_ydata()) <= 1


def test_the_path_shows_the_cube_or_all_of_what_has_no_bounds(space: ParameterSpace) -> None:
    axes = Figure().subplots()
    _draw_path(axes, space, found(space))
    low, high = axes.get_ylim()
    if space.bounded:
        assert (low, high) == pytest.approx((-0.02, 1.02))
    else:
        assert low < 0
        assert high > 1.5  # the path ends half-way to the box's edge
