"""Presets of a retraining: the papers' schedules, and what goes before a preset."""

from typing import Any

import pytest
from pydantic import ValidationError

from search_service.retrainings.presets import RETRAINING_PRESETS
from search_service.retrainings.request import RetrainingRequest
from workers.networks.architectures import ARCHITECTURES


def retraining(**fields: Any) -> RetrainingRequest:
    return RetrainingRequest.model_validate({"loss": "dice", "dataset": "shapes"} | fields)


@pytest.mark.parametrize("name", RETRAINING_PRESETS)
def test_what_is_stored_of_a_preset_is_the_same_request(name: str) -> None:
    asked = retraining(preset=name)
    assert asked != retraining()
    assert asked.network.architecture in ARCHITECTURES
    assert RetrainingRequest.model_validate(asked.model_dump(mode="json")) == asked
    assert RetrainingRequest.model_validate_json(asked.model_dump_json()) == asked


@pytest.mark.parametrize(
    ("name", "crop", "iterations", "batch_size", "rate"),
    [
        ("deeplabv3plus-512", (512, 512), 10_000, 32, 0.02),
        ("semeda-321", (321, 321), 20_000, 6, 5e-4),
        ("inverseform-cityscapes", (512, 1024), 120_000, 12, 0.01),
    ],
)
def test_the_papers_schedules(
    name: str, crop: tuple[int, int], iterations: int, batch_size: int, rate: float
) -> None:
    training = retraining(preset=name).training
    assert (training.crop, training.iterations) == (crop, iterations)
    assert (training.batch_size, training.learning_rate, training.power) == (batch_size, rate, 0.9)


def test_single_fields_go_before_a_retrainings_preset() -> None:
    asked = retraining(preset="semeda-321", training={"accumulate": 2, "ema_decay": 0.999})
    preset = retraining(preset="semeda-321")
    changed = {"accumulate": 2, "ema_decay": 0.999}
    assert asked.training == preset.training.model_copy(update=changed)
    assert asked.network == preset.network


def test_without_a_preset_the_defaults_stay() -> None:
    assert retraining(preset=None) == retraining()
    assert retraining().training.iterations == 1000


@pytest.mark.parametrize("preset", ["released", "paper", 3])
def test_a_preset_of_something_else_is_refused(preset: object) -> None:
    with pytest.raises(ValidationError, match="preset"):
        retraining(preset=preset)
