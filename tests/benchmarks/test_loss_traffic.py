"""What a surrogate asks of a GPU stays within bounds, with the kernels of its own and without a GPU."""

from typing import Any

import pytest
import torch

from benchmarks.counting import Counts
from benchmarks.launches import Launch
from benchmarks.loss_traffic import LOSSES, table, traffic

pytest.importorskip("triton")

SIZE = (4, 21, 64, 64)
UNIT = 4 * torch.Size(SIZE).numel()
MOST = {"miou": 9, "fwiou": 9, "macc": 6, "gacc": 6, "biou": 16, "bf1": 30}
"""Metric -> bytes moved forward and back, in units of the logits."""
STARTED = {"miou": 102, "fwiou": 96, "macc": 71, "gacc": 69, "biou": 151, "bf1": 183}


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
    source, out = torch.empty(3, 8), torch.empty(8)
    given = {"x": source, "bits": source, "out": out, "P": 8}
    assert _counts("_totals", given) == Counts(1, 3 * 8 * 4, 8 * 4)
    # What it does not read has another in its place.
    assert _counts("_totals", given | {"bits": out}) == Counts(1, 3 * 8 * 4, 8 * 4)


def test_a_kernel_that_adds_reads_what_it_writes() -> None:
    given = {"left": torch.empty(8), "right": torch.empty(8)}
    assert _counts("_gather", given) == Counts(1, 2 * 8 * 4, 8 * 4)


def test_a_look_up_reads_what_it_gives_back() -> None:
    labels, out = (torch.empty(8, dtype=torch.int64) for _ in range(2))
    given = {"x": torch.empty(5, 8), "labels": labels, "out": out}
    assert _counts("_winners", given) == Counts(1, 8 * 4 + 8 * 8, 8 * 8)


def _counts(name: str, given: dict[str, Any]) -> Counts:
    from surrogate_zoo.metrics import curve_kernels, edge_kernels, kernels

    modules = (kernels, curve_kernels, edge_kernels)
    [kernel] = [vars(module)[name] for module in modules if name in vars(module)]
    return Launch(kernel, given, {}).counts


def test_the_table_has_a_row_for_each_loss() -> None:
    rows = list(table((1, 3, 8, 8)))
    assert [row.split("|")[1].strip() for row in rows[2:]] == list(LOSSES)
