"""A search under Ray Tune: the searcher's own state, and real runs, one cut off and restored."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ray import tune
from ray.tune.schedulers import ASHAScheduler

from lossfit import LossSearch, SearchResult, Trial, search
from surrogate_zoo.errors import InputError, WorkerError
from tests.search_service.local.tiny_training import STEPS, evaluate, trainable
from tests.search_service.searches.external.scoring import score

EIGHT: dict[str, Any] = {
    "num_classes": 3,
    "sampler": {"name": "tpe", "trials": 8, "batch": 4, "startup": 4},
    "seed": 3,
}
"""Eight trials in two generations."""


def _scored(config: Mapping[str, Any], step: int = STEPS) -> dict[str, Any]:
    value = score(config["loss"], config["rate"], config["seed"])
    return {"miou": value, "training_iteration": step, "loss": 0.5}


def _trained(result: SearchResult) -> dict[str, Any]:
    """What is trained with of the loss file: its provenance tells times, and who trained."""
    document = result.document()
    return {name: value for name, value in document.items() if name not in {"provenance", "sha256"}}


def _batch(searcher: LossSearch, first: int, count: int = 4) -> dict[str, Any]:
    """Configs by the trial that got them; the next one has to wait."""
    ids = [f"trial-{number}" for number in range(first, first + count)]
    configs = {each: searcher.suggest(each) for each in ids}
    assert searcher.suggest("waits") is None
    return configs


@pytest.mark.slow
def test_proposals_follow_from_scores_and_a_state_goes_on_with_them(tmp_path: Path) -> None:
    found = search("miou", lambda t: score(t.document, t.rate, t.seed), race=None, **EIGHT)
    searcher: LossSearch = pickle.loads(pickle.dumps(LossSearch("miou", steps=STEPS, **EIGHT)))  # noqa: S301
    first = _batch(searcher, 0)
    assert [config["number"] for config in first.values()] == [0, 1, 2, 3]
    for trial in ("trial-2", "trial-0", "trial-3"):
        searcher.on_trial_complete(trial, _scored(first[trial]))
    searcher.save(str(tmp_path / "searcher-state-1.pkl"))

    restored = LossSearch("miou", steps=STEPS, **EIGHT)
    restored.restore(str(tmp_path / "searcher-state-1.pkl"))
    for each in (searcher, restored):
        assert each.suggest("waits") is None
        each.on_trial_complete("trial-0", _scored(first["trial-1"]))  # it is told already
        each.on_trial_complete("trial-1", _scored(first["trial-1"]))
    second = _batch(searcher, 4)
    assert second == _batch(restored, 4)
    for trial, config in reversed(second.items()):
        restored.on_trial_complete(trial, _scored(config))
    assert restored.suggest("none") == LossSearch.FINISHED
    assert _trained(restored.best()) == _trained(found)
    restored.save(str(tmp_path / "searcher-state-2.pkl"))
    kept = LossSearch.found_in(tmp_path)
    assert (kept.documents, kept.trials) == (restored.best().documents, restored.best().trials)
    assert "report.html" in kept.files
    with pytest.raises(InputError, match="The search is not over: 4 trials are told"):
        searcher.best()
    other = LossSearch("miou", steps=STEPS, **{**EIGHT, "seed": 4})
    with pytest.raises(InputError, match="of a search with another request"):
        other.restore(str(tmp_path / "searcher-state-2.pkl"))


@pytest.mark.slow
def test_trials_may_fail_or_be_cut_short() -> None:
    searcher = LossSearch("miou", steps=STEPS, **EIGHT)
    first = _batch(searcher, 0)
    searcher.on_trial_complete("trial-0", error=True)
    searcher.on_trial_complete("trial-1", {**_scored(first["trial-1"]), "miou": float("nan")})
    for step, value in ((1, 0.4), (2, 0.5), (1, 0.3)):  # Tune goes back to a checkpoint
        searcher.on_trial_result("trial-2", {"miou": value, "training_iteration": step})
    searcher.on_trial_complete("trial-2", {"miou": 0.75, "training_iteration": STEPS})
    searcher.on_trial_result("trial-3", {"miou": 0.25, "training_iteration": 1})
    searcher.on_trial_complete("trial-3")  # a scheduler removed it while it was paused
    second = _batch(searcher, 4)
    for trial, config in second.items():
        searcher.on_trial_complete(trial, _scored(config))
    told = {each.number: (each.score, each.error) for each in searcher.best().trials}
    assert len(told) == 8
    assert told[0] == (None, "It failed: Tune has the error with the trial.")
    assert told[1] == (None, "The training diverged: miou is nan.")
    assert told[2] == (0.75, None)
    assert told[3][0] == pytest.approx(0.6)  # 0.15 below the other after one step


def test_lower_may_be_better_and_a_request_without_sense_is_refused(tmp_path: Path) -> None:
    options: dict[str, Any] = {"num_classes": 2, "scoring": {"clustering": {"method": "watershed"}}}
    searcher = LossSearch("dic", **options)
    assert (searcher.metric, searcher.mode) == ("dic", "min")
    assert searcher.set_search_properties("dic", "min", {"epochs": 3}) is False
    with pytest.raises(InputError, match="The mode of dic is min, not max"):
        searcher.set_search_properties("dic", "max", {})
    with pytest.raises(InputError, match="param_space holds rate, seed"):
        searcher.set_search_properties(None, None, {"seed": 1, "rate": 0.1})
    several: Any = LossSearch("miou+bf1", num_classes=2)
    assert (several.metric, several.mode) == (["miou", "bf1"], ["max", "max"])
    with pytest.raises(InputError, match="leave halving out"):
        LossSearch("miou", num_classes=2, steps=4, halving={"rungs": [0.5]})
    with pytest.raises(InputError, match="has not begun here"):
        several.best()
    with pytest.raises(InputError, match="holds no state of a search"):
        LossSearch.found_in(tmp_path)
    (tmp_path / "searcher-state-1.pkl").write_bytes(b"another searcher's")
    with pytest.raises(InputError, match="is no state of a search"):
        LossSearch.found_in(tmp_path)


def test_no_score_or_one_that_fits_not_ends_the_search() -> None:
    one = {**EIGHT, "sampler": {"name": "random", "trials": 1}}
    searcher = LossSearch("miou", **one)
    searcher.suggest("trial-0")
    searcher.on_trial_complete("trial-0", {"miou": 71.0, "training_iteration": 1})
    for ask in (searcher.best, lambda: searcher.suggest("trial-1")):
        with pytest.raises(InputError, match="divide percent by 100"):
            ask()
    searcher = LossSearch("miou", **one)
    searcher.suggest("trial-0")
    searcher.on_trial_complete("trial-0", {"loss": 0.5, "training_iteration": 1})
    for ask in (searcher.best, lambda: searcher.suggest("trial-1")):
        with pytest.raises(WorkerError):
            ask()


class CutOff(tune.Callback):
    """Ends a run after five trials, once, in the middle of the second generation."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:  # noqa: ARG002
        over = [trial for trial in trials if trial.status == "TERMINATED"]
        if len(over) >= 5 and not self.mark.exists():
            self.mark.touch()
            raise RuntimeError("cut off")


