"""Plays the script of a dry run where a proxy training would be: no network, no image, no GPU.

Everything else is as it is of a training: packs, rungs and their states, progress, stops, outcomes.
"""

import os
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

from surrogate_zoo.errors import InputError, LossfitError
from surrogate_zoo.losses.drafts import measured
from surrogate_zoo.metrics.targets import Target
from workers.learning.device import choose_device, worker_facts
from workers.tasks.datasets import DryRunSource
from workers.tasks.dry_run import Act, Script
from workers.tasks.proxy import Candidate, Outcome, ProxyTask, state_path

PLACE = "LOSSFIT_PLACE"
"""Environment variable by which a script tells workers apart."""

TICK = 0.05  # seconds between two looks at whether to stop
HOLD_OUT = "nothing was held out: a dry run"
BEST = 0.6  # what all parameters of the best candidate are, squashed to -1..1
BY_NAMES = 0.1  # how much a score depends on names, beside numbers


def dry_run_pack(
    task: ProxyTask,
    candidates: Sequence[Candidate],
    *,
    device: str = "auto",
    progress: Callable[[int], None] = lambda _: None,
) -> list[Outcome]:
    """Play the script of a task for a pack; as ``workers.proxy.proxy.evaluate_pack``.

    Args:
        task: On a dataset that is a dry run.
        candidates: The losses.
        device: As there; told with the outcomes, and not used.
        progress: Called as steps pass; what it raises ends the evaluation.

    Returns:
        One outcome for each candidate, in the order of ``candidates``.

    Raises:
        InputError: The dataset is none, or its script refuses the task.
        MemoryError: Its script finds no memory.
        RuntimeError: Its script raises.
    """
    if not isinstance(task.dataset, DryRunSource):
        raise InputError("A dry run needs a dataset of the layout dry-run.")
    target = Target(task.metric)
    began = time.perf_counter()
    steps = task.stop_after or task.training.iterations
    ended = _play(task.dataset.script, task, candidates, steps, progress)
    facts = worker_facts(choose_device(device))
    outcomes = [
        replace(_outcome(target, candidate, steps, ended), worker=facts) for candidate in candidates
    ]
    if task.states is not None and task.stop_after is not None:
        for outcome in outcomes:
            _keep(state_path(task.states, outcome.number), steps)
    seconds = (time.perf_counter() - began) / len(candidates)
    return [replace(outcome, seconds=seconds, hold_out=HOLD_OUT) for outcome in outcomes]


def _play(
    script: Script,
    task: ProxyTask,
    candidates: Sequence[Candidate],
    steps: int,
    progress: Callable[[int], None],
) -> dict[int, int]:
    """Let the steps pass, and tell after how many the loss of whom became NaN."""
    total = task.training.iterations
    here = [act for act in script.acts if act.place in (None, os.environ.get(PLACE))]
    done = min(_kept(task, candidate.number) for candidate in candidates)
    ticks = max(1, min(steps - done, ceil(script.seconds / TICK)))
    ended: dict[int, int] = {}
    for tick in range(1, ticks + 1):
        before, done = done, done + (steps - done) // (ticks - tick + 1)
        time.sleep(script.seconds * (done - before) / total)
        for act in here:
            at = max(1, round(act.at * total))
            met = [candidate.number for candidate in candidates if act.meets(candidate.number)]
            if before < at <= done and met:
                _do(act, candidates, progress)
                ended |= dict.fromkeys(met, at) if act.do == "nan" else {}
        progress(done)
    return ended


def _do(act: Act, pack: Sequence[Candidate], progress: Callable[[int], None]) -> None:
    match act.do:
        case "sleep":
            until = time.monotonic() + act.seconds
            while (left := until - time.monotonic()) > 0:
                time.sleep(min(TICK, left))
                progress(0)
        case "raise":
            raise RuntimeError("The script raises.")
        case "refuse":
            raise InputError("The script of the dry run refuses the task.")
        case "exit":
            os._exit(1)
        case "hang":
            while True:
                time.sleep(3600)
        case "out-of-memory":
            if len(pack) > act.fits:
                raise MemoryError(f"The script has memory for {act.fits} candidates at once.")
        case "nan":
            return


def _outcome(target: Target, candidate: Candidate, steps: int, ended: Mapping[int, int]) -> Outcome:
    outcome = Outcome(candidate.number, None, {}, None, 0.0)
    if candidate.number in ended:
        at = ended[candidate.number]
        return replace(
            outcome,
            error=f"The loss became nan at iteration {at}.",
            iterations=at,
            failure="infeasible",
        )
    try:
        document, scales = measured(candidate.loss, lambda _: 1.0)
    except LossfitError as error:
        return replace(outcome, error=f"The loss cannot be loaded: {error}", failure="infeasible")
    rate = candidate.learning_rate
    told = {**document, "learning_rate": rate, "embedding": candidate.embedding}
    metrics = {name: score(told, name) for name in target.metrics}
    return replace(
        outcome,
        score=target.score(metrics),
        metrics=metrics,
        iterations=steps,
        scales=tuple(scales),
    )


def score(document: Mapping[str, Any], metric: str) -> float:
    """What a loss scores, in 0..1: a bowl over its numbers, lifted a little by its names.

    Args:
        document: A loss file's content, with what else tells candidates apart.
        metric: Each metric has a bowl of its own.
    """
    lift = zlib.crc32(metric.encode()) / 2**32
    names = zlib.crc32("".join(_texts(document)).encode()) / 2**32
    numbers = list(_numbers(document)) or [0.0]
    away = [(number / (1 + abs(number)) - BEST + lift / 4) ** 2 / 4 for number in numbers]
    bowl = 1 - sum(away) / len(away)
    return (1 - BY_NAMES) * bowl + BY_NAMES * names


def _leaves(value: object, key: str = "") -> Iterator[object]:
    """What a document holds, in the order of its keys; without its checksum and its story."""
    if isinstance(value, Mapping):
        for name in sorted(value):
            if name not in ("sha256", "provenance", "name", "title"):
                yield from _leaves(value[name], name)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _leaves(part, key)
    else:
        yield value


def _numbers(document: Mapping[str, Any]) -> Iterator[float]:
    for leaf in _leaves(document):
        if isinstance(leaf, int | float) and not isinstance(leaf, bool):
            yield float(leaf)


def _texts(document: Mapping[str, Any]) -> Iterator[str]:
    return (leaf for leaf in _leaves(document) if isinstance(leaf, str))


def _kept(task: ProxyTask, number: int) -> int:
    """Steps that a candidate has behind it."""
    if task.states is None:
        return 0
    path = state_path(task.states, number)
    most = task.stop_after or task.training.iterations
    return min(most - 1, int(path.read_text(encoding="ascii"))) if path.exists() else 0


def _keep(path: Path, steps: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(str(steps), encoding="ascii")
