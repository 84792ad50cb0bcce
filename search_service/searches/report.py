"""The files of a finished search: the loss, its trials as a table and for Optuna, figures, a report."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from search_service.pages.canvas import png
from search_service.samplers.contract import SamplerResult
from search_service.searches import optuna_export
from search_service.searches import page as report_page
from search_service.searches.figures.catalogue import FIGURES
from search_service.searches.figures.search import FinishedSearch
from search_service.store.tables import Trial
from surrogate_zoo.losses.document import dump_loss_file
from surrogate_zoo.losses.parameter_space import ParameterSpace


def write(
    folder: Path,
    space: ParameterSpace,
    document: dict[str, Any],
    result: SamplerResult,
    trials: Sequence[Trial],
) -> Iterator[Path]:
    """Write ``loss.json``, ``trials.csv``, ``study.db``, the figures and ``report.html``.

    Of :data:`search_service.searches.figures.catalogue.FIGURES` those are written that the search has
    enough trials and metrics for; the report says what the others lack.

    Yields:
        Path of each file below ``folder``, once it is complete.
    """
    folder.mkdir(parents=True, exist_ok=True)
    loss = folder / "loss.json"
    loss.write_text(dump_loss_file(document), encoding="utf-8")
    yield loss
    table = folder / "trials.csv"
    _write_table(table, space, trials)
    yield table
    study = folder / "study.db"
    objectives = space.target.metrics if space.mixed else ()
    optuna_export.write(
        study, space, document["name"], trials, facts=_told(space, document), objectives=objectives
    )
    yield study
    search = FinishedSearch(space, document, result, trials)
    figures = _draw(search)
    for name, content in figures.items():
        if isinstance(content, bytes):
            picture = folder / f"{name}.png"
            picture.write_bytes(content)
            yield picture
    page = folder / "report.html"
    page.write_text(report_page.render(search, figures), encoding="utf-8")
    yield page


def _draw(search: FinishedSearch) -> dict[str, bytes | str]:
    """Every figure by name: a PNG file's content, or why there is none."""
    drawn = {figure.name: figure.draw(search) for figure in FIGURES}
    return {
        name: figure if isinstance(figure, str) else png(figure) for name, figure in drawn.items()
    }


def _told(space: ParameterSpace, document: dict[str, Any]) -> dict[str, Any]:
    """What the study tells about its search."""
    facts = document["provenance"]
    header = {"metric": space.metric, "dataset": facts["dataset"]["name"]}
    return header | {name: facts[name] for name in ("seed", "search", "sampler")}


def _write_table(path: Path, space: ParameterSpace, trials: Sequence[Trial]) -> None:
    measured = sorted({name for trial in trials for name in trial.metrics})
    columns = ["number", "generation", "is_mean", "score", "seconds", "error"]
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow([*columns, *(f"holdout.{name}" for name in measured), *space.names])
        for trial in trials:
            facts = [getattr(trial, column) for column in columns]
            scores = [trial.metrics.get(name) for name in measured]
            table.writerow([*facts, *scores, *trial.theta])
