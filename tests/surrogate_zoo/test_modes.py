"""Void beside many classes: 255 is refused as void where it is a class, whoever is asked."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from surrogate_zoo import load_loss
from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.distance_maps import map_of
from surrogate_zoo.metrics.boundary_evaluator import BoundaryEvaluator
from surrogate_zoo.metrics.evaluator import SegmentationEvaluator
from surrogate_zoo.metrics.image_scores import ImageScores
from surrogate_zoo.modes import check_void

MASK = np.full((2, 3), 255)


def _loss(name: str, classes: int) -> nn.Module:
    return load_loss(name, num_classes=classes)


ASKED: dict[str, Callable[[int], object]] = {
    **{
        name: partial(_loss, name)
        for name in ("cross-entropy", "naive-miou", "asl-bf1-voc", "cross-entropy-dice", "boundary")
    },
    "scores": SegmentationEvaluator,
    "scores at boundaries": BoundaryEvaluator,
    "scores by image": ImageScores,
    "distance maps": partial(map_of, "signed_distances", MASK),
}


@pytest.mark.parametrize("classes", [256, 1000])
@pytest.mark.parametrize("asked", ASKED)
def test_a_class_is_not_void_because_nothing_was_said(asked: str, classes: int) -> None:
    ASKED[asked](255)
    with pytest.raises(InputError, match=rf"one of these {classes} classes: pass ignore_index=-1"):
        ASKED[asked](classes)


def test_what_is_said_counts() -> None:
    for labels, void in ((300, -1), (300, 300), (300, 7), (255, 255), (2, 255), (300, None)):
        check_void(labels, void)
    load_loss("dice", num_classes=300, mode="multilabel")  # each channel is on or off


def test_every_class_is_learned_with_another_void() -> None:
    logits = torch.randn(1, 300, 2, 2, generator=torch.Generator().manual_seed(0))
    target = torch.tensor([[[255, 299], [0, -1]]])
    loss = load_loss("cross-entropy", num_classes=300, ignore_index=-1)
    expected = F.cross_entropy(logits, target, ignore_index=-1)
    assert loss(logits, target).item() == pytest.approx(expected.item(), rel=1e-6)
