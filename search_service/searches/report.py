"""The files of a finished search: the loss, its trials as a table and for Optuna, figures, a report."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from search_service.pages import canvas
from search_service.pages.csv_cells import shown
from search_service.searches import optuna_export
from search_service.searches import page as report_page
from search_service.searches.figures.catalogue import FIGURES
from search_service.searches.figures.search import FinishedSearch
from search_service.spaces.space import Space
from search_service.store.tables import Trial
from surrogate_zoo.losses.document import dump_loss_file


def write(folder: Path, search: FinishedSearch) -> Iterator[Path]:
    """Write ``loss.json`` (or one file a metric), ``trials.csv``, ``study.db``, figures, ``report.html``.

    Of :data:`search_service.searches.figures.catalogue.FIGURES` those are written that the search has
    enough trials and metrics for, as PNG and SVG; the report says what the others lack.

    Yields:
        Path of each file below ``folder``, once it is complete.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for document in search.documents:
        name = "loss.json" if len(search.documents) == 1 else f"{document['name']}.json"
        loss = folder / name
        loss.write_text(dump_loss_file(document), encoding="utf-8")
        yield loss
    table = folder / "trials.csv"
    _write_table(table, search.space, search.trials)
    yield table
    study = folder / "study.db"
    optuna_export.write(
        study,
        search.space,
        search.document["name"],
        search.trials,
        facts=_told(search),
        objectives=search.objectives,
    )
    yield study
    drawn = {figure.name: figure.draw(search) for figure in FIGURES}
    figures: dict[str, bytes | str] = {}
    for name, figure in drawn.items():
        if isinstance(figure, str):
            figures[name] = figure
            continue
        pictures = list(canvas.write(folder, name, figure))
        figures[name] = pictures[0].read_bytes()
        yield from pictures
    page = folder / "report.html"
    page.write_text(report_page.render(search, figures), encoding="utf-8")
    yield page


def _told(search: FinishedSearch) -> dict[str, Any]:
    """What the study tells about its search."""
    facts = search.document["provenance"]
    header = {"metric": search.space.target.expression, "dataset": facts["dataset"]["name"]}
    return header | {name: facts[name] for name in ("seed", "search", "sampler")}


def _write_table(path: Path, space: Space, trials: Sequence[Trial]) -> None:
    measured = sorted({name for trial in trials for name in trial.metrics})
    columns = ["number", "generation", "is_mean", "score", "seconds", "error"]
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        named = [space.named(trial.theta) for trial in trials]
        names = list(dict.fromkeys(name for parameters in named for name in parameters))
        table.writerow([*columns, *(f"holdout.{name}" for name in measured), *names])
        for trial, parameters in zip(trials, named, strict=True):
            facts = [getattr(trial, column) for column in columns]
            scores = [trial.metrics.get(name) for name in measured]
            table.writerow(map(shown, [*facts, *scores, *(parameters.get(name) for name in names)]))
