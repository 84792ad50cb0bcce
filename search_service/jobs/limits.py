"""What a job may cost: refused when it is submitted, with the figures, rather than found out later."""

from collections.abc import Mapping

from search_service.jobs.estimate import Estimate
from search_service.jobs.queue import limits_of
from search_service.settings import Settings
from surrogate_zoo.errors import InputError

_GIGA = 1e9


class CostError(InputError):
    """A job would cost more than the operator allows.

    Attributes:
        figures: What was estimated, by name; None where it is not known.
        limits: What is allowed, by the same names; None where there is no limit.
    """

    def __init__(
        self, message: str, figures: Mapping[str, float | None], limits: Mapping[str, float | None]
    ) -> None:
        """Say what is too much, and keep all the figures."""
        super().__init__(message)
        self.figures, self.limits = dict(figures), dict(limits)


def needs_speed(settings: Settings, owner: str) -> bool:
    """Whether any limit is of what only earlier trainings can tell."""
    measured = (settings.most_hours, settings.most_disk_gb, settings.most_memory_gb)
    return any(limit is not None for limit in (*measured, limits_of(settings, owner).hours))


def check(settings: Settings, owner: str, estimate: Estimate) -> None:
    """Refuse a job that would cost more than one job may, or than its owner may ever use.

    Raises:
        CostError: It would; tells all figures and limits.
    """
    own = limits_of(settings, owner)
    figures: dict[str, float | None] = {
        "trainings": estimate.trainings,
        "steps": estimate.steps,
        "hours": estimate.hours,
        "disk_gb": _in_giga(estimate.disk_bytes),
        "memory_gb": _in_giga(estimate.memory_bytes),
    }
    limits: dict[str, float | None] = {
        "trainings": _lower(settings.most_trainings, own.trainings),
        "steps": settings.most_steps,
        "hours": _lower(settings.most_hours, own.hours),
        "disk_gb": settings.most_disk_gb,
        "memory_gb": settings.most_memory_gb,
    }
    over = [
        f"{figure:,.10g} {_WORDS[name]} ({limit:,.10g} are allowed)"
        for name, figure in figures.items()
        if figure is not None and (limit := limits[name]) is not None and figure > limit
    ]
    if over:
        raise CostError(
            f"The job would take {', '.join(over)}: ask for less, or have the operator raise the limit.",
            figures,
            limits,
        )


_WORDS: Mapping[str, str] = {
    "trainings": "trainings",
    "steps": "optimiser steps",
    "hours": "hours of a worker",
    "disk_gb": "GB of disk",
    "memory_gb": "GB of GPU memory",
}


def _in_giga(size: int | None) -> float | None:
    return None if size is None else round(size / _GIGA, 3)


def _lower(*limits: float | None) -> float | None:
    return min((limit for limit in limits if limit is not None), default=None)
