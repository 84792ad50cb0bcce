"""The loss over (p, y): two classes, everywhere the same probability p, a share y of pixels.

A network that gives class 1 the probability p at every pixel, of which a share y is of class 1,
knows nothing but how frequent the class is. What it had best predict shows what a loss favours.
"""

from typing import Any, Final

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.contour import QuadContourSet
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from search_service.pages.canvas import figure_of, legend, name_axes
from search_service.searches.figures.search import (
    NO_CURVES,
    NO_SURROGATE,
    FinishedSearch,
)
from search_service.spaces.margins import MarginSpace
from surrogate_zoo.losses.candidates import CandidateLosses
from surrogate_zoo.losses.surrogate import SurrogateLoss

_WIDTH: Final = 32  # pixels of the image; class 1 is its left part
_HEIGHT: Final = 4

PROBABILITIES: Final = (1 - np.cos(np.linspace(0, np.pi, 17))) / 2
"""p, closer together at the ends, where curves are steep."""
SHARES: Final = np.linspace(2, _WIDTH - 2, 8) / _WIDTH
"""y, never 0 or 1: a class that does not occur would be left out of means."""


def draw(search: FinishedSearch) -> Figure | str:
    """Draw the published loss, the one without a search, and the difference.

    Returns:
        The figure, or why there is none.
    """
    if not _surrogates(search):
        return NO_CURVES if isinstance(search.space, MarginSpace) else NO_SURROGATE
    searched, naive = surface(search), surface(search, naive=True)
    figure = figure_of(11, 4.2)
    axes = figure.subplots(1, 3, sharey=True)
    levels = np.linspace(
        min(searched.min(), naive.min()), max(searched.max(), naive.max()) + 1e-9, 13
    )
    for panel, values, title in zip(
        axes, (searched, naive), ("published", "without search"), strict=False
    ):
        filled = _contours(panel, values, levels, "viridis")
        _draw_best(panel, values)
        panel.set_title(title, fontsize=10)
    figure.colorbar(filled, ax=axes[:2], label="loss", format="%.2f")
    _draw_difference(figure, axes[2], searched - naive)
    name_axes(axes, "p: probability of class 1", "y: share of class 1 in the target")
    legend(figure, axes[0])
    return figure


def surface(search: FinishedSearch, *, naive: bool = False) -> NDArray[np.float64]:
    """The loss over :data:`SHARES` and :data:`PROBABILITIES`, in that order of axes.

    It is computed by the loss itself on images of two classes. Of several metrics it is the weighted
    mean of their surrogates' losses.

    Args:
        search: Its published surrogates are taken, without the companion of the candidates.
        naive: Take the product logic instead of the published curves.
    """
    losses = _losses(search, naive=naive)
    whole = sum(weight for weight, _ in losses)
    odds = torch.tensor(np.stack([1 - PROBABILITIES, PROBABILITIES], 1)).clamp_min(1e-12).log()
    logits = odds[:, None, :, None, None].expand(-1, 1, 2, _HEIGHT, _WIDTH)
    values = np.zeros((len(SHARES), len(PROBABILITIES)))
    with torch.no_grad():
        for weight, loss in losses:
            of_probabilities = CandidateLosses([loss] * len(PROBABILITIES))
            values += weight * np.stack([of_probabilities(logits, _target(y)) for y in SHARES])
    return values / whole


def _surrogates(search: FinishedSearch) -> list[tuple[float, dict[str, Any]]]:
    """Those of the first published loss that is made of some."""
    found = (search.surrogates(document) for document in search.documents)
    return next((surrogates for surrogates in found if surrogates), [])


def _losses(search: FinishedSearch, *, naive: bool) -> list[tuple[float, SurrogateLoss]]:
    losses = []
    for weight, body in _surrogates(search):
        curves = body["control_points"].values()
        points = None if naive else [value for row in curves for value in row]
        loss = SurrogateLoss(
            body["metric"], points, num_classes=2, family=body["family"], **body["options"]
        )
        loss.check_values = False
        losses.append((weight, loss))
    return losses


def _target(y: float) -> Tensor:
    return (torch.arange(_WIDTH) < round(y * _WIDTH)).long().expand(1, _HEIGHT, _WIDTH)


def _contours(
    axes: Axes, values: NDArray[np.float64], levels: NDArray[np.float64], colours: str
) -> QuadContourSet:
    filled = axes.contourf(PROBABILITIES, SHARES, values, levels=levels, cmap=colours)
    axes.contour(
        PROBABILITIES, SHARES, values, levels=levels[::2], colors="black", linewidths=0.4, alpha=0.5
    )
    return filled


def _draw_best(axes: Axes, values: NDArray[np.float64]) -> None:
    """Mark the best p of every y; where all are as good there is none."""
    low, high = values.min(1, keepdims=True), values.max(1, keepdims=True)
    share, p = np.nonzero((values < low + 1e-6) & (high > low + 1e-6))
    if p.size:  # the layout would make room for an empty line at the figure's corner
        axes.plot(
            PROBABILITIES[p],
            SHARES[share],
            "o",
            color="white",
            markeredgecolor="black",
            clip_on=False,
            zorder=3,
            label="best p for a y",
        )


def _draw_difference(figure: Figure, axes: Axes, difference: NDArray[np.float64]) -> None:
    most = max(float(np.abs(difference).max()), 1e-6)
    filled = _contours(axes, difference, np.linspace(-most, most, 14), "RdBu_r")
    axes.set_title("published - without search", fontsize=10)
    figure.colorbar(filled, ax=axes, label="difference", ticks=[-most, 0, most], format="%.2g")
