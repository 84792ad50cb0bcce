"""The public face of lossfit: losses, metrics, evaluators, trained networks, a client of the service.

::

    from lossfit import load_loss

    loss = load_loss("asl-bf1-voc", num_classes=21)

Names load on first use, so importing this is cheap. The losses, metrics and evaluators need nothing
beyond ``pip install lossfit``; a name that needs more says which extra brings it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from api.client.client import Client
    from search_service.local.result import SearchResult
    from search_service.local.search import search
    from search_service.local.tune import LossSearch
    from search_service.searches.external.trial import Trial, TrialOver
    from surrogate_zoo import (
        INSTANCE_SCORES,
        LOSSES,
        METRICS,
        BoundaryEvaluator,
        ImageScores,
        InstanceEvaluator,
        InstanceScore,
        Metric,
        SegmentationEvaluator,
        SurrogateLoss,
        load_loss,
        needs_of,
        scale_for,
    )
    from surrogate_zoo.loops.any_shape import AnyShapeLoss
    from surrogate_zoo.loops.metric import SegmentationMetric
    from surrogate_zoo.loops.mmseg import MMSegLoss
    from surrogate_zoo.loops.tune import loss_of
    from surrogate_zoo.losses.sharing import pull_loss, push_loss
    from workers.instances.prediction import predict_instances
    from workers.networks.trained import load_network
    from workers.scoring.inference import predict
    from workers.tasks.instances import ClusteringSpec

    __version__: str

_HOMES = {
    "BoundaryEvaluator": "surrogate_zoo",
    "ImageScores": "surrogate_zoo",
    "INSTANCE_SCORES": "surrogate_zoo",
    "InstanceEvaluator": "surrogate_zoo",
    "InstanceScore": "surrogate_zoo",
    "LOSSES": "surrogate_zoo",
    "METRICS": "surrogate_zoo",
    "Metric": "surrogate_zoo",
    "SegmentationEvaluator": "surrogate_zoo",
    "SurrogateLoss": "surrogate_zoo",
    "load_loss": "surrogate_zoo",
    "needs_of": "surrogate_zoo",
    "scale_for": "surrogate_zoo",
    "AnyShapeLoss": "surrogate_zoo.loops.any_shape",
    "MMSegLoss": "surrogate_zoo.loops.mmseg",
    "SegmentationMetric": "surrogate_zoo.loops.metric",
    "loss_of": "surrogate_zoo.loops.tune",
    "pull_loss": "surrogate_zoo.losses.sharing",
    "push_loss": "surrogate_zoo.losses.sharing",
    "load_network": "workers.networks.trained",
    "predict": "workers.scoring.inference",
    "predict_instances": "workers.instances.prediction",
    "ClusteringSpec": "workers.tasks.instances",
    "Client": "api.client.client",
    "search": "search_service.local.search",
    "LossSearch": "search_service.local.tune",
    "SearchResult": "search_service.local.result",
    "Trial": "search_service.searches.external.trial",
    "TrialOver": "search_service.searches.external.trial",
}

_EXTRAS = {
    "load_network": "networks",
    "predict": "networks",
    "predict_instances": "networks",
    "ClusteringSpec": "networks",
    "Client": "client",
    "SegmentationMetric": "torchmetrics",
    "search": "service",
    "LossSearch": "service",
    "SearchResult": "service",
}
"""Name -> the extra that brings what it needs beyond lossfit's own dependencies."""

__all__ = [
    "INSTANCE_SCORES",
    "LOSSES",
    "METRICS",
    "AnyShapeLoss",
    "BoundaryEvaluator",
    "Client",
    "ClusteringSpec",
    "ImageScores",
    "InstanceEvaluator",
    "InstanceScore",
    "LossSearch",
    "MMSegLoss",
    "Metric",
    "SearchResult",
    "SegmentationEvaluator",
    "SegmentationMetric",
    "SurrogateLoss",
    "Trial",
    "TrialOver",
    "__version__",
    "load_loss",
    "load_network",
    "loss_of",
    "needs_of",
    "predict",
    "predict_instances",
    "pull_loss",
    "push_loss",
    "scale_for",
    "search",
]


def __dir__() -> list[str]:
    """The public names, whether or not they were loaded already."""
    return list(__all__)


def __getattr__(name: str) -> object:
    """Load a public name from its module on first use (PEP 562).

    Raises:
        AttributeError: There is no such name.
        ImportError: A package of an extra is not installed; tells the command.
    """
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415  (nobody else here needs it)

        return version("lossfit")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        if name not in _EXTRAS:
            raise
        raise ImportError(
            f"lossfit.{name} needs the package {error.name}: "
            f"pip install 'lossfit[{_EXTRAS[name]}]'.",
            name=error.name,
        ) from error
