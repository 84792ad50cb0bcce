"""Figures of comparisons: what their axes say."""

from search_service.comparisons import figures
from tests.search_service.comparisons.test_results import recorded, request, table_of


def test_bands_near_borders_are_named_by_their_widths() -> None:
    asked = request(seeds=1)
    figure = figures.draw_trimap(table_of(asked, recorded(asked)))
    assert not isinstance(figure, str)
    (axes,) = figure.axes
    figure.canvas.draw()
    assert axes.get_xscale() == "log"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["5", "10"]
    assert axes.get_ylabel() == "mIoU in the band, %"
