"""What a surrogate asks of a GPU stays within bounds, with the kernels of its own and without a GPU."""

import pytest
import torch

from benchmarks.counting import Counts
from benchmarks.launches import Launch
from benchmarks.loss_traffic import LOSSES, table, traffic

SIZE = (4, 21, 64, 64)
UNIT = 4 * torch.Size(SIZE).numel()
MOST = {"miou": 20, "fwiou": 20, "macc": 20, "gacc": 20, "biou": 24, "bf1": 60}
"""Metric -> bytes moved forward and back, in units of the logits."""
STARTED = {"miou": 102, "fwiou": 96, "macc": 71, "gacc": 69, "biou": 151, "bf1": 182}


@pytest.mark.parametrize("metric", MOST)
def test_a_surrogate_moves_and_starts_no_more(metric: str) -> None:
    counts = traffic(f"asl-{metric}-voc", SIZE, fused=True)
    assert counts.moved <= MOST[metric] * UNIT
    assert counts.kernels <= STARTED[metric]
    assert (counts.copies, counts.waits) == (0, 0)


def test_kernels_of_their_own_spare_most_of_what_torch_moves() -> None:
    plain, fused = (traffic("asl-miou-voc", SIZE, fused=fused) for fused in (False, True))
    assert plain.moved > 10 * fused.moved


def test_a_kernel_reads_once_what_it_does_not_write() -> None:
    found: list[Counts] = []
    launch = Launch("_any", ["source", "other", "out", "number"], ("out",), found.append)
    source, out = torch.empty(3, 8), torch.empty(8)
    launch[1,](source, source, out, 8)
    launch[1,](source, out, out, 8)  # what it does not read has another in its place
    assert found == 2 * [Counts(1, 3 * 8 * 4, 8 * 4)]


def test_a_look_up_reads_what_it_gives_back() -> None:
    found: list[Counts] = []
    launch = Launch("_winners", ["x", "labels", "out"], ("out",), found.append)
    launch[1,](
        torch.empty(5, 8), torch.empty(8, dtype=torch.int64), torch.empty(8, dtype=torch.int64)
    )
    assert found == [Counts(1, 8 * 4 + 8 * 8, 8 * 8)]


def test_the_table_has_a_row_for_each_loss() -> None:
    rows = list(table((1, 3, 8, 8)))
    assert [row.split("|")[1].strip() for row in rows[2:]] == list(LOSSES)
