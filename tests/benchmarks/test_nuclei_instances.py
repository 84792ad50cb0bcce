"""Embeddings and their rivals on nuclei: a toy run, what it keeps, and what it chooses by."""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import nuclei_instances, nuclei_networks
from benchmarks.nuclei_instances import FOREGROUND, Bench, main, parse, result_lines
from benchmarks.nuclei_networks import ARMS, Training, loss_of, task_of
from surrogate_zoo.losses.registry import LOSSES
from tests.workers import tiny
from tests.workers.datasets.folders import save
from tests.workers.datasets.layouts.object_layouts import nuclei_instances as drawn
from tests.workers.datasets.written import write_lines
from workers.tasks.retraining import RetrainingTask

SIZE = 32


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Some images with the same nuclei in different noise: none is near another."""
    random = np.random.default_rng(0)
    for split, count in {"train": 8, "val": 2}.items():
        names = [f"{split}-{number}" for number in range(count)]
        write_lines(tmp_path / f"{split}.txt", names)
        for name in names:
            objects = drawn(0).repeat(2, axis=0).repeat(2, axis=1)
            lit = random.integers(0, 256, (12, 16, 3)).repeat(2, axis=0).repeat(2, axis=1)
            lit[objects > 0] = 55 + lit[objects > 0] * 200 // 256
            save(tmp_path / f"images/{name}.png", lit.astype(np.uint8))
            save(tmp_path / f"instances/{name}.png", objects)
    return tmp_path


def words(root: Path, out: Path, *more: str) -> list[str]:
    size = ["--size", str(SIZE), str(SIZE), "--crop", "32", "--batch-size", "2", "--held", "2"]
    steps = ["--iterations", "2", "--tuning", "1", "--rates", "1e-3", "--device", "cpu"]
    return ["--root", str(root), "--out", str(out), *size, *steps, *more]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Any]:
    """The arms with a small network and nothing to choose, those without places left out."""
    arms = {
        name: replace(arm, choices=arm.choices[:1])
        for name, arm in ARMS.items()
        if name != "embeddings"
    }
    for module in (nuclei_instances, nuclei_networks):
        monkeypatch.setattr(module, "ARMS", arms)
    monkeypatch.setattr(nuclei_networks, "NETWORK", tiny.NETWORK.model_dump(exclude_unset=True))
    return arms


@pytest.mark.slow
def test_a_toy_run_has_every_way_and_a_second_one_trains_nothing(
    root: Path, tmp_path: Path, few: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    main(words(root, out, "--seeds", "1"))
    report = (out / "README.md").read_text()
    for name, arm in few.items():
        assert all(f"| {way} of {name} |" in report for way in arm.ways)
    assert "| oracle-semantic of embeddings and places |" in report
    assert "is best on the hold-out sets" in report
    assert "| border of border |" in report
    assert len(list((out / "trainings").iterdir())) == 3 * (1 + 1)
    monkeypatch.delattr(nuclei_instances, "retrain")
    main(words(root, out, "--seeds", "1"))
    assert (out / "README.md").read_text() == report


def test_after_its_time_nothing_new_begins(tmp_path: Path) -> None:
    arguments = words(tmp_path, tmp_path / "out", "--seconds", "-1")
    main(arguments)
    told = (tmp_path / "out/README.md").read_text()
    assert told.startswith(f"The time is up, and {3 * len(ARMS)} trainings are missing")


class Known(Bench):
    """Trainings whose score on the hold-out set is a formula: best at 1e-3, and with the last choice."""

    def outcome(self, training: Training) -> dict[str, Any]:
        every = [nuclei_networks.plain(way) for way in ARMS[training.arm].ways]
        ways = every if training.reported else every[:1]
        sbd = 0.5 - abs(math.log10(training.rate) + 3) + 0.1 * training.choice
        merits = {way: sbd - 0.01 * number for number, way in enumerate(ways)}
        metrics = dict.fromkeys(("sbd", "dic", "f1-50", "ap-coco", "ap", "ap50"), sbd)
        scores = {way: metrics | {"sbd": merits[way]} for way in ways}
        oracles = {"oracle-centres": metrics} if ARMS[training.arm].embedded else {}
        tuning = {"scores": merits}
        return {"scores": scores, "oracles": oracles, "tuning": tuning, FOREGROUND: None}


def test_rates_and_choices_are_taken_on_the_hold_out_set(tmp_path: Path) -> None:
    arguments = parse(["--root", "r", "--out", str(tmp_path), "--rates", "1e-4", "1e-3", "1e-2"])
    bench = Known(arguments, math.inf)
    chosen = {arm: bench.chosen(arm) for arm in ARMS}
    assert chosen == {arm: (1e-3, len(of.choices) - 1) for arm, of in ARMS.items()}
    reported = [{arm: bench.reported(arm, seed) for arm in ARMS} for seed in (0, 1)]
    lines = list(result_lines(reported))
    assert any(
        line.startswith("Of the ways by embeddings, mean-shift, components") for line in lines
    )
    del reported[1]["embeddings"]
    partly = list(result_lines(reported))
    assert any(" of embeddings (1 of 2 seeds) |" in line for line in partly)
    leads = [line for line in lines if " - " in line]
    assert len(leads) == 3
    assert all("+20.0" in line or "+21.0" in line for line in leads)


def test_all_are_trained_alike_but_for_heads_and_losses(tmp_path: Path) -> None:
    arguments = parse(["--root", str(tmp_path), "--out", str(tmp_path)])
    bodies = []
    for arm in ARMS:
        task = task_of(arguments, Training(arm, 1e-3, 0, 5, 50))
        assert isinstance(task, RetrainingTask)
        assert task.held_out is not None
        body = json.loads(task.model_dump_json(include={"training", "seed"}))
        network = task.network.model_copy(update={"embedding": None, "coordinates": None})
        bodies.append((body, network, task.held_out))
    assert all(body == bodies[0] for body in bodies)


def test_the_first_margins_are_the_papers_and_the_others_differ() -> None:
    terms = [loss_of(choice)["terms"][1] for choice in ARMS["embeddings"].choices]
    parameters = [term["loss"]["parameters"] for term in terms]
    papers = LOSSES["discriminative"].document()["parameters"]
    assert parameters[0] == papers
    assert all(
        (term["weight"], own) != (terms[0]["weight"], papers)
        for term, own in zip(terms[1:], parameters[1:], strict=True)
    )
