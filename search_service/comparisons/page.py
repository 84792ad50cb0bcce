"""A comparison as one HTML page that needs no other file and no network."""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from PIL import Image

from search_service.comparisons.request import ComparisonRequest
from search_service.comparisons.results import HEADING, Results, Table, Text
from search_service.pages.environment import PAGES, embedded
from search_service.pages.fact_rows import rows_of
from search_service.store.tables import Dataset
from surrogate_zoo.losses.document import Document
from surrogate_zoo.metrics.titles import directed, title_of
from workers.tasks.gallery import GalleryImage, GalleryResult

TILE: Final = 240
"""Width of a picture in the gallery, in pixels."""

CAPTIONS: Final = {
    "trimap": "mIoU of the pixels within so many pixels of a true border, on both sides, and of all "
    "others: mean over seeds.",
    "classes": "IoU of every class over all images, mean over seeds; the losses of the best ranks.",
    "curves": "What the logic of a surrogate takes for a probability. Dashed: no search.",
}


@dataclass(frozen=True)
class FinishedComparison:
    """A comparison that is over, and what is told about it.

    Attributes:
        results: What came out.
        request: What was asked for.
        dataset: What was trained on.
        documents: Loss -> loss file's content.
        facts: How it was run.
        gallery: Predictions side by side, if they were drawn.
        pictures: Folder of the gallery's files.
    """

    results: Results
    request: ComparisonRequest
    dataset: Dataset
    documents: Mapping[str, Document]
    facts: Mapping[str, Any]
    gallery: GalleryResult | None
    pictures: Path


@dataclass(frozen=True)
class DrawnFigure:
    """A figure of a report.

    Attributes:
        name: Its file is ``<name>.png``.
        title: Its heading.
        content: The PNG file's content, or why there is none.
    """

    name: str
    title: str
    content: bytes | str


def render(comparison: FinishedComparison, figures: Sequence[DrawnFigure]) -> str:
    """The page."""
    results, gallery = comparison.results, comparison.gallery
    facts = comparison.facts.items()
    return PAGES.get_template("comparison.html").render(
        request=comparison.request,
        heading=HEADING,
        metric=directed(title_of(results.metric), results.metric),
        dataset=comparison.dataset,
        images=comparison.dataset.report["images"].get(comparison.request.split),
        tables=[_view(table) for table in results.tables],
        documents=comparison.documents,
        figures=[
            (figure.title, CAPTIONS[figure.name.partition("-")[0]], *embedded(figure.content))
            for figure in figures
        ],
        gallery=[_tiles(image, comparison.pictures) for image in gallery.images] if gallery else [],
        colours=gallery.colours if gallery else {},
        summary=results.summary(),
        rows=[row for name, value in facts for row in rows_of(name, value)],
    )


def _view(table: Table) -> dict[str, Any]:
    """A table as texts, column by column, for every loss; beside each whether it is left out at first."""
    texts = [(table.texts(column), not column.short) for column in table.columns]
    return {
        "name": table.name,
        "titles": [(column.title, not column.short) for column in table.columns],
        "rows": [
            {
                "loss": row.name,
                "loss_alone": row.loss,
                "failed": len(row.failures),
                "rank": table.ranks.get(row.name),
                "cells": [(of_column.get(row.name, Text("")), more) for of_column, more in texts],
            }
            for row in table.shown
        ],
        "notes": list(table.notes()),
    }


def _tiles(image: GalleryImage, folder: Path) -> dict[str, Any]:
    """An image of the gallery with its files as data URIs."""
    return {
        "name": image.name,
        "disagreement": image.disagreement,
        "image": _tile(folder / image.image, Image.Resampling.LANCZOS),
        "truth": _tile(folder / image.truth),
        "losses": [
            (loss, _tile(folder / file), _tile(folder / image.errors[loss]))
            for loss, file in image.predictions.items()
        ],
        "objects": list(_objects(image, folder)),
    }


def _objects(image: GalleryImage, folder: Path) -> Iterator[tuple[str, str]]:
    """Title and picture of the true objects, then of those that every loss and way finds."""
    if image.true_objects is None:
        return
    true = image.true_objects
    yield f"truth: {true.count} objects", _tile(folder / true.file)
    for loss, ways in image.objects.items():
        for way, found in ways.items():
            told = f"{loss} · {way}: {found.count} found, {true.count} true"
            yield told, _tile(folder / found.file)


def _tile(path: Path, resampling: Image.Resampling = Image.Resampling.NEAREST) -> str:
    """A picture as a data URI; labels are resized without mixing colours."""
    content = BytesIO()
    with Image.open(path) as picture:
        size = (TILE, max(1, round(TILE * picture.height / picture.width)))
        picture.resize(size, resampling).save(content, format="PNG", optimize=True)
    return f"data:image/png;base64,{b64encode(content.getvalue()).decode()}"
