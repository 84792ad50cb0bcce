"""Which losses are trained for the table, and that a table is of one proxy task."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.samplers.collect import (
    PACK,
    REFINE_FROM,
    REPEATED,
    SEEDS,
    begin,
    next_draws,
    proxy_task,
)
from benchmarks.samplers.table import Row, read_rows
from surrogate_zoo.losses.parameter_space import ParameterSpace
from surrogate_zoo.losses.published import published_document

SPACE = ParameterSpace("macc")


def rows(count: int) -> list[Row]:
    """Trainings whose score falls with the distance from a corner."""
    thetas = np.random.default_rng(0).random((count, SPACE.dimension))
    return [
        Row(number, "uniform", 0, tuple(theta.tolist()), 1 - float(theta.mean()), {}, 1.0)
        for number, theta in enumerate(thetas)
    ]


def drawn(count: int) -> list[tuple[str, list[float]]]:
    return [(kind, theta.tolist()) for kind, theta in next_draws(SPACE, rows(count))]


def test_the_first_pack_is_the_same_for_every_seed() -> None:
    packs = [drawn(len(PACK) * seed) for seed in range(SEEDS)]
    assert all(pack == packs[0] for pack in packs)
    assert tuple(kind for kind, _ in packs[0]) == REPEATED
    kinds = dict(packs[0])
    assert kinds["start"] == pytest.approx(SPACE.start.tolist(), abs=1e-6)
    published = SPACE.theta(published_document("macc")["control_points"])
    assert kinds["published-start"] == pytest.approx(published.tolist(), abs=1e-6)


def test_later_packs_differ_and_nothing_is_refined_before_enough_is_known() -> None:
    begun = len(PACK) * SEEDS
    early, late = drawn(begun), drawn(REFINE_FROM)
    assert early != drawn(begun + len(PACK))
    assert "refined" not in {kind for kind, _ in early}
    assert tuple(kind for kind, _ in late) == PACK
    assert all(0 <= value <= 1 for _, theta in (*early, *late) for value in theta)


def test_what_is_refined_lies_around_the_best() -> None:
    refined = np.array([theta for kind, theta in drawn(REFINE_FROM) if kind == "refined"])
    trained = np.array([row.theta for row in rows(REFINE_FROM)])
    assert refined.mean() < trained.mean() - 0.05  # scores rise towards 0


def test_a_table_is_begun_once_and_only_for_its_own_task(tmp_path: Path) -> None:
    out, task = tmp_path / "tables" / "macc.jsonl", proxy_task(Path("/camvid"), "macc", 0)
    begin(out, task)
    header, trained = read_rows(out)
    assert trained == []
    assert header["task"]["metric"] == "macc"
    assert not {"seed"} & set(header["task"])
    assert "root" not in header["task"]["dataset"]
    before = out.read_text()
    begin(out, proxy_task(Path("/elsewhere"), "macc", 3))  # neither folder nor seed is part of it
    assert out.read_text() == before
    with pytest.raises(SystemExit, match="another proxy task"):
        begin(out, proxy_task(Path("/camvid"), "bf1", 0))
    assert json.loads(before.splitlines()[0]) == header
