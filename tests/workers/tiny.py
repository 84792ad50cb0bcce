"""The smallest real task: generated 32x32 images, a network of 16,000 weights, a few steps."""

from typing import Any

from surrogate_zoo.losses.registry import LOSSES
from workers.tasks.datasets import ShapesSource
from workers.tasks.networks import NetworkSpec
from workers.tasks.proxy import Candidate, ProxyTask
from workers.tasks.retraining import RetrainingTask
from workers.tasks.scoring import ScoringSpec
from workers.tasks.training import AugmentationSpec, TrainingSpec

SOURCE = ShapesSource(height=32, width=32, train=24, val=6, test=4)
NETWORK = NetworkSpec(
    architecture="Unet",
    encoder="tu-resnet18",
    options={"encoder_depth": 2, "decoder_channels": [16, 8]},
)
OVERFLOWING = {"learning_rate": 100.0, "head_factor": 1000.0, "momentum": 0.99, "iterations": 25}
SCORING = ScoringSpec(tolerance=2)


def training(**changes: Any) -> TrainingSpec:
    values: dict[str, Any] = {
        "iterations": 4,
        "batch_size": 4,
        "crop": (32, 32),
        "learning_rate": 0.05,
        "augmentation": AugmentationSpec(scale=(0.8, 1.25)),
    }
    return TrainingSpec(**values | changes)


def proxy_task(**changes: Any) -> ProxyTask:
    schedule = training(**changes.pop("training", {}))
    values: dict[str, Any] = {
        "dataset": SOURCE,
        "metric": "macc",
        "network": NETWORK,
        "training": schedule,
        "scoring": SCORING,
    }
    return ProxyTask(**values | changes)


def retraining_task(loss: str = "cross-entropy", **changes: Any) -> RetrainingTask:
    schedule = training(**changes.pop("training", {}))
    values: dict[str, Any] = {
        "dataset": SOURCE,
        "loss": LOSSES[loss].document(),
        "network": NETWORK,
        "training": schedule,
        "scoring": SCORING,
        "checkpoint_every": 2,
    }
    return RetrainingTask(**values | changes)


def candidate(number: int, loss: str = "cross-entropy") -> Candidate:
    return Candidate(number, LOSSES[loss].document())
