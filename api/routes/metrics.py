"""``/v1/metrics``: the segmentation metrics that a search can aim at."""

from fastapi import APIRouter

from api.catalogue_schemas import MetricView
from api.schemas import Items
from surrogate_zoo.losses.parameter_space import ParameterSpace
from surrogate_zoo.metrics.catalogue import METRICS
from surrogate_zoo.metrics.metric import Metric
from surrogate_zoo.metrics.titles import unit_of

router = APIRouter(prefix="/metrics", tags=["metrics"])


@router.get("")
def list_metrics() -> Items[MetricView]:
    """All metrics, with the number of parameters that a search of each has."""
    return Items(items=[_view(metric) for metric in METRICS.values()])


def _view(metric: Metric) -> MetricView:
    return MetricView(
        name=metric.name,
        title=metric.title,
        summary=metric.summary,
        source=metric.source,
        factor=unit_of(metric.name).factor,
        curves=list(metric.curves),
        parameters=ParameterSpace(metric.name).dimension,
        package=metric.package or None,
    )
