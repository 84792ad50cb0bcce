"""Losses to train segmentation networks with; names load on first use, so importing this is cheap."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from surrogate_zoo.losses.registry import LOSSES, load_loss, needs_of
    from surrogate_zoo.losses.scale import scale_for
    from surrogate_zoo.losses.surrogate import SurrogateLoss
    from surrogate_zoo.metrics.boundary_evaluator import BoundaryEvaluator
    from surrogate_zoo.metrics.catalogue import METRICS
    from surrogate_zoo.metrics.evaluator import SegmentationEvaluator
    from surrogate_zoo.metrics.image_scores import ImageScores
    from surrogate_zoo.metrics.instances.evaluator import InstanceEvaluator
    from surrogate_zoo.metrics.instances.scores import INSTANCE_SCORES, InstanceScore
    from surrogate_zoo.metrics.metric import Metric

_HOMES = {
    "SurrogateLoss": "surrogate_zoo.losses.surrogate",
    "BoundaryEvaluator": "surrogate_zoo.metrics.boundary_evaluator",
    "SegmentationEvaluator": "surrogate_zoo.metrics.evaluator",
    "ImageScores": "surrogate_zoo.metrics.image_scores",
    "InstanceEvaluator": "surrogate_zoo.metrics.instances.evaluator",
    "InstanceScore": "surrogate_zoo.metrics.instances.scores",
    "INSTANCE_SCORES": "surrogate_zoo.metrics.instances.scores",
    "Metric": "surrogate_zoo.metrics.metric",
    "METRICS": "surrogate_zoo.metrics.catalogue",
    "LOSSES": "surrogate_zoo.losses.registry",
    "load_loss": "surrogate_zoo.losses.registry",
    "needs_of": "surrogate_zoo.losses.registry",
    "scale_for": "surrogate_zoo.losses.scale",
}

__all__ = [
    "INSTANCE_SCORES",
    "LOSSES",
    "METRICS",
    "BoundaryEvaluator",
    "ImageScores",
    "InstanceEvaluator",
    "InstanceScore",
    "Metric",
    "SegmentationEvaluator",
    "SurrogateLoss",
    "load_loss",
    "needs_of",
    "scale_for",
]


def __dir__() -> list[str]:
    """The public names, whether or not they were loaded already."""
    return list(__all__)


def __getattr__(name: str) -> object:
    """Load a public name from its module on first use (PEP 562): the API never pays for torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
