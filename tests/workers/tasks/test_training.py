"""What travels to a worker is checked where it is made, and survives JSON."""

from typing import Any

import pytest
from pydantic import ValidationError

from workers.tasks.base import Spec
from workers.tasks.datasets import FolderSource, ShapesSource
from workers.tasks.hold_out import HoldOut
from workers.tasks.proxy import ProxyTask
from workers.tasks.retraining import RetrainingTask
from workers.tasks.training import AugmentationSpec, TrainingSpec

WRONG: dict[str, tuple[type[Spec], dict[str, Any]]] = {
    "warmup as long as the training": (TrainingSpec, {"iterations": 5, "warmup": 5}),
    "batch of one": (TrainingSpec, {"batch_size": 1}),
    "negative crop": (TrainingSpec, {"crop": (-64, 64)}),
    "floor above the peak": (
        TrainingSpec,
        {"learning_rate": 0.01, "minimum_learning_rate": 0.02},
    ),
    "unknown field": (TrainingSpec, {"epochs": 3}),
    "scale the wrong way round": (AugmentationSpec, {"scale": (2.0, 0.5)}),
    "ratio above one": (FolderSource, {"root": "x", "classes": ("a", "b"), "ratio": (0.9, 0.9, 0)}),
    "one class": (FolderSource, {"root": "x", "classes": ("a",)}),
    "seed below zero": (ShapesSource, {"seed": -1}),
    "betas for SGD": (TrainingSpec, {"betas": (0.9, 0.99)}),
    "a momentum for AdamW": (TrainingSpec, {"optimiser": "adamw", "momentum": 0.5}),
    "infinite rate": (TrainingSpec, {"learning_rate": float("inf")}),
}


def test_statistics_are_kept_of_pretrained_weights_alone() -> None:
    kept = {"training": {"frozen_statistics": True}}
    pretrained = {"network": {"weights": "imagenet"}}
    loss = {"loss": {}, "dataset": {"layout": "shapes"}}
    proxy = {"metric": "miou", "dataset": {"layout": "shapes"}}
    kinds: tuple[tuple[type[RetrainingTask] | type[ProxyTask], dict[str, Any]], ...]
    kinds = ((RetrainingTask, loss), (ProxyTask, proxy))
    for kind, body in kinds:
        assert kind.model_validate(body | kept | pretrained).training.frozen_statistics
        with pytest.raises(ValidationError, match=r"the network has none: set network\.weights"):
            kind.model_validate(body | kept)


@pytest.mark.parametrize("case", WRONG)
def test_wrong_values_are_refused_where_they_are_made(case: str) -> None:
    kind, values = WRONG[case]
    with pytest.raises(ValidationError):
        kind(**values)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"iterations": 5, "warmup": 10}, "warmup is 10 steps and the training has 5 iterations"),
        ({"iterations": 1, "warmup": 1}, "set warmup below 1, to 0 say"),
        (
            {"learning_rate": 0.001, "minimum_learning_rate": 0.01},
            "minimum_learning_rate is 0.01 and learning_rate 0.001",
        ),
        ({"batch_size": 6, "accumulate": 4}, "accumulate is 4 and batch_size 6"),
    ],
)
def test_messages_have_the_numbers_and_the_remedy(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        TrainingSpec.model_validate(fields)


def test_tasks_survive_json() -> None:
    task = ProxyTask(dataset=ShapesSource(seed=3), metric="bf1", hold_out=HoldOut(share=0.25))
    assert ProxyTask.model_validate_json(task.model_dump_json()) == task


def test_another_peak_lowers_the_floor_in_proportion_and_never_raises_it() -> None:
    training = TrainingSpec(learning_rate=0.3, minimum_learning_rate=0.3)
    assert training.with_learning_rate(0.07).minimum_learning_rate == pytest.approx(0.07)
    assert training.with_learning_rate(3.0).minimum_learning_rate == 0.3
