"""The study that a search leaves for Optuna, read back by Optuna."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import RDBStorage
from optuna.trial import TrialState

from search_service.searches import optuna_export
from search_service.spaces.curves import CurveSpace
from search_service.store.tables import Trial
from surrogate_zoo.losses.parameter_space import ParameterSpace
from surrogate_zoo.metrics.targets import Target

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def trial(number: int, theta: list[float], score: float | None, **fields: Any) -> Trial:
    plain = {"generation": number // 2, "is_mean": False, "metrics": {}, "error": None}
    ended = NOON + timedelta(seconds=10 * number)
    return Trial(
        job_id="some", number=number, theta=theta, score=score, seconds=4.0, worker={},
        finished_at=ended, **(plain | fields),
    )  # fmt: skip


def exported(
    path: Path, space: ParameterSpace, trials: list[Trial], *objectives: str
) -> optuna.Study:
    optuna_export.write(
        path, CurveSpace(space), "asl-macc-shapes", trials,
        facts={"metric": space.metric}, objectives=objectives,
    )  # fmt: skip
    storage = RDBStorage(f"sqlite:///{path}")
    study = optuna.load_study(study_name="asl-macc-shapes", storage=storage)
    study.trials  # noqa: B018  (read before the connection is closed)
    storage.remove_session()
    storage.engine.dispose()
    return study


SPACE = ParameterSpace("macc")
TRIALS = [
    trial(0, SPACE.start.tolist(), 0.25, is_mean=True, metrics={"macc": 0.25, "miou": 0.125}),
    trial(1, [0.0, 1.0, 0.5, 0.25, 0.125, 0.75], None, error="loss became NaN"),
    trial(2, [0.1] * SPACE.dimension, 0.75),
]


def test_optuna_reads_what_was_tried(tmp_path: Path) -> None:
    study = exported(tmp_path / "study.db", SPACE, TRIALS)
    first, failed, best = study.get_trials(deepcopy=False)
    assert study.user_attrs == {"metric": "macc"}
    assert study.best_trial.number == best.number == 2
    assert [t.state for t in (first, failed)] == [TrialState.COMPLETE, TrialState.FAIL]
    assert (first.value, failed.value, best.value) == (0.25, None, 0.75)
    for theirs, ours in zip((first, failed, best), TRIALS, strict=True):
        assert [theirs.params[name] for name in SPACE.names] == ours.theta
        assert theirs.datetime_complete == ours.finished_at.replace(tzinfo=None)
        assert theirs.duration == timedelta(seconds=4)
        assert theirs.user_attrs["generation"] == ours.generation
    assert first.user_attrs["is_mean"]
    assert first.user_attrs["holdout"] == {"macc": 0.25, "miou": 0.125}
    assert failed.user_attrs["error"] == "loss became NaN"


class ForCounts(CurveSpace):
    """Curves that are searched for the number of objects."""

    @property
    def target(self) -> Target:
        return Target("dic")


def test_optuna_minimises_where_lower_is_better(tmp_path: Path) -> None:
    trials = [trial(n, SPACE.start.tolist(), score) for n, score in enumerate([2.5, 0.5, 4.0])]
    path = tmp_path / "study.db"
    optuna_export.write(path, ForCounts(SPACE), "few", trials)
    study = optuna.load_study(study_name="few", storage=f"sqlite:///{path}")
    assert (study.best_trial.number, study.best_value) == (1, 0.5)


def test_metrics_that_were_weighed_against_each_other_are_objectives(tmp_path: Path) -> None:
    space = ParameterSpace("miou+bf1")
    scores = [(0.5, 0.25), (0.25, 0.5), (0.25, 0.25)]
    trials = [
        trial(
            n, [n / 4] * space.dimension, sum(pair) / 2, metrics={"miou": pair[0], "bf1": pair[1]}
        )
        for n, pair in enumerate(scores)
    ]
    trials.append(trial(3, [1.0] * space.dimension, None, error="loss became NaN"))
    study = exported(tmp_path / "study.db", space, trials, "miou", "bf1")
    assert study.metric_names == ["miou", "bf1"]
    assert [tuple(one.values) for one in study.trials[:3]] == scores
    assert study.trials[3].state is TrialState.FAIL
    assert {one.number for one in study.best_trials} == {0, 1}


def test_optuna_goes_on_with_the_study(tmp_path: Path) -> None:
    study = exported(tmp_path / "study.db", SPACE, TRIALS)
    again = optuna.create_study(direction="maximize")
    again.add_trials(study.get_trials())
    asked = again.ask(study.trials[0].distributions)
    assert set(asked.params) == set(SPACE.names)
    assert asked.number == 3


def test_the_search_space_holds_what_was_tried_outside_its_box(tmp_path: Path) -> None:
    space = ParameterSpace("macc", "linear")
    theta = [9.0, *[-8.0] * (space.dimension - 1)]
    study = exported(tmp_path / "study.db", space, [trial(0, theta, 0.5)])
    assert study.trials[0].params == dict(zip(space.names, theta, strict=True))


def test_a_file_that_is_there_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    path.write_text("half a file of a run that was killed")
    exported(path, SPACE, TRIALS)
    assert len(exported(path, SPACE, TRIALS[:1]).trials) == 1
