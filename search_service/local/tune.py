"""A search of losses as a search algorithm of Ray Tune: Tune trains on its cluster what the search proposes.

Read in Ray 2.60: ``tune/search/searcher.py``, ``tune/search/search_generator.py``,
``tune/execution/tune_controller.py``.
"""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any, Final

from ray.tune.search import Searcher

from search_service.local.ask_tell import AskTell
from search_service.local.job import request_of
from search_service.local.result import SearchResult
from search_service.searches.external.trial import Handout, not_finite
from surrogate_zoo.errors import InputError
from surrogate_zoo.metrics.catalogue import METRICS
from surrogate_zoo.metrics.targets import Target

_STEP: Final = "training_iteration"  # what Tune counts reports by
KEYS: Final = ("loss", "rate", "seed", "steps", "stage", "number", "num_classes", "facts")
"""What a trial's config has of the search."""


class LossSearch(Searcher):
    """Proposes losses to the trials of Ray Tune: ``tune.TuneConfig(search_alg=..., num_samples=-1)``.

    The config of a trial holds

    - ``loss``, the loss file's content: :func:`lossfit.loss_of` makes the loss of the config;
    - ``rate``, the factor on the learning rate that is good for cross entropy;
    - ``seed``, of everything random; the trials of the search share it;
    - ``steps``, as below, and ``number`` and ``stage`` of the trial.

    The trainable reports the search's metrics by name, as fractions: ``tune.report({"miou": 0.71})``; the
    last report counts. Proposals follow from the scores by the trials' numbers, so they are the same
    whichever trial ends first, and after ``Tuner.restore``. While trials of one generation are trained
    nothing else is proposed: a sampler's ``batch`` is what runs at a time.

    The search ends by itself, hence ``num_samples=-1``. What a scheduler stops before ``steps`` counts with
    the score that it would have come to by its distance to the others. A race's trainings have to be whole:
    ask for one with a scheduler that stops nothing.

    Args:
        metric: As of :func:`lossfit.search`, like all that is not told here.
        num_classes: Classes of the data.
        trials: Trials after the portfolio.
        sampler: A sampler's name or spec.
        seed: Of sampler and trainings.
        steps: Tune's training iterations of a whole training; needed where a scheduler stops trials.
        race: The race at the end; None publishes what the sampler found.
        **fields: Further fields of the request.

    Raises:
        InputError: That is no search.
    """

    def __init__(
        self,
        metric: str | Sequence[str],
        *,
        num_classes: int,
        trials: int | None = None,
        sampler: str | Mapping[str, Any] | None = None,
        seed: int = 0,
        steps: int | None = None,
        race: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> None:
        if fields.get("halving") is not None:
            raise InputError("Under Tune a scheduler of Tune stops trials: leave halving out.")
        self._request = request_of(
            metric,
            num_classes=num_classes,
            trials=trials,
            sampler=sampler,
            seed=seed,
            fields={**fields, "steps": steps, "race": race, "halving": None},
        )
        target = Target(self._request.metric)
        self._names, self._way = target.metrics, "max" if target.higher_is_better else "min"
        self._desk: AskTell | None = None
        self._wrong: InputError | None = None
        single = len(self._names) == 1
        names: Any = self._names[0] if single else list(self._names)  # Tune takes lists of both
        ways: Any = self._way if single else [self._way for _ in self._names]
        super().__init__(metric=names, mode=ways)

    def set_search_properties(
        self,
        metric: str | None,
        mode: str | None,
        config: dict[str, Any],
        **spec: Any,  # noqa: ARG002 - as every searcher
    ) -> bool:
        """Check what Tune was told against what is searched for; a space of Tune's own is not taken.

        Raises:
            InputError: The mode is not the metric's, or ``param_space`` holds what a trial's config gets of
                the search.
        """
        ours = metric is None or metric in self._names
        if ours and mode not in (None, self._way):
            raise InputError(f"The mode of {', '.join(self._names)} is {self._way}, not {mode}.")
        if taken := sorted(set(config) & set(KEYS)):
            raise InputError(
                f"param_space holds {', '.join(taken)}, which the search fills in: take other names."
            )
        return False

    def suggest(self, trial_id: str) -> Any:
        """The next trial's config; None while others have to end first, FINISHED at the search's end.

        Raises:
            InputError: A trial reported what does not fit the search.
            WorkerError: Not one trial got a score.
        """
        self._check()
        handout = self._begun.ask(trial_id)
        if handout is not None:
            return _config(handout, self._request.steps)
        return self.FINISHED if self._begun.over else None

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Note how a trial does on the way, for those that a scheduler stops."""
        metrics = self._measured(result)
        if self._request.steps is None or not self._begun.is_held(trial_id):
            return
        if set(self._names) <= set(metrics) and not_finite(None, metrics) is None:
            step = int(result[_STEP])
            self._noting(lambda: self._begun.report(trial_id, step, metrics))

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Take what a trial scored, whole or cut short, or that it failed; once for each trial."""
        if not self._begun.is_held(trial_id):
            return
        if error:
            self._begun.tell(trial_id, error="It failed: Tune has the error with the trial.")
        elif result:
            self._noting(lambda: self._take(trial_id, result))
        elif (last := self._begun.last_report(trial_id)) is not None:
            self._noting(lambda: self._begun.cut_short(trial_id, *last))
        else:
            self._begun.tell(trial_id, error="It was stopped before it reported a score.")

    def best(self) -> SearchResult:
        """What was found, after ``Tuner.fit``: the loss, its file, the trials, the report.

        Raises:
            InputError: The search is not over, or a trial reported what does not fit it.
            WorkerError: Not one trial got a score.
        """
        self._check()
        if self._desk is None:
            raise InputError(
                "The search has not begun here: Tuner.fit() runs it; LossSearch.found_in(folder) reads what "
                "was found under another Tuner, such as a restored one."
            )
        return self._desk.result()

    @classmethod
    def found_in(cls, folder: str | Path) -> SearchResult:
        """What was found by the search of an experiment of Tune, as :meth:`best` tells it.

        Args:
            folder: The experiment's, ``ResultGrid.experiment_path``.

        Raises:
            InputError: There is no search's state, or it is not over.
        """
        states = sorted(Path(folder).glob(cls.CKPT_FILE_TMPL.format("*")))
        if not states:
            raise InputError(f"{folder} holds no state of a search: name the experiment's folder.")
        desk = AskTell(None, states[-1])
        try:
            return desk.result()
        finally:
            desk.close()

    def save(self, checkpoint_path: str) -> None:
        """Write the search's state into a file; Tune does so beside its own."""
        self._begun.save(Path(checkpoint_path))

    def restore(self, checkpoint_path: str) -> None:
        """Go on from a state.

        Raises:
            InputError: It is that of another search, or none.
        """
        if self._desk is not None:
            self._desk.close()
        self._desk = AskTell(self._request, Path(checkpoint_path))

    def __getstate__(self) -> dict[str, Any]:
        """What a Tuner keeps of it before it begins; what it did is in :meth:`save`."""
        return {**self.__dict__, "_desk": None, "_wrong": None}

    @property
    def _begun(self) -> AskTell:
        if self._desk is None:
            self._desk = AskTell(self._request)
        return self._desk

    def _check(self) -> None:
        if self._wrong is not None:
            raise self._wrong

    def _noting(self, take: Callable[[], None]) -> None:
        """Note what does not fit: Tune would take an error here for the trial's, and go on."""
        try:
            take()
        except InputError as error:
            self._wrong = error

    def _take(self, trial_id: str, result: Mapping[str, Any]) -> None:
        metrics, steps = self._measured(result), self._request.steps
        if missing := [name for name in self._names if name not in metrics]:
            self._begun.tell(trial_id, error=f"Its result lacks {', '.join(missing)}.")
        elif (reason := not_finite(None, metrics)) is not None:
            self._begun.tell(trial_id, error=reason)
        elif steps is not None and (step := int(result[_STEP])) < steps:
            self._begun.cut_short(trial_id, step, metrics)
        else:
            self._begun.tell(trial_id, metrics)

    def _measured(self, result: Mapping[str, Any]) -> dict[str, float]:
        """The search's metrics among a result's numbers, and others that are numbers."""
        every = {name: float(result[name]) for name in {*METRICS, *self._names} if name in result}
        return {n: value for n, value in every.items() if n in self._names or isfinite(value)}


def _config(handout: Handout, steps: int | None) -> dict[str, Any]:
    return {
        "loss": dict(handout.document),
        "rate": handout.rate,
        "seed": handout.seed,
        "steps": steps,
        "stage": handout.stage,
        "number": handout.number,
        "num_classes": handout.num_classes,
        "facts": dict(handout.facts),
    }
