"""Areas below the curve: by hand, and with one confidence for all."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogate_zoo.metrics.instances.precision import sampled_precision, stepwise_precision

BOTH = pytest.mark.parametrize("area", [stepwise_precision, sampled_precision])


def test_steps_by_hand() -> None:
    # From the surest on: (p, r) = (1, 1/4), (1/2, 1/4), (2/3, 1/2), and (1, 0) before them.
    confidences, right = np.array([0.5, 0.9, 0.7]), np.array([True, True, False])
    by_hand = 1 / 8 + 1 / 8 + (1 / 2) * (1 / 8) + (2 / 3) * (1 / 8)
    assert stepwise_precision(confidences, right, 4) == pytest.approx(by_hand)


def test_recalls_by_hand() -> None:
    # Precision 1 at recalls up to 0.25 (26 of 101), 2/3 up to 0.5 (25), then none.
    confidences, right = np.array([0.5, 0.9, 0.7]), np.array([True, True, False])
    assert sampled_precision(confidences, right, 4) == pytest.approx((26 + 25 * 2 / 3) / 101)


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20))
def test_one_confidence_for_all_is_one_point(met: int, invented: int, missed: int) -> None:
    right = np.arange(met + invented) < met
    sure = np.ones(met + invented)
    objects = met + missed
    if not objects or not len(right):
        return
    p, r = met / len(right), met / objects
    assert stepwise_precision(sure, right, objects) == pytest.approx(r * (1 + p) / 2)
    reached = math.floor(100 * r + 1e-9) + 1
    assert sampled_precision(sure, right, objects) == pytest.approx(p * reached / 101)


@BOTH
def test_without_objects_there_is_nothing_to_measure(area: type) -> None:
    assert math.isnan(area(np.array([0.5]), np.array([False]), 0))


@BOTH
def test_nothing_predicted_is_zero(area: type) -> None:
    assert area(np.empty(0), np.empty(0, dtype=bool), 3) == 0
