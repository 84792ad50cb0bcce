"""Metrics of trials against each other."""

from dataclasses import replace

from matplotlib.figure import Figure

from search_service.searches.figures import trade_off
from surrogate_zoo.losses.parameter_space import ParameterSpace
from tests.search_service.searches.figures.finished import aimed_at, finished, points_of, trial


def test_two_metrics_of_a_target_have_one_panel() -> None:
    space = ParameterSpace("miou+bf1")
    theta = [0.25] * space.dimension
    trials = [
        trial(0, space.start, 0.5, miou=0.6, bf1=0.4),
        trial(1, theta, 0.5, miou=0.4, bf1=0.6),
        trial(2, space.start, 0.3, miou=0.3, bf1=0.3),
        trial(3, space.start, None),
    ]
    figure = trade_off.draw(finished(space, trials, theta))
    assert isinstance(figure, Figure)
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("mIoU, %", "BF1, %")
    front, published = [
        list(zip(*(values.tolist() for values in points_of(line)), strict=True))
        for line in axes.get_lines()
    ]
    assert front == [(0.6, 0.4), (0.4, 0.6)]
    assert published == [(0.4, 0.6)]


def test_a_winner_from_outside_of_the_space_is_no_trial() -> None:
    space = ParameterSpace("macc")
    start = space.start.tolist()
    search = finished(space, [trial(0, start, 0.5)], start)
    assert search.published(start)
    outside = replace(search, winners=[{"metric": "macc", "trial": None, "theta": None}])
    assert not outside.published(start)


def test_the_front_of_a_count_lies_where_it_is_low() -> None:
    pairs = [(0.5, 2.0), (0.6, 3.0), (0.4, 2.5), (0.7, 3.0), (0.3, 1.0)]
    trials = [
        trial(n, [0.5], sbd, sbd=sbd, dic=dic, ap50=0.5, pq=0.5)
        for n, (sbd, dic) in enumerate(pairs)
    ]
    figure = trade_off.draw(aimed_at("sbd", trials))
    assert isinstance(figure, Figure)
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("SBD, %", "|DiC|, objects (lower is better)")
    front = axes.get_lines()[0]
    assert list(zip(*(values.tolist() for values in points_of(front)), strict=True)) == [
        (0.7, 3.0),
        (0.5, 2.0),
        (0.3, 1.0),
    ]


def test_a_single_metric_is_shown_against_others() -> None:
    space = ParameterSpace("miou")
    measured = {"miou": 0.5, "bf1": 0.3, "macc": 0.6}
    figure = trade_off.draw(finished(space, [trial(0, space.start, 0.5, **measured)]))
    assert isinstance(figure, Figure)
    assert [axes.get_ylabel() for axes in figure.axes[:2]] == ["BF1, %", "mAcc, %"]


def test_what_was_not_measured_cannot_be_shown() -> None:
    space = ParameterSpace("miou")
    assert "No trial has" in str(trade_off.draw(finished(space, [trial(0, space.start, 0.5)])))
