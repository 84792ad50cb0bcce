"""``/v1/metrics``: the segmentation metrics that a search can aim at."""

from fastapi import APIRouter

from api.schemas import Metrics, MetricView
from surrogate_zoo.metrics.catalogue import METRICS

router = APIRouter(prefix="/metrics", tags=["metrics"])


@router.get("")
def list_metrics() -> Metrics:
    """All metrics, with the number of parameters that a search of each has."""
    return Metrics(items=[MetricView.of(metric) for metric in METRICS.values()])
