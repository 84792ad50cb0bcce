"""Searched margins beside the paper's: what is trained next, what is kept, and their table."""

import argparse
import math
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest

from benchmarks.margins import (
    FIRST_SEED,
    WATERSHED,
    WHOLE,
    Bench,
    TimeIsUpError,
    lines_of,
    parse,
    report,
)
from benchmarks.transfer import Ledger
from search_service.spaces.margins import MarginSpace
from workers.tasks.proxy import Candidate, ProxyTask

SPACE = MarginSpace(("sbd",), widths=(4, 8))


class Formula(Executor):
    """Scores candidates by their beta, best at 3, in place of trainings."""

    def __init__(self) -> None:
        self.trained: list[tuple[bool, int]] = []

    def submit(self, _: Callable[..., Any], /, *args: Any, **__: Any) -> Future[Any]:
        task, candidates, _ = args
        future: Future[Any] = Future()
        future.set_result(
            [self._metrics(ProxyTask.model_validate_json(task), c) for c in candidates]
        )
        return future

    def _metrics(self, task: ProxyTask, candidate: Candidate) -> dict[str, float]:
        self.trained.append((task.frozen_encoder, task.seed))
        terms = [term["loss"] for term in candidate.loss.get("terms", [])]
        beta = terms[1]["parameters"]["beta"] if terms else 10.0
        sbd = 0.8 - 0.1 * abs(math.log(beta / 3)) + 0.001 * task.seed
        return {"sbd": sbd, "ap50": sbd / 2, "dic": 1 / sbd, "f1-50": sbd, "miou": 0.5}


@pytest.fixture
def arguments(tmp_path: Path) -> argparse.Namespace:
    words = ["--root", "/data/nuclei", "--out", str(tmp_path), "--widths", "4", "8"]
    return parse([*words, "--trials", "8", "--batch", "4", "--seeds", "3"])


def bench(arguments: argparse.Namespace, pool: Formula, until: float = math.inf) -> Bench:
    return Bench(arguments, SPACE, Ledger(arguments.out / "outcomes.jsonl"), pool, until)


def test_the_best_of_both_go_on_to_whole_networks_and_a_second_run_trains_nothing(
    arguments: argparse.Namespace,
) -> None:
    pool, again = Formula(), Formula()
    lines = list(lines_of(bench(arguments, pool), 0.0))
    searched, paper, watershed = [line for line in lines if line.startswith("| ")][1:4]
    assert searched.startswith("| searched margins, width")
    assert paper.startswith("| paper's margins, width")
    assert watershed.startswith(f"| {WATERSHED} |")
    whole = [seed for frozen, seed in pool.trained if not frozen]
    assert whole == [FIRST_SEED + number for number in range(3) for _ in range(3)]
    assert any("searched margins, width" in line and " - " in line for line in lines)
    second = list(lines_of(bench(arguments, again), 0.0))
    assert not again.trained
    assert second[2:] == lines[2:]


def test_the_watershed_has_no_embeddings_and_each_row_a_radius_of_its_own(
    arguments: argparse.Namespace,
) -> None:
    one = bench(arguments, Formula())
    rows = one.finalists()
    *margins, watershed = rows.values()
    assert all(draft.clustering and draft.clustering.method == "mean-shift" for draft in margins)
    assert watershed.clustering is not None
    assert (watershed.clustering.method, watershed.embedding) == ("watershed", None)
    trained = {training.network for training in one.ledger.scores}
    assert WHOLE not in trained


def test_after_its_time_nothing_new_begins(arguments: argparse.Namespace) -> None:
    pool = Formula()
    late = bench(arguments, pool, until=-1.0)
    with pytest.raises(TimeIsUpError):
        late.search()
    assert not pool.trained
    assert list(lines_of(late, 0.0)) == ["The time is up after 0 trainings: run it again to go on."]


def test_leads_are_taken_in_pairs_and_a_failure_is_told() -> None:
    rows: dict[str, list[dict[str, float] | None]] = {
        "one (a)": [{"sbd": 0.5}, {"sbd": 0.6}, {"sbd": 0.7}],
        "other": [{"sbd": 0.4}, {"sbd": 0.52}, {"sbd": 0.58}],
        "third": [{"sbd": 0.4}, None, {"sbd": 0.4}],
    }
    lines = list(report(rows, ("sbd",)))
    assert lines[0] == "| | SBD |"
    assert lines[2].startswith("| one (a) | 60.0 ± ")
    assert lines[4] == "| third | failed |"
    assert lines[5].startswith("| one - other | +10.0 ± ")
    assert "(p = 0.0" in lines[5]
    assert lines[6].startswith("| one - third | +20.0 ± ")
