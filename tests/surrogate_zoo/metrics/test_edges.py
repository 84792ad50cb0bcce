"""Edges made plane by plane, against the XOR of a map and its erosion as it is written."""

from functools import partial

import pytest
import torch
from torch import Tensor

from surrogate_zoo.curves import pointwise
from surrogate_zoo.curves.curves import BezierCurve
from surrogate_zoo.metrics.class_maps import ClassMap, one_hot
from surrogate_zoo.metrics.edges import Eroded
from surrogate_zoo.metrics.logic import CurveLogic, Logic
from surrogate_zoo.metrics.windows import window_min

SITES = ["and.first", "and.second", "or.first", "or.second"]


def _logic(candidates: int) -> Logic:
    if not candidates:
        return Logic()
    generator = torch.Generator().manual_seed(candidates)
    points = torch.rand(4, candidates, 2, generator=generator, dtype=torch.float64)
    rows = points if candidates > 1 else points[:, 0]
    return CurveLogic(
        {f"edge.{site}": BezierCurve(row) for site, row in zip(SITES, rows, strict=True)}
    )


@pytest.mark.parametrize("size", [(9, 11), (1, 4), (4, 6, 5)])
@pytest.mark.parametrize("candidates", [0, 1, 2])
@pytest.mark.parametrize("hides", [False, True])
def test_value_and_gradient_are_those_of_the_definition(
    size: tuple[int, ...], candidates: int, hides: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pointwise, "PIECE", 150)  # one plane or several, that images share
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(4, 3, *size, generator=generator, dtype=torch.float64).requires_grad_()
    void = torch.rand(4, *size, generator=generator) < 0.2 if hides else None
    logic, source = _logic(candidates), ClassMap(dense=values)
    found = logic.xor("edge", source, Eroded(source, void, 1, len(size))).as_dense()
    plain = partial(logic._dense_xor, "edge")
    shown = values if void is None else values.masked_fill(void[:, None], 1)
    expected = plain(values, window_min(shown, 1, len(size)))
    torch.testing.assert_close(found, expected)
    upstream = torch.randn(found.shape, generator=generator, dtype=torch.float64)
    gradients = [torch.autograd.grad(each, values, upstream)[0] for each in (found, expected)]
    torch.testing.assert_close(*gradients)


def test_the_gradient_can_be_differentiated() -> None:
    logic = _logic(1)
    values = torch.rand(1, 2, 4, 3, dtype=torch.float64).requires_grad_()

    def edges(x: Tensor) -> Tensor:
        source = ClassMap(dense=x)
        return logic.xor("edge", source, Eroded(source, None, 1, 2)).as_dense()

    assert torch.autograd.gradgradcheck(edges, values)


def test_edges_of_another_map_go_by_the_definition() -> None:
    first, second = (torch.rand(1, 2, 5, 4) for _ in range(2))
    eroded = Eroded(ClassMap(dense=second), None, 1, 2)
    found = Logic().xor("edge", ClassMap(dense=first), eroded).as_dense()
    least = window_min(second, 1)
    torch.testing.assert_close(found, first + least - 2 * first * least)


def test_an_erosion_is_a_map_like_any_other() -> None:
    values, labels = torch.rand(1, 3, 6, 7), torch.randint(0, 3, (1, 6, 7))
    target = one_hot(labels, labels > 0, torch.float32)

    def eroded() -> Eroded:
        return Eroded(ClassMap(dense=values), None, 1, 2)

    least = window_min(values, 1)
    assert torch.equal(eroded().as_dense(), least)
    assert torch.equal((eroded() + target).as_dense(), least + target.as_dense(3))
    assert torch.equal((eroded() * target).as_dense(3), least * target.as_dense(3))
