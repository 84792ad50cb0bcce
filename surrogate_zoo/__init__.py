"""Losses to train segmentation networks with; names load on first use, so importing this is cheap."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from surrogate_zoo.boundary_evaluator import BoundaryEvaluator
    from surrogate_zoo.evaluator import SegmentationEvaluator
    from surrogate_zoo.image_scores import ImageScores
    from surrogate_zoo.metrics import METRICS
    from surrogate_zoo.registry import LOSSES, load_loss, needs_of
    from surrogate_zoo.surrogate import SurrogateLoss

_HOMES = {
    "SurrogateLoss": "surrogate_zoo.surrogate",
    "BoundaryEvaluator": "surrogate_zoo.boundary_evaluator",
    "SegmentationEvaluator": "surrogate_zoo.evaluator",
    "ImageScores": "surrogate_zoo.image_scores",
    "METRICS": "surrogate_zoo.metrics",
    "LOSSES": "surrogate_zoo.registry",
    "load_loss": "surrogate_zoo.registry",
    "needs_of": "surrogate_zoo.registry",
}

__all__ = [
    "LOSSES",
    "METRICS",
    "BoundaryEvaluator",
    "ImageScores",
    "SegmentationEvaluator",
    "SurrogateLoss",
    "load_loss",
    "needs_of",
]


def __getattr__(name: str) -> object:
    """Load a public name from its module on first use (PEP 562): the API never pays for torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
