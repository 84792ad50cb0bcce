"""Who goes on, decided inside Tune: by schedulers over trials, and by a searcher that hands out packs.

Read in Ray 2.60: ``tune/schedulers/hyperband.py``, ``tune/execution/tune_controller.py``.
"""

import pickle
from pathlib import Path
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, HyperBandScheduler
from ray.tune.search import Searcher

from benchmarks.ray_tune.contest import Contest
from benchmarks.ray_tune.folder import Folder


class InStep(FIFOScheduler):
    """Trials that take steps side by side, by the contest's own rule.

    It keeps nothing: who goes on follows from the scores that trials have reported, those that were
    stopped included. Tune does not save schedulers, so one that kept anything would begin anew after
    ``Tuner.restore``.
    """

    _supports_buffered_results = False

    def __init__(self, contest: Contest) -> None:
        """Take the contest's rule."""
        super().__init__()  # type: ignore[no-untyped-call]
        self._contest = contest

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Pause a trial that is ahead; stop it where it is not to go on."""
        scores = _scores(tune_controller) | {_number(trial): list(result["scores"])}
        stand = self._contest.stand(scores)
        if _number(trial) not in stand.left:
            return str(self.STOP)
        ahead = len(scores[_number(trial)]) >= stand.step
        return str(self.PAUSE if ahead else self.CONTINUE)

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        """The first that is behind; stops those that wait and are not to go on.

        Tune asks at every turn of its loop. When the result came in that decides of a trial, it may not have
        waited yet, because its checkpoint was being written.
        """
        scores = _scores(tune_controller)
        stand = self._contest.stand(scores)
        for trial in tune_controller.get_trials():
            if trial.status == Trial.PENDING:
                return trial
            if trial.status != Trial.PAUSED:
                continue
            if _number(trial) not in stand.left:
                tune_controller.stop_trial(trial)
            elif len(scores[_number(trial)]) < stand.step:
                return trial
        return None


class OneBracket(HyperBandScheduler):
    """Tune's own halving with one bracket for all candidates, of three rungs: 1, 2 and 4 quarters.

    As it is, twelve trials would be spread over brackets of 3, 3, 4 and 2, most of which begin at a
    later rung.
    """

    def __init__(self, trials: int) -> None:
        """Halve twice, for that many trials."""
        super().__init__("quarters", metric="score", mode="max", max_t=4, reduction_factor=2)
        self._get_n0 = lambda _: trials

    def _create_bracket(self, s: int) -> Any:  # noqa: ARG002
        return super()._create_bracket(self._s_max_1 - 1)  # type: ignore[no-untyped-call]


class PackSearcher(Searcher):
    """Hands out packs of the step that the contest stands at, and waits where all are under way."""

    def __init__(self, folder: Folder, size: int) -> None:
        """Hand out packs of at most ``size`` candidates."""
        super().__init__(metric="outcomes", mode="max")
        self._folder, self._size = folder, size
        self._contest = folder.contest
        self._scores: dict[int, list[float | None]] = {n: [] for n in self._contest.numbers}
        self._flying: dict[str, list[int]] = {}

    def suggest(self, trial_id: str) -> Any:
        """The next pack; None while there is none, FINISHED after the last."""
        stand = self._contest.stand(self._scores)
        if not stand.left:
            return Searcher.FINISHED
        flying = {number for pack in self._flying.values() for number in pack}
        due = [n for n in sorted(stand.left - flying) if len(self._scores[n]) < stand.step]
        if not due:
            return None
        self._flying[trial_id] = due[: self._size]
        return {
            "folder": str(self._folder.path),
            "numbers": self._flying[trial_id],
            "step": stand.step,
        }

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Take a pack's scores; one that failed is handed out again."""
        self._flying.pop(trial_id, None)
        for number, score in (result or {}).get("outcomes", []) if not error else []:
            self._scores[number].append(score)

    @property
    def scores(self) -> dict[int, list[float | None]]:
        """All scores so far."""
        return self._scores

    def save(self, checkpoint_path: str) -> None:
        """Write scores, and what is under way."""
        Path(checkpoint_path).write_bytes(pickle.dumps((self._scores, self._flying)))

    def restore(self, checkpoint_path: str) -> None:
        """Read them."""
        self._scores, self._flying = pickle.loads(Path(checkpoint_path).read_bytes())  # noqa: S301


def _number(trial: Any) -> int:
    return int(trial.config["number"])


def _scores(controller: Any) -> dict[int, list[float | None]]:
    """What every trial has reported, by candidate."""
    return {
        _number(trial): list((trial.last_result or {}).get("scores", []))
        for trial in controller.get_trials()
    }
