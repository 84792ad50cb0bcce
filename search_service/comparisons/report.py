"""The files of a comparison: one page to hand on, tables for people and machines, figures."""

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from matplotlib.figure import Figure

from search_service.comparisons import page as comparison_page
from search_service.comparisons.content import content_of
from search_service.comparisons.exports import markdown_rows
from search_service.comparisons.figures import draw_classes, draw_curves, draw_trimap
from search_service.comparisons.page import DrawnFigure, FinishedComparison
from search_service.comparisons.request import ComparisonRequest
from search_service.comparisons.results import HEADING, Results
from search_service.pages import canvas
from search_service.pages.csv_cells import shown
from search_service.store.tables import Dataset
from surrogate_zoo.losses.document import Document
from surrogate_zoo.metrics.titles import directed, title_of


def write(folder: Path, comparison: FinishedComparison) -> Iterator[Path]:
    """Write the files of a comparison into ``folder``, which is made if it is not there.

    Yields:
        Path of each file, once it is complete.
    """
    folder.mkdir(parents=True, exist_ok=True)
    results = comparison.results
    content = {**comparison.facts, **content_of(results)}
    yield _written(folder / "comparison.json", json.dumps(content, indent=1) + "\n")
    yield _write_cells(folder / "comparison.csv", results)
    lines = markdown(results, comparison.request, comparison.dataset)
    yield _written(folder / "comparison.md", "\n".join(lines) + "\n")
    figures = []
    for name, title, figure in _figures(results, comparison.documents):
        pictures = [] if isinstance(figure, str) else list(canvas.write(folder, name, figure))
        yield from pictures
        drawn = figure if isinstance(figure, str) else pictures[0].read_bytes()
        figures.append(DrawnFigure(name, title, drawn))
    yield _written(folder / "report.html", comparison_page.render(comparison, figures))


def _written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def _figures(
    results: Results, documents: Mapping[str, Document]
) -> Iterator[tuple[str, str, Figure | str]]:
    """Name and title of every figure, and the figure, or why there is none."""
    several = len(results.tables) > 1
    for index, table in enumerate(results.tables, 1):
        number, told = (f"-{index}", f", {table.name}") if several else ("", "")
        yield f"trimap{number}", f"Near the borders{told}", draw_trimap(table)
        yield f"classes{number}", f"Classes{told}", draw_classes(table)
    yield "curves", "Curves of the surrogates", draw_curves(documents)


def markdown(results: Results, request: ComparisonRequest, dataset: Dataset) -> Iterator[str]:
    """Lines of the Markdown table: best in bold, what cannot be told from it in italics."""
    images = dataset.report["images"].get(request.split)
    yield (
        f"{dataset.name}, split {request.split} ({images} images), {request.seeds} seeds, "
        f"{request.training.iterations} iterations. {HEADING}. **Best**; *not told from it* (paired "
        "t-test, Holm, 5%). Rank: mean over seeds by "
        f"{directed(title_of(request.metric), request.metric)}."
    )
    if results.hold_out:
        yield from ("", f"Learning rates were tuned with {results.hold_out}.")
    for table in results.tables:
        yield from ("", f"**{table.name}**", "")
        yield from markdown_rows(table)
        for note in table.notes():
            yield from ("", note)


def _write_cells(path: Path, results: Results) -> Path:
    """One line a retraining and way, with every column that some retraining has a value in."""
    columns = {column.name: column for table in results.tables for column in table.columns}
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        heading = ["architecture", "encoder", "loss", "clustering", "seed", "error"]
        writer.writerow(map(shown, [*heading, *columns]))
        for table in results.tables:
            network = [table.network["architecture"], table.network["encoder"]]
            for row in table.shown:
                for seed, outcome in row.outcomes.items():
                    values = [column.value(outcome) for column in columns.values()]
                    named = [*network, row.loss, row.clustering, seed, outcome.error]
                    writer.writerow(map(shown, [*named, *values]))
    return path
