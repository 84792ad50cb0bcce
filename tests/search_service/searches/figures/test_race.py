"""The race and the kinds of losses: what was scored is what is drawn."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from search_service.searches.figures import curves, kinds, race, scores, surface
from surrogate_zoo.losses.parameter_space import ParameterSpace
from tests.search_service.searches.figures.finished import (
    ZOO,
    finished,
    finished_zoo,
    points_of,
    trial,
)

PLAIN = ParameterSpace("macc")


def names(axes: Axes) -> list[str]:
    return [label.get_text() for label in axes.get_yticklabels()]


def test_every_metric_has_its_race_the_best_first() -> None:
    figure = race.draw(finished_zoo())
    assert isinstance(figure, Figure)
    regions, recall = figure.axes
    assert names(regions) == ["surrogate-miou", "lovasz (handmade)"]
    assert names(recall) == ["lovasz (handmade)", "surrogate-macc"]
    seeds, mean = (points_of(line) for line in regions.get_lines()[:2])
    assert seeds[0].tolist() == pytest.approx([0.59, 0.60, 0.61])
    assert (mean[0].tolist(), mean[1].tolist()) == ([0.6], [0])


def test_every_kind_that_was_tried_has_its_best_trial() -> None:
    search = finished_zoo()
    figure = kinds.draw(search)
    assert isinstance(figure, Figure)
    assert names(figure.axes[0]) == ["cross-entropy", "surrogate-miou", "lovasz"]
    best = kinds.best_of_kinds(ZOO, search, "miou")
    assert {name: one.number for name, (one, _) in best.items()} == {
        "cross-entropy": 5,
        "surrogate-miou": 4,
        "lovasz": 3,
    }
    assert [text.get_text() for text in figure.axes[0].texts] == [
        "rate x 2",
        "rate x 1",
        "rate x 0.5",
    ]


def test_scores_of_the_zoo_are_told_apart_by_kind_and_the_winners_marked() -> None:
    (axes,) = scores.draw(finished_zoo()).axes
    drawn = {str(c.get_label()): np.asarray(c.get_offsets()) for c in axes.collections}
    assert drawn["lovasz"].tolist() == [[3, pytest.approx(0.43)], [2, pytest.approx(0.42)]]
    (star,) = [line for line in axes.get_lines() if "winner" in str(line.get_label())]
    assert points_of(star)[0].tolist() == [1, 2]


def test_the_published_surrogates_have_curves_and_a_surface() -> None:
    search = finished_zoo()
    figure = curves.draw_curves(search)
    assert isinstance(figure, Figure)
    assert [axes.get_title() for axes in figure.axes] == [
        f"mine-miou\nmiou:{curve}" for curve in ParameterSpace("miou").curves
    ]
    assert isinstance(surface.draw(search), Figure)
    assert isinstance(curves.draw_path(search), str)


def test_searches_without_a_race_or_kinds_say_so() -> None:
    search = finished(PLAIN, [trial(0, PLAIN.start, 0.5)])
    assert race.draw(search) == race.NO_RACE
    assert kinds.draw(search) == kinds.NO_KINDS
