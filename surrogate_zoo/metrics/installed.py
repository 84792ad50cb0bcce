"""Metrics that other packages bring, found through the entry point group ``lossfit.metrics``.

An entry point names a :class:`surrogate_zoo.metrics.metric.Metric`; see ``examples/own_metric``.
Needs no torch.
"""

import logging
import re
from dataclasses import replace
from importlib.metadata import EntryPoint

from surrogate_zoo.entry_points import installed, package_of
from surrogate_zoo.errors import InputError
from surrogate_zoo.metrics.instances.scores import INSTANCE_SCORES
from surrogate_zoo.metrics.metric import Metric
from surrogate_zoo.metrics.sites import curve_names
from surrogate_zoo.registry import Registry

GROUP = "lossfit.metrics"

_LOG = logging.getLogger(__name__)
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def add_installed(metrics: Registry[Metric]) -> None:
    """Add the metrics of installed packages; one that cannot be used is left out and logged."""
    for point in installed(GROUP):
        try:
            metric = _load(point)
            if metric.name in metrics or metric.name in INSTANCE_SCORES:
                taken = metrics.get(metric.name)
                owner = (taken.package if taken else "") or "lossfit"
                raise InputError(f"{owner} has a metric named {metric.name!r} already; rename it")  # noqa: TRY301
        except Exception as error:  # noqa: BLE001  (whatever a package of others raises)
            _LOG.warning(
                "The metric %r of the package %s is left out: %s: %s",
                point.name, package_of(point), type(error).__name__, error,
            )  # fmt: skip
        else:
            metrics[metric.name] = metric


def _load(point: EntryPoint) -> Metric:
    """Import what an entry point names, and check that it can be searched.

    Raises:
        InputError: It is no metric, has no proper name, or never uses its logic.
    """
    metric = point.load()
    if not isinstance(metric, Metric):
        raise InputError(f"{point.value} is a {type(metric).__name__}, no surrogate_zoo.Metric")
    if not _NAME.fullmatch(metric.name):
        raise InputError(f"its name must match {_NAME.pattern}, not {metric.name!r}")
    curve_names(metric.function)  # raises where it has nothing to search
    return replace(metric, package=package_of(point))
