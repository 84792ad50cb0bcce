"""Outlines for pages: the same curves as those that train."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from surrogate_zoo.curves.curves import curve_of
from surrogate_zoo.losses.outlines import Outline, outlines
from surrogate_zoo.losses.registry import LOSSES

POINTS = {
    "bezier": [0.1, 0.3, 0.4, 0.5, 0.8, 0.9],
    "linear": [0.2, 0.7],
}


def drawn(outline: Outline, count: int = 9) -> list[tuple[float, float]]:
    """Points on what a page draws."""
    points, steps = np.array(outline.points), np.linspace(0, 1, count)
    if outline.shape == "linear":
        return [tuple(a + t * (b - a)) for a, b in pairwise(points) for t in steps]
    triples = zip(points[0:-1:2], points[1::2], points[2::2], strict=True)
    return [
        tuple(
            (1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c for a, b, c in zip(*abc, strict=True)
        )
        for abc in triples
        for t in steps
    ]


@pytest.mark.parametrize("family", POINTS)
def test_what_is_drawn_is_the_curve_that_trains(family: str) -> None:
    loss = {"kind": "surrogate", "metric": "miou", "family": family}
    [(name, outline)] = outlines(loss | {"control_points": {"and": POINTS[family]}}).items()
    assert name == "and"
    curve = curve_of(family, torch.tensor(POINTS[family], dtype=torch.float64))
    for x, y in drawn(outline):
        assert float(curve(torch.tensor([x], dtype=torch.float64))) == pytest.approx(y, abs=1e-9)


def test_sums_name_the_metric_and_handmade_losses_have_none() -> None:
    surrogate: dict[str, Any] = {"kind": "surrogate", "metric": "bf1", "family": "linear"}
    surrogate |= {"control_points": {"and": [0.5]}}
    other = surrogate | {"metric": "miou", "control_points": {}}
    terms = [{"weight": 0.5, "loss": one} for one in (surrogate, other)]
    assert list(outlines({"kind": "sum", "terms": terms})) == ["bf1:and"]
    assert outlines({"kind": "handmade", "loss": next(iter(LOSSES))}) == {}