def _tuner(searcher: LossSearch, folder: Path, scheduler: Any = None, **run: Any) -> Any:
    return tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(
            metric="miou",
            mode="max",
            search_alg=searcher,
            scheduler=scheduler,
            num_samples=-1,
            max_concurrent_trials=2,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(name="tune", storage_path=str(folder), verbose=0, **run),
    )


@pytest.mark.slow
@pytest.mark.usefixtures("local_ray")
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_a_run_that_is_cut_off_goes_on_with_the_same_proposals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed: dict[int, Any] = {}

    def noted(trial: Trial) -> float:
        handed[trial.number] = (dict(trial.document), trial.rate)
        return evaluate(trial)

    straight = search("miou", noted, race=None, **EIGHT)
    monkeypatch.setenv("TUNE_GLOBAL_CHECKPOINT_S", "0")
    callbacks = [CutOff(tmp_path / "mark")]
    with pytest.raises(RuntimeError, match="cut off"):
        _tuner(LossSearch("miou", steps=STEPS, **EIGHT), tmp_path, callbacks=callbacks).fit()
    results: Any = tune.Tuner.restore(str(tmp_path / "tune"), trainable).fit()
    configs = {result.config["number"]: result.config for result in results}
    assert {n: (each["loss"], each["rate"]) for n, each in configs.items()} == handed
    assert results.num_errors == 0
    found = LossSearch.found_in(results.experiment_path)
    assert _trained(found) == _trained(straight)
    assert [each.score for each in found.trials] == [each.score for each in straight.trials]


@pytest.mark.slow
@pytest.mark.usefixtures("local_ray")
@pytest.mark.filterwarnings("ignore")
def test_a_scheduler_of_tune_stops_trials(tmp_path: Path) -> None:
    sampler = {"name": "random", "trials": 4, "batch": 4}
    searcher = LossSearch("miou", steps=STEPS, **{**EIGHT, "sampler": sampler})
    asha = ASHAScheduler(max_t=STEPS, grace_period=1, reduction_factor=2)
    results = _tuner(searcher, tmp_path, asha).fit()
    found = searcher.best()
    steps = {result.config["number"]: result.metrics["training_iteration"] for result in results}
    endings = {trial.number: trial.ending for trial in found.trials}
    assert endings == {n: "trained" if step == STEPS else "stopped" for n, step in steps.items()}
    assert set(endings.values()) == {"trained", "stopped"}
    assert found.loss(3) is not None
