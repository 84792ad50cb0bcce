"""What all figures share: size, colours that the colour-blind tell apart, panels, legends.

Figures are made without pyplot, whose global state threads would share.
"""

from collections.abc import Sequence
from io import BytesIO
from math import ceil
from typing import Final

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

FOUND: Final = "#c2410c"
"""What a search publishes, and the means that lead to it."""
TRIAL: Final = "#1d4ed8"
"""Single trials."""
START: Final = "#64748b"
"""What is there without a search."""

_DPI: Final = 110


def figure_of(width: float, height: float) -> Figure:
    """An empty figure of this size in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def panels(count: int, *, columns: int = 4, side: float = 2.9) -> tuple[Figure, list[Axes]]:
    """A figure of ``count`` square panels in rows; ``side`` is that of a panel in inches."""
    across = min(count, columns)
    rows = ceil(count / across)
    figure = figure_of(max(across * side, 5.0), rows * side + 0.7)
    grid = figure.subplots(rows, across, squeeze=False).flatten().tolist()
    for axes in grid[count:]:
        axes.remove()
    return figure, grid[:count]


def name_axes(grid: Sequence[Axes], x: str, y: str) -> None:
    """Name the x axis of every panel, and the y axis of the first one in a row."""
    for axes in grid:
        axes.set_xlabel(x)
        position = axes.get_subplotspec()
        if position is None or position.is_first_col():
            axes.set_ylabel(y)


def legend(figure: Figure, axes: Axes, *, columns: int = 4) -> None:
    """Put the legend of what ``axes`` show below all panels, where it hides nothing."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=columns, fontsize=9, frameon=False
    )


def png(figure: Figure) -> bytes:
    """The figure as a PNG file's content."""
    content = BytesIO()
    figure.savefig(content, format="png", dpi=_DPI)
    return content.getvalue()
