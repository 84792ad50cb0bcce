"""The presets of a search: sampler, network, schedule and scoring of candidates."""

from collections.abc import Mapping
from typing import Any

from search_service.sampler_specs import PPO2Spec
from workers.specs import QUICK_HOLD_OUT, QUICK_NETWORK, QUICK_PROXY, QUICK_SCORING, NetworkSpec

RELEASED_NETWORK = NetworkSpec(architecture="DeepLabV3Plus", encoder="resnet50", weights="imagenet")
"""The proxy network of the paper and of the released search."""

RELEASED_TRAINING = {"auxiliary_weight": 0.4}
"""Where its training differs from the defaults of a schedule: an auxiliary head."""

SEARCH_PRESETS: Mapping[str, dict[str, Any]] = {
    "released": {
        "sampler": PPO2Spec(),
        "network": RELEASED_NETWORK,
        "training": RELEASED_TRAINING,
    },
    "paper": {
        "sampler": PPO2Spec(preset="paper"),
        "network": RELEASED_NETWORK,
        "training": RELEASED_TRAINING,
    },
    "quick": {
        "sampler": PPO2Spec(preset="quick"),
        "network": QUICK_NETWORK,
        "training": QUICK_PROXY.model_dump(),
        "scoring": QUICK_SCORING,
        "hold_out": QUICK_HOLD_OUT,
    },
}
"""Name of a preset -> fields of a search's request that it fills in."""
