"""What operations cost a device, counted: kernels, bytes, copies, waits, phase by phase."""

import pytest
import torch
import torch.nn.functional as F
from torch._subclasses.fake_tensor import FakeTensorMode

from benchmarks.counting import Counter, Counts

UNIT = 4 * 6 * 8  # bytes of the float tensors below


def test_forward_and_backward_count_by_phase() -> None:
    x = torch.rand(6, 8, requires_grad=True)
    counter = Counter()
    with counter:
        with counter.phase("forward"):
            y = x.exp()
        with counter.phase("backward"):
            torch.autograd.backward(y, torch.ones(6, 8))
    assert counter.counts["forward"] == Counts(1, UNIT, UNIT)
    # The ones are written; the product reads them and the result of exp.
    backward = counter.counts["backward"]
    assert (backward.kernels, backward.read, backward.written) == (2, 2 * UNIT, 2 * UNIT)
    assert counter.total.kernels == 3


def test_views_and_empty_memory_cost_nothing_and_expanded_operands_what_they_store() -> None:
    x, row = torch.rand(6, 8), torch.rand(8)
    with Counter() as counter:
        x.view(-1)[3:].reshape(9, 5).t()
        torch.empty_like(x)
        assert counter.total == Counts()
        torch.add(x, row.expand(6, 8))
        assert counter.total == Counts(1, UNIT + 32, UNIT)
        torch.mul(x, 2, out=torch.empty_like(x))
        assert counter.total == Counts(2, 2 * UNIT + 32, 2 * UNIT)
        x.zero_()
        torch.zeros_like(x)
        x.new_zeros(8)
    assert counter.total == Counts(5, 2 * UNIT + 32, 4 * UNIT + 32)


def test_a_look_up_reads_what_it_gives_back() -> None:
    x, picked = torch.rand(6, 8), torch.tensor([[1, 2]])
    with Counter() as counter:
        x.gather(1, picked)
    assert counter.total == Counts(1, 2 * 4 + 2 * 8, 2 * 4)
    with Counter() as counter:
        x.scatter_add_(1, picked, torch.ones(1, 2))
    ones = Counts(1, 0, 2 * 4)
    assert counter.total == ones + Counts(1, 2 * 4 + 2 * 8 + 2 * 4, 2 * 4)


def test_many_tensors_at_once_are_one_kernel() -> None:
    many = [torch.rand(6, 8) for _ in range(3)]
    with Counter() as counter:
        torch._foreach_add_(many, many)
    assert counter.total == Counts(1, 6 * UNIT, 3 * UNIT)


def test_phases_within_phases_and_again_add_up() -> None:
    x, counter = torch.rand(6, 8), Counter()
    with counter:
        with counter.phase("outer"):
            x.exp()
            with counter.phase("inner"):
                x.exp()
            x.exp()
        x.exp()
    kernels = {name: counts.kernels for name, counts in counter.counts.items()}
    assert kernels == {"outer": 2, "inner": 1, "": 1}


def test_what_the_host_waits_for_is_counted() -> None:
    x = torch.rand(6, 8)
    with Counter() as counter:
        bool(x.max() > 2)
        float(x[0, 0])
        x[x > 0.5]
        x.nonzero()
        x[torch.tensor([0])]
    assert counter.total.waits == 4 + 1  # the index made of a number waits for its copy
    assert counter.total.copies == 1


@pytest.mark.parametrize("blocking", [True, False])
def test_copies_to_another_device_are_counted_without_one(blocking: bool) -> None:
    with FakeTensorMode():
        x = torch.rand(6, 8)
        with Counter() as counter:
            there = x.to("cuda", non_blocking=not blocking)
            F.relu(there)
    assert counter.total == Counts(2, 2 * UNIT, 2 * UNIT, 1, int(blocking))
