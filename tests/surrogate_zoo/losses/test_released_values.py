"""Agreement with values computed once by the implementation that the Auto Seg-Loss authors released."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from surrogate_zoo import SegmentationEvaluator, SurrogateLoss
from tests.surrogate_zoo.batches import one_hot_logits

_FILE = np.load(Path(__file__).parents[1] / "fixtures" / "released_losses.npz")
RELEASED = {"miou", "fwiou", "biou", "bf1", "macc", "gacc"}
_CASES: list[dict[str, Any]] = json.loads(bytes(_FILE["meta"]))


def _tensor(case: int, name: str) -> torch.Tensor:
    return torch.from_numpy(_FILE[f"{case}/{name}"])


@pytest.mark.parametrize("case", range(len(_CASES)), ids=lambda c: f"{c}-{_CASES[c]['metric']}")
def test_loss_and_gradient_agree(case: int) -> None:
    meta = _CASES[case]
    logits = _tensor(case, "logits").requires_grad_()
    loss = SurrogateLoss(
        meta["metric"],
        _FILE[f"{case}/control_points"].tolist(),
        num_classes=logits.shape[1],
        tolerance=meta["tol"],
        exclude_background=meta["drop_bg"],
        as_released=True,
    )(logits, _tensor(case, "target").long())
    loss.backward()
    expected = _tensor(case, "grad")
    assert abs(loss.item() - meta["loss"]) <= 1e-5
    assert logits.grad is not None
    assert (logits.grad - expected).norm() / expected.norm() <= 1e-3


@pytest.mark.parametrize("case", range(len(_CASES)))
def test_exact_metrics_agree(case: int) -> None:
    meta = _CASES[case]
    evaluator = SegmentationEvaluator(
        5, tolerance=meta["tol"], exclude_background=True, as_released=True
    )
    pred, target = _tensor(case, "pred"), _tensor(case, "target")
    for image in range(len(pred)):
        evaluator.update(pred[image : image + 1], target[image : image + 1])
    scores = evaluator.compute()
    assert set(meta["eval"]) == RELEASED
    for name, expected in meta["eval"].items():
        assert abs(scores[name] - expected) <= 1e-5, name


def test_the_cases_cover_every_metric_and_void() -> None:
    assert {case["metric"] for case in _CASES} == RELEASED
    assert any((_tensor(i, "target") == 255).any() for i in range(len(_CASES)))


# Two halves, classes 0 and 1, and one pixel in a corner that is taken for class 2. With a tolerance
# of 1 class 1 scores 1. Class 0 has 8 boundary pixels, all recovered, and 11 predicted ones, 8 of them
# at the border and 3 around the corner: F1 = 2 (8 / 11) / (8 / 11 + 1) = 16 / 19. Class 3 is nowhere.
_CLASS_0 = 16 / 19


@pytest.mark.parametrize(
    ("invented", "as_released", "score"),
    [
        (True, False, (_CLASS_0 + 1 + 0) / 3),
        (True, True, (_CLASS_0 + 1) / 2),
        (False, False, 1.0),
        (False, True, 1.0),
    ],
)
def test_bf1_leaves_out_classes_that_the_target_lacks_as_released(
    invented: bool, as_released: bool, score: float
) -> None:
    target = torch.zeros(1, 8, 8, dtype=torch.int64)
    target[..., 4:] = 1
    pred = target.clone()
    pred[0, 0, 0] = 2 if invented else 0
    assert _bf1(pred, target, as_released) == pytest.approx((score, score), abs=1e-12)


@pytest.mark.parametrize("as_released", [False, True])
def test_bf1_of_a_class_that_is_never_predicted_is_0(as_released: bool) -> None:
    pred = torch.zeros(1, 8, 8, dtype=torch.int64)
    pred[..., 4:] = 1
    target = pred.clone()
    target[0, 0, 0] = 2  # as above with the two exchanged: class 0 scores the same
    score = (_CLASS_0 + 1 + 0) / 3
    assert _bf1(pred, target, as_released) == pytest.approx((score, score), abs=1e-12)


def _bf1(pred: torch.Tensor, target: torch.Tensor, as_released: bool) -> tuple[float, float]:
    """The exact score, and that of the surrogate on one-hot input."""
    evaluator = SegmentationEvaluator(4, tolerance=1, as_released=as_released)
    evaluator.update(pred, target)
    surrogate = SurrogateLoss("bf1", None, num_classes=4, tolerance=1, as_released=as_released)
    return evaluator.compute()["bf1"], 1 - surrogate(one_hot_logits(pred, 4), target).item()
