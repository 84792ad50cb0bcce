"""What all figures share: size, colours that the colour-blind tell apart, panels, legends.

Figures are made without pyplot, whose global state threads would share.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from math import ceil
from pathlib import Path
from typing import Final, Literal

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from surrogate_zoo.metrics.titles import SHARES, unit_of

FOUND: Final = "#c2410c"
"""What a search publishes, and the means that lead to it."""
TRIAL: Final = "#1d4ed8"
"""Single trials."""
START: Final = "#64748b"
"""What is there without a search."""

_DPI: Final = 110
rcParams["svg.hashsalt"] = "lossfit"  # else the same figure has other ids each time
_LINE: Final = 0.21  # inches of a line of the legend


@dataclass(frozen=True)
class Room:
    """Room around and between panels, in inches, for what stands there.

    Where it is known, matplotlib need not measure every text twice to find it, which takes as long as
    all the drawing.
    """

    left: float = 0.8
    right: float = 0.2
    top: float = 0.4
    bottom: float = 0.65
    across: float = 0.5
    down: float = 0.8


def figure_of(width: float, height: float, *, measured: bool = True) -> Figure:
    """An empty figure of this size in inches.

    Args:
        width: Of the figure.
        height: Of the figure.
        measured: Room for texts is measured when it is drawn; else :func:`legend` is told.
    """
    figure = Figure(figsize=(width, height), layout="constrained" if measured else None)
    FigureCanvasAgg(figure)
    return figure


def panels(
    count: int, *, columns: int = 4, side: float = 2.9, measured: bool = True
) -> tuple[Figure, list[Axes]]:
    """A figure of ``count`` square panels in rows; ``side`` is that of a panel in inches."""
    across = min(count, columns)
    rows = ceil(count / across)
    figure = figure_of(max(across * side, 5.0), rows * side + 0.7, measured=measured)
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


def in_unit(axis: Axis, score: str) -> str:
    """Let an axis count a score in the unit that tables have; gives what its name ends with for that."""
    unit = unit_of(score)
    axis.set_major_formatter(lambda value, _: f"{unit.factor * value:g}")
    return ", %" if unit is SHARES else ""


def legend(figure: Figure, axes: Axes, *, columns: int = 4, room: Room | None = None) -> None:
    """Put the legend of what ``axes`` show below all panels, where it hides nothing.

    Args:
        figure: All panels of one grid.
        axes: One of them.
        columns: Of the legend.
        room: Of a figure that is not measured.
    """
    handles, labels = axes.get_legend_handles_labels()
    place: Literal["outside lower center", "lower center"] = "lower center"
    if room is None:
        place = "outside lower center"
    figure.legend(handles, labels, loc=place, ncols=columns, fontsize=9, frameon=False)
    if room is not None:
        _settle(figure, room, 0.1 + _LINE * ceil(len(handles) / columns))


def _settle(figure: Figure, room: Room, below: float) -> None:
    """Put the panels where ``room`` is left, and ``below`` inches for the legend."""
    width, height = figure.get_size_inches()
    grid = figure.axes[0].get_gridspec()
    if grid is None:
        return
    wide = (width - room.left - room.right - room.across * (grid.ncols - 1)) / grid.ncols
    bottom = room.bottom + below
    high = (height - room.top - bottom - room.down * (grid.nrows - 1)) / grid.nrows
    figure.subplots_adjust(
        left=room.left / width,
        right=1 - room.right / width,
        bottom=bottom / height,
        top=1 - room.top / height,
        wspace=room.across / wide,
        hspace=room.down / high,
    )


def png(figure: Figure) -> bytes:
    """The figure as a PNG file's content."""
    content = BytesIO()
    figure.savefig(content, format="png", dpi=_DPI)
    return content.getvalue()


def svg(figure: Figure) -> bytes:
    """The figure as an SVG file's content, texts as outlines; the same figure gives the same bytes."""
    content = BytesIO()
    figure.savefig(content, format="svg", metadata={"Date": None})
    return content.getvalue()


def write(folder: Path, name: str, figure: Figure) -> Iterator[Path]:
    """Write a figure as ``<name>.png`` and, to be printed, as ``<name>.svg``; yield each path."""
    for form in (png, svg):
        path = folder / f"{name}.{form.__name__}"
        path.write_bytes(form(figure))
        figure.set_layout_engine("none")  # both have one size: what was measured holds
        yield path
