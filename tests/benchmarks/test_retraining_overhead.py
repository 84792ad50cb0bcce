"""The retraining and the bare loop take turns, and the table's ratio is that of their seconds."""

import pytest
import torch

from benchmarks.retraining_overhead import Seconds, bare_loop, in_turns, ready_batches, row
from tests.workers import tiny

CPU = torch.device("cpu")
STEPS = 2


def test_both_take_as_many_blocks_of_steps_and_the_first_is_left_out() -> None:
    blocks = 5
    task = tiny.retraining_task(training={"iterations": (blocks + 1) * STEPS})
    ours, bare, checkpoint = in_turns(task, CPU, STEPS)
    assert len(ours) == len(bare) == blocks - 1
    assert all(block.wall > 0 and block.processor > 0 for block in (*ours, *bare))
    assert checkpoint.wall > 0


def test_the_bare_loop_trains_on_batches_that_lie_ready() -> None:
    task = tiny.retraining_task(training={"iterations": 8})
    ready = ready_batches(task, CPU)
    assert [tuple(batch.images.shape) for batch in ready] == [(4, 3, 32, 32)] * 4
    loop = bare_loop(task, CPU)
    for _ in range(8):
        next(loop)


def test_a_row_has_rates_and_the_quartiles_of_the_ratios() -> None:
    ours, bare = [2.0, 2.0, 4.0, 2.0, 2.0], [1.0, 2.0, 4.0, 2.0, 3.0]
    _, name, ours_rate, bare_rate, ratio, quartiles, _ = row("wall", ours, bare, 8).split("|")
    assert name.strip() == "wall"
    assert float(ours_rate) == 8 / 2
    assert float(bare_rate) == 8 / 2
    assert float(ratio) == 1  # of 0.5, 1, 1, 1, 1.5
    assert [float(end) for end in quartiles.split(",")] == pytest.approx([0.75, 1.25])


def test_seconds_pass() -> None:
    assert Seconds(5.0, 3.0).since(Seconds(1.5, 1.0)) == Seconds(3.5, 2.0)
