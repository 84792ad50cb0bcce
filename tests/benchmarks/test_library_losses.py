"""The table of losses beside other libraries': every library's loss is called, and has a row."""

import pytest

from benchmarks.library_losses import LIBRARIES, rows
from benchmarks.losses import random_batch


@pytest.mark.slow  # 5 s, for what MONAI imports
def test_every_loss_has_a_row_for_each_library() -> None:
    logits, target = random_batch((1, 3, 16, 20), 4, 0.0, "cpu")
    for name, libraries in LIBRARIES.items():
        lines = list(rows(name, logits, target, rounds=1))
        assert [line.split("|")[5].strip() for line in lines] == list(libraries)
