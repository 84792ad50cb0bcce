"""Scores as the user's own code tells them, checked against what is searched for. No torch."""

from collections.abc import Mapping

from surrogate_zoo.errors import InputError
from surrogate_zoo.metrics.catalogue import METRICS
from surrogate_zoo.metrics.targets import Target


def measured(target: Target, score: float | None, metrics: Mapping[str, float]) -> dict[str, float]:
    """Every metric that was told.

    Args:
        target: Everything that is searched for.
        score: The metric, where there is a single one.
        metrics: Metrics by name.

    Raises:
        InputError: A metric is missing, told twice, or out of its range.
    """
    told = dict(metrics)
    if score is not None:
        if len(target.metrics) > 1:
            raise InputError(
                f"A score alone does not tell {', '.join(target.metrics)} apart: send them as metrics."
            )
        name = target.metrics[0]
        if told.setdefault(name, score) != score:
            raise InputError(f"score is {score:g} and metrics says {told[name]:g} of {name}.")
    if missing := [name for name in target.metrics if name not in told]:
        raise InputError(f"metrics lacks {', '.join(missing)}, which the search is for.")
    for name, value in told.items():
        if name in METRICS and not (least := METRICS[name].least) <= value <= 1:
            raise InputError(
                f"{name} must be in {least:g}..1, not {value:g}: divide percent by 100."
            )
    return told
