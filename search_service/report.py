"""The files of a finished search: the loss, all trials as a table and for Optuna, a picture."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from search_service import optuna_export
from search_service.figures import draw_search
from search_service.samplers import SamplerResult
from search_service.tables import Trial
from surrogate_zoo.loss_file import dump_loss_file
from surrogate_zoo.parameters import ParameterSpace


def write(
    folder: Path,
    space: ParameterSpace,
    document: dict[str, Any],
    result: SamplerResult,
    trials: Sequence[Trial],
) -> Iterator[Path]:
    """Write ``loss.json``, ``trials.csv``, ``study.db`` and ``search.png`` below ``folder``.

    Yields:
        Path of each file, once it is complete.
    """
    folder.mkdir(parents=True, exist_ok=True)
    loss = folder / "loss.json"
    loss.write_text(dump_loss_file(document), encoding="utf-8")
    yield loss
    table = folder / "trials.csv"
    _write_table(table, space, trials)
    yield table
    study = folder / "study.db"
    facts = document["provenance"]
    told = {
        "metric": space.metric,
        "dataset": facts["dataset"]["name"],
        "seed": facts["seed"],
    }
    told |= {"search": facts["search"], "sampler": facts["sampler"]}
    optuna_export.write(study, space, document["name"], trials, told)
    yield study
    picture = folder / "search.png"
    draw_search(picture, space, result, trials)
    yield picture


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
