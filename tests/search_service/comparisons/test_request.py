"""What a comparison may be asked for: presets as of retrainings, and what cannot be."""

from typing import Any

import pytest
from pydantic import ValidationError

from search_service.comparisons.request import PRESETS, ComparisonRequest
from search_service.retrainings.presets import RETRAINING_PRESETS
from search_service.retrainings.request import RetrainingRequest
from workers.tasks.base import fields_of
from workers.tasks.networks import NetworkSpec
from workers.tasks.retraining import RetrainingOptions


def asked(**fields: Any) -> ComparisonRequest:
    body = {"losses": ["cross-entropy", "dice"], "dataset": "shapes"}
    return ComparisonRequest.model_validate(body | fields)


@pytest.mark.parametrize("preset", RETRAINING_PRESETS)
def test_a_preset_trains_as_that_of_a_retraining_does(preset: str) -> None:
    alone = RetrainingRequest.model_validate(
        {"loss": "dice", "dataset": "shapes", "preset": preset}
    )
    together = asked(preset=preset)
    assert together.networks == (alone.network,)
    assert fields_of(together, RetrainingOptions) == fields_of(alone, RetrainingOptions)
    assert asked(**together.model_dump(mode="json")) == together


def test_what_is_said_beside_a_preset_counts() -> None:
    networks = [{"architecture": "Unet", "encoder": "resnet18"}]
    request = asked(preset="quick", networks=networks, training={"iterations": 30})
    assert request.networks == (NetworkSpec.model_validate(networks[0]),)
    assert request.training.iterations == 30
    assert request.training.batch_size == asked(preset="quick").training.batch_size


def test_without_a_preset_the_defaults_count() -> None:
    assert asked().networks == (NetworkSpec(),)
    assert asked().preset is None


def test_every_preset_of_retrainings_is_one_of_comparisons() -> None:
    assert PRESETS.keys() == RETRAINING_PRESETS.keys()


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"preset": "fast"}, "preset"),
        ({"losses": ["dice", "dice"]}, "losses names something twice"),
        ({"networks": [{}, {}]}, "networks names something twice"),
        ({"learning_rates": [0.1, 0.1]}, "learning_rates names something twice"),
        ({"learning_rates": [0.1, 1e-5]}, r"minimum_learning_rate \(0.0001\), as 1e-05 is"),
        ({"hold_out": {"split": "val"}}, "hold_out tunes on the split val"),
        (
            {"early_stop": {"hold_out": {"split": "val"}}},
            "early_stop.hold_out looks at the split val",
        ),
        ({"versions": {"lovasz": 1}}, "what is not compared: lovasz"),
        ({"training": {"batch_size": 4}, "devices": 3}, "equal parts"),
    ],
)
def test_what_cannot_be_is_refused(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        asked(**fields)


def test_networks_of_what_is_not_compared_are_refused() -> None:
    body = {"losses": ["dice"], "dataset": "shapes", "loss_networks": {"semeda": {}}}
    with pytest.raises(ValueError, match="loss_networks names what is not compared: semeda"):
        ComparisonRequest.model_validate(body)
