"""Scores of many trainings in a file of JSON: written pack by pack, so that a second run goes on from it."""

import json
import multiprocessing
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

Scores = dict[str, dict[str, float] | None]
"""Name of a training -> its metrics; None where it failed."""


def read(path: Path) -> Scores:
    """What an earlier run left; nothing if there was none."""
    found: Scores = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def add(path: Path, packs: Iterable[Callable[[], Scores]], processes: int) -> Scores:
    """Train packs in processes of their own, and add the scores of each to the file as it ends.

    Args:
        path: The file; its folder is made if it is not there.
        packs: What trains and gives its scores; pickled.
        processes: How many at once.

    Returns:
        All scores, earlier ones too.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scores = read(path)
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        running = [pool.submit(pack) for pack in packs]
        for done, future in enumerate(as_completed(running), 1):
            scores |= future.result()
            path.write_text(json.dumps(scores), encoding="utf-8")
            print(f"{done} of {len(running)} packs", flush=True)
    return scores
