"""A finished search as an Optuna study in a file: ``optuna-dashboard sqlite:///study.db`` opens it."""

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    distribution_to_json,
)
from optuna.exceptions import ExperimentalWarning
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState
from sqlalchemy import Connection, MetaData, StaticPool, insert, text

from search_service.samplers.optuna_study import box
from search_service.spaces.curves import CurveSpace
from search_service.spaces.margins import MarginSpace
from search_service.spaces.space import Space
from search_service.store.tables import Trial
from surrogate_zoo.metrics.targets import Target

_CHOICES = ("loss", "width")
"""Parameters with a few values."""


def write(
    path: Path,
    space: Space,
    name: str,
    trials: Sequence[Trial],
    *,
    facts: Mapping[str, Any] | None = None,
    objectives: Sequence[str] = (),
) -> None:
    """Write an SQLite file that holds one study, as :func:`optuna.load_study` reads it.

    A trial has its number, parameters by the names of ``space``, score and
    times, in UTC without a zone, as Optuna keeps them. A failed one is in the state FAIL. Its
    attributes are ``generation``, ``is_mean``, ``error`` and ``holdout``, all metrics that were
    measured.

    Args:
        path: The file; one that is there is replaced.
        space: What was searched; its box, widened to hold all trials, is Optuna's search space.
        name: Name of the study.
        trials: Of one search, by number, without a gap.
        facts: Attributes of the study.
        objectives: Metrics that the search weighed against each other, which a trial then has as its
            values instead of the score. Without any, the one value is called as the search's metric.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # it reports every study otherwise
    path.unlink(missing_ok=True)
    named = [_named(space, trial) for trial in trials]
    ranges = _ranges(space, trials, named)
    with _in_memory() as storage:
        sought = list(objectives) or [space.target.expression]
        way = {True: StudyDirection.MAXIMIZE, False: StudyDirection.MINIMIZE}
        directions = [way[Target(each).higher_is_better] for each in sought]
        study = optuna.create_study(storage=storage, study_name=name, directions=directions)
        with warnings.catch_warnings(action="ignore", category=ExperimentalWarning):
            study.set_metric_names(sought)
        for fact, value in (facts or {}).items():
            study.set_user_attr(fact, value)
        with storage.engine.begin() as connection:
            _insert(connection, _rows(trials, named, ranges, objectives))
        with storage.engine.connect() as connection:
            connection.execute(text("VACUUM INTO :path"), {"path": str(path)})


def _named(space: Space, trial: Trial) -> dict[str, Any]:
    """A trial's parameters by name: coordinates of curves; of the zoo, those of the trial's own kind."""
    if isinstance(space, CurveSpace):
        return dict(zip(space.names, trial.theta, strict=True))
    if isinstance(space, MarginSpace):
        return {name: value for name, value in space.named(trial.theta).items() if name != "radius"}
    loss, *own = space.named(trial.theta).items()
    shared = {"rate", "cross-entropy", "second"}
    return dict([loss, *((n if n in shared else f"{loss[1]}.{n}", value) for n, value in own)])


def _ranges(
    space: Space, trials: Sequence[Trial], named: Sequence[Mapping[str, Any]]
) -> dict[str, BaseDistribution]:
    """Optuna's distribution of every parameter.

    That is the box of curves, widened to hold all trials; elsewhere the range that trials span.
    """
    if isinstance(space, CurveSpace):
        return box(space, [trial.theta for trial in trials])
    columns: dict[str, list[Any]] = {}
    for parameters in named:
        for name, value in parameters.items():
            columns.setdefault(name, []).append(value)
    return {
        name: CategoricalDistribution(sorted(set(values)))
        if name in _CHOICES
        else FloatDistribution(min(values), max(values))
        for name, values in columns.items()
    }


@contextmanager
def _in_memory() -> Iterator[RDBStorage]:
    """A database in memory: a file would be synchronised with the disk at every trial."""
    storage = RDBStorage("sqlite://", engine_kwargs={"poolclass": StaticPool})
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _insert(connection: Connection, rows: Mapping[str, list[dict[str, Any]]]) -> None:
    """Insert the rows of the one study's trials, table by table.

    Optuna's own way takes four statements a parameter, minutes for thousands of trials.
    """
    tables = MetaData()
    tables.reflect(connection, only=list(rows))
    for name, of_table in rows.items():
        if of_table:
            connection.execute(insert(tables.tables[name]), of_table)


def _rows(
    trials: Sequence[Trial],
    named: Sequence[Mapping[str, Any]],
    ranges: Mapping[str, BaseDistribution],
    objectives: Sequence[str],
) -> dict[str, list[dict[str, Any]]]:
    """The trials as Optuna's tables hold them: table -> rows, those first that others point to."""
    told = {name: distribution_to_json(ranges[name]) for name in ranges}
    rows: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("trials", "trial_values", "trial_params", "trial_user_attributes")
    }
    for key, (trial, parameters) in enumerate(zip(trials, named, strict=True), 1):
        values = _values(trial, objectives)
        ended = _naive(trial.finished_at)
        state = TrialState.COMPLETE if values else TrialState.FAIL
        rows["trials"].append(
            {
                "trial_id": key, "number": trial.number, "study_id": 1, "state": state.name,
                "datetime_start": ended - timedelta(seconds=trial.seconds), "datetime_complete": ended,
            }
        )  # fmt: skip
        rows["trial_values"] += [
            {"trial_id": key, "objective": place, "value": value, "value_type": "FINITE"}
            for place, value in enumerate(values)
        ]
        rows["trial_params"] += [
            {
                "trial_id": key, "param_name": name, "distribution_json": told[name],
                "param_value": ranges[name].to_internal_repr(value),
            }
            for name, value in parameters.items()
        ]  # fmt: skip
        rows["trial_user_attributes"] += [
            {"trial_id": key, "key": name, "value_json": json.dumps(value)}
            for name, value in _attributes(trial).items()
        ]
    return rows


def _values(trial: Trial, objectives: Sequence[str]) -> list[float]:
    """What a trial scored; nothing of a failed one."""
    if trial.score is None:
        return []
    return [trial.metrics[name] for name in objectives] or [trial.score]


def _attributes(trial: Trial) -> dict[str, Any]:
    attributes: dict[str, Any] = {"generation": trial.generation, "is_mean": trial.is_mean}
    attributes |= {"error": trial.error} if trial.error is not None else {}
    return attributes | ({"holdout": dict(trial.metrics)} if trial.metrics else {})


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
