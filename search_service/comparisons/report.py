"""The files of a comparison: one page to hand on, tables for people and machines, figures."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from search_service.comparisons import page as comparison_page
from search_service.comparisons.figures import draw_classes, draw_curves, draw_trimap
from search_service.comparisons.page import DrawnFigure, FinishedComparison
from search_service.comparisons.results import RANKSEG, WORST, Results, Table, score_of, title_of
from search_service.pages.canvas import png
from search_service.store.tables import Dataset
from surrogate_zoo.losses.document import Document
from surrogate_zoo.metrics.catalogue import METRICS

_USUAL = ("miou", "fwiou", "biou", "bf1", "macc", "gacc", "boundary-iou", "mba", WORST)
"""Columns of the Markdown table beside the request's metric; the other tables have all."""


def write(folder: Path, comparison: FinishedComparison) -> Iterator[Path]:
    """Write the files of a comparison into ``folder``, which is made if it is not there.

    Yields:
        Path of each file, once it is complete.
    """
    folder.mkdir(parents=True, exist_ok=True)
    results = comparison.results
    content = json.dumps(_content(results, comparison.facts), indent=1) + "\n"
    yield _written(folder / "comparison.json", content)
    yield _write_cells(folder / "comparison.csv", results)
    lines = markdown(results, comparison.dataset)
    yield _written(folder / "comparison.md", "\n".join(lines) + "\n")
    figures = list(_figures(results, comparison.documents))
    for figure in figures:
        if isinstance(figure.content, bytes):
            path = folder / f"{figure.name}.png"
            path.write_bytes(figure.content)
            yield path
    yield _written(folder / "report.html", comparison_page.render(comparison, figures))


def _written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def _figures(results: Results, documents: Mapping[str, Document]) -> Iterator[DrawnFigure]:
    """Every figure, or why there is none."""
    several = len(results.tables) > 1
    for index, table in enumerate(results.tables, 1):
        number, told = (f"-{index}", f", {table.name}") if several else ("", "")
        yield _drawn(f"trimap{number}", f"Near the borders{told}", draw_trimap(table))
        yield _drawn(f"classes{number}", f"Classes{told}", draw_classes(table))
    yield _drawn("curves", "Curves of the surrogates", draw_curves(documents))


def _drawn(name: str, title: str, figure: Figure | str) -> DrawnFigure:
    return DrawnFigure(name, title, figure if isinstance(figure, str) else png(figure))


def markdown(results: Results, dataset: Dataset) -> Iterator[str]:
    """Lines of the Markdown table: best in bold, what cannot be told from it in italics."""
    request = results.request
    images = dataset.report["images"].get(request.split)
    yield (
        f"{dataset.name}, split {request.split} ({images} images), {request.seeds} seeds, "
        f"{request.training.iterations} iterations. Percent, mean ± half of the 95% interval "
        "(Student's t over seeds). **Best**; *not told from it* (paired t-test, Holm, 5%). Rank: mean "
        f"over seeds by {METRICS[request.metric].title}."
    )
    for table in results.tables:
        scores = _columns(request.metric, table.scores)
        standings = {score: table.standings(score) for score in scores}
        yield ""
        yield f"**{table.name}**"
        yield ""
        yield f"| loss | rank | learning rate | {' | '.join(map(title_of, scores))} |"
        yield "|---" * (len(scores) + 3) + "|"
        for row in table.rows:
            rank = table.ranks.get(row.loss)
            cells = [
                row.loss if not row.failures else f"{row.loss} ({len(row.failures)} failed)",
                "" if rank is None else f"{rank:.1f}",
                f"{row.learning_rate:g}",
            ]
            for score in scores:
                standing = standings[score].get(row.loss)
                text = "" if standing is None else standing.estimate.percent()
                if standing is not None and standing.among_best:
                    text = f"*{text}*" if standing.to_best else f"**{text}**"
                cells.append(text)
            yield f"| {' | '.join(cells)} |"


def _columns(metric: str, scores: Sequence[str]) -> list[str]:
    wanted = {metric, *_USUAL, f"{RANKSEG}.{metric}"}
    return [score for score in scores if score in wanted]


def _content(results: Results, facts: Mapping[str, Any]) -> dict[str, Any]:
    """All there is to know, as JSON."""
    return {
        **facts,
        "networks": [
            {
                "network": dict(table.network),
                "losses": [
                    {
                        "loss": row.loss,
                        "learning_rate": row.learning_rate,
                        "tuning": {f"{rate:g}": score for rate, score in row.tuning.items()},
                        "rank": table.ranks.get(row.loss),
                        "seeds": {str(seed): dict(one) for seed, one in row.outcomes.items()},
                    }
                    for row in table.rows
                ],
                "standings": {score: _standings(table, score) for score in table.scores},
            }
            for table in results.tables
        ],
    }


def _standings(table: Table, score: str) -> dict[str, dict[str, Any]]:
    return {
        loss: {
            "mean": one.estimate.mean,
            "half_interval": one.estimate.half,
            "to_best": None if one.to_best is None else vars(one.to_best),
            "p_holm": one.p,
            "among_best": one.among_best,
        }
        for loss, one in table.standings(score).items()
    }


def _write_cells(path: Path, results: Results) -> Path:
    """One line a retraining."""
    scores = list(dict.fromkeys(score for table in results.tables for score in table.scores))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        columns = ["architecture", "encoder", "loss", "seed", "learning_rate", "seconds", "error"]
        writer.writerow([*columns, *scores])
        for table in results.tables:
            for row in table.rows:
                for seed, outcome in row.outcomes.items():
                    named = [table.network["architecture"], table.network["encoder"], row.loss]
                    facts = [seed, row.learning_rate, outcome["seconds"], outcome["error"]]
                    values = [score_of(outcome, score) for score in scores]
                    writer.writerow([*named, *facts, *values])
    return path
