"""The figures of a comparison: scores near borders, classes, and the curves of its surrogates."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from search_service.comparisons.results import Table
from search_service.comparisons.row import Row
from search_service.pages.canvas import START, figure_of, legend, name_axes, panels
from surrogate_zoo.curves.curves import curve_of
from surrogate_zoo.losses.document import Document
from surrogate_zoo.metrics.catalogue import METRICS

_TRIMAP, _OUTSIDE = "trimap_", "outside_"
_MARKERS = "osD^v<>Ph*"
MOST_BARS = 6
"""Losses whose classes are drawn side by side: the best ranked."""


def draw_trimap(table: Table) -> Figure | str:
    """Draw mIoU within a band around the true borders, and off it, against the width of the band."""
    drawn = [
        (prefix, where)
        for prefix, where in ((_TRIMAP, "in"), (_OUTSIDE, "off"))
        if any(column.name.startswith(prefix) for column in table.columns)
    ]
    if not drawn:
        return "No retraining has scores near borders."
    figure = figure_of(8.0 if len(drawn) == 1 else 10.0, 4.8)
    grid = figure.subplots(1, len(drawn), squeeze=False)[0]
    for axes, (prefix, where) in zip(grid, drawn, strict=True):
        axes.set_xscale("log")  # first: it brings ticks of its own
        _draw_bands(axes, table, prefix)
        axes.set(xlabel="width of the band in pixels", ylabel=f"mIoU {where} the band, %")
        axes.minorticks_off()
        axes.grid(color="#e2e8f0")
    legend(figure, grid[0], columns=3)
    return figure


def _draw_bands(axes: Axes, table: Table, prefix: str) -> None:
    """Draw the mean scores of one side of the bands, one line a loss."""
    bands = [column for column in table.columns if column.name.startswith(prefix)]
    widths = [int(band.name.removeprefix(prefix)) for band in bands]
    rows = [row for row in table.losses if all(row.values(band) for band in bands)]
    for index, row in enumerate(rows):
        means = [100 * fmean(row.values(band).values()) for band in bands]
        marker = _MARKERS[index // 10 % len(_MARKERS)]
        colour = colormaps["tab10"](index % 10)
        axes.plot(widths, means, marker=marker, markersize=4, color=colour, label=row.loss)
    axes.set_xticks(widths, [str(width) for width in widths])


def draw_classes(table: Table) -> Figure | str:
    """Draw the IoU of every class, with the losses of the best ranks side by side."""
    rows = [row for row in table.losses if class_iou(row)][:MOST_BARS]
    if not rows:
        return "No retraining has finished."
    classes = list(class_iou(rows[0]))
    figure = figure_of(max(7.0, 0.16 * len(classes) * (len(rows) + 1.5) + 1.5), 4.4)
    axes = figure.subplots()
    width = 0.8 / len(rows)
    for index, row in enumerate(rows):
        heights = [100 * (class_iou(row)[name] or 0.0) for name in classes]
        left = np.arange(len(classes)) - 0.4 + width / 2 + index * width
        axes.bar(left, heights, width, color=colormaps["tab10"](index), label=row.loss)
    axes.set_xticks(range(len(classes)), classes, rotation=45, ha="right", fontsize=9)
    axes.set(ylabel="IoU, %", xlim=(-0.6, len(classes) - 0.4))
    axes.grid(axis="y", color="#e2e8f0")
    axes.set_axisbelow(True)
    legend(figure, axes, columns=3)
    return figure


def class_iou(row: Row) -> dict[str, float | None]:
    """Mean IoU of every class over the seeds that have it."""
    scored = [cell.class_iou for cell in row.outcomes.values() if cell.class_iou]
    means: dict[str, float | None] = {}
    for name in scored[0] if scored else ():
        values = [value for scores in scored if (value := scores[name]) is not None]
        means[name] = fmean(values) if values else None
    return means


def draw_curves(documents: Mapping[str, Document]) -> Figure | str:
    """Draw the curves of all surrogates with parameters, one panel a surrogate."""
    surrogates = [each for document in documents.values() for each in _surrogates(document)]
    if not surrogates:
        return "No loss here is a surrogate with parameters."
    figure, grid = panels(len(surrogates))
    x = torch.linspace(0, 1, 201, dtype=torch.float64)
    for axes, surrogate in zip(grid, surrogates, strict=True):
        axes.plot([0, 1], [0, 1], color=START, linestyle="--", linewidth=0.8)
        for index, (name, points) in enumerate(surrogate["control_points"].items()):
            control_points = torch.tensor(points, dtype=torch.float64)
            curve = curve_of(surrogate["family"], control_points)(x)
            axes.plot(x.numpy(), curve.numpy(), color=colormaps["tab10"](index), label=name)
        axes.set(aspect="equal", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        title = METRICS[surrogate["metric"]].title
        axes.set_title(f"{surrogate['name']}\n({title})", fontsize=9)
        axes.legend(fontsize=7, frameon=False)
    name_axes(grid, "probability", "g")
    return figure


def _surrogates(document: Document) -> Sequence[dict[str, Any]]:
    """The surrogates in a loss that have control points."""
    if document["kind"] == "sum":
        return [each for term in document["terms"] for each in _surrogates(term["loss"])]
    return [document] if document.get("control_points") else []
