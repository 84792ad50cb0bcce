"""The presets of a search: sampler, network, schedule and scoring of candidates."""

from collections.abc import Mapping
from typing import Any, Literal

from search_service.presets import QUICK_NETWORK, QUICK_SCORING
from search_service.samplers.specs import PortfolioSpec, PPO2Spec
from search_service.searches.halving import HalvingSpec
from search_service.searches.racing.rules import RaceSpec
from workers.tasks.networks import NetworkSpec
from workers.tasks.training import AugmentationSpec, TrainingSpec

Preset = Literal["standard", "quick", "released", "paper"]
"""Names of :data:`SEARCH_PRESETS`."""

DEFAULT_PRESET: Preset = "standard"

STANDARD_NETWORK = NetworkSpec(
    architecture="DeepLabV3Plus",
    encoder="tu-tf_efficientnet_lite0",
    weights="packaged",
    options={"decoder_channels": 64},
)
"""Small enough for a processor, and pretrained without a download."""

STANDARD_PROXY = TrainingSpec(
    iterations=150,
    batch_size=8,
    crop=(128, 128),
    learning_rate=0.03,
    warmup=5,
    augmentation=AugmentationSpec(scale=(0.75, 1.5), colour=0.1),
)
"""Schedule of a proxy of the ``standard`` preset; its rate is a good one for cross entropy."""

STANDARD_PROXY_SIZE = 128

STANDARD_HALVING = HalvingSpec(rungs=(0.5,), keep=0.5)
"""Half of the candidates goes on after half of the schedule.

Rank correlation between the portfolio's scores there and at the end, six metrics, frozen encoder at
96x128, one seed: 0.81 to 0.95 on CamVid, 0.74 to 0.95 on nuclei. After a quarter of the schedule it is
0.28 to 0.87 and 0.40 to 0.86, and the best losses for mIoU stand as low as 18th and 30th of some forty.
"""

QUICK_HALVING = HalvingSpec(rungs=(0.25,), keep=0.34)
"""A third of the candidates goes on after a quarter of the schedule."""

RELEASED_NETWORK = NetworkSpec(architecture="DeepLabV3Plus", encoder="resnet50", weights="imagenet")
"""The proxy network of the paper and of the released search."""

RELEASED_PROXY_SIZE = 128
"""Pixels of the short side that its images are brought down to, for training and for scoring."""

RELEASED_TRAINING = {"auxiliary_weight": 0.4}
"""Where its training differs from the defaults of a schedule: an auxiliary head."""

QUICK_PROXY = TrainingSpec(
    iterations=120,
    batch_size=8,
    crop=(48, 48),
    learning_rate=0.1,
    warmup=5,
    head_factor=1.0,
    augmentation=AugmentationSpec(scale=(1.0, 1.0), colour=0.1),
)
"""Schedule of a proxy of the ``quick`` preset."""


QUICK_HOLD_OUT = 0.25
"""40 of the 160 training images."""

SEARCH_PRESETS: Mapping[str, dict[str, Any]] = {
    "standard": {
        "sampler": PortfolioSpec(),
        "network": STANDARD_NETWORK,
        "training": STANDARD_PROXY.model_dump(),
        "proxy_size": STANDARD_PROXY_SIZE,
        "halving": STANDARD_HALVING,
        "race": RaceSpec(),
    },
    "released": {
        "sampler": PPO2Spec(),
        "network": RELEASED_NETWORK,
        "training": RELEASED_TRAINING,
        "proxy_size": RELEASED_PROXY_SIZE,
    },
    "paper": {
        "sampler": PPO2Spec(preset="paper"),
        "network": RELEASED_NETWORK,
        "training": RELEASED_TRAINING,
        "proxy_size": RELEASED_PROXY_SIZE,
    },
    "quick": {
        "sampler": PortfolioSpec(trials=8, batch=8),
        "network": QUICK_NETWORK,
        "training": QUICK_PROXY.model_dump(),
        "halving": QUICK_HALVING,
        "race": RaceSpec(heats=0),
        "scoring": QUICK_SCORING,
        "hold_out": QUICK_HOLD_OUT,
    },
}
"""Name of a preset -> fields of a search's request that it fills in."""

OF_THE_PORTFOLIO = ("halving", "race")
"""Fields that a preset fills in for its own sampler alone."""

TRAIN_WHOLE: tuple[Preset, ...] = ("released", "paper")
"""Presets that train pretrained encoders along; the others freeze them unless they are told not to."""
