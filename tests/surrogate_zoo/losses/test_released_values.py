"""Agreement with values computed once by the implementation that the Auto Seg-Loss authors released."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from surrogate_zoo import SegmentationEvaluator, SurrogateLoss

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
