"""What became of one retraining of a comparison: a frozen value, and its form in the database."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self


@dataclass(frozen=True)
class CellOutcome:
    """What became of one retraining.

    Attributes:
        learning_rate: Peak learning rate that it was trained with.
        score: The comparison's metric on the split; None where it failed or had nothing to measure.
        error: Why it failed, in one line; None where it did not.
        seconds: Wall-clock seconds that it took; 0 of one that failed.
        metrics: All scores on the split, by name; empty of one that failed.
        rankseg: The same metrics with the decoding ``rankseg``; empty where that was not asked for.
        class_iou: IoU of every class over all images; None of one that neither truth nor prediction
            has.
        objects: How objects were made, and their scores by way, see ``workers.retraining.objects``; empty
            where none were made.
        measures: Whatever else a retraining tells as a single number (``worst_decile``,
            ``peak_memory_bytes``), by its name in ``metrics.json``.
    """

    learning_rate: float
    score: float | None = None
    error: str | None = None
    seconds: float = 0.0
    metrics: Mapping[str, float] = field(default_factory=dict)
    rankseg: Mapping[str, float] = field(default_factory=dict)
    class_iou: Mapping[str, float | None] = field(default_factory=dict)
    objects: Mapping[str, Any] = field(default_factory=dict)
    measures: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls, report: Mapping[str, Any], *, learning_rate: float, metric: str, seconds: float
    ) -> Self:
        """The outcome of a retraining that wrote ``report`` as its ``metrics.json``."""
        return cls(
            learning_rate=learning_rate,
            score=report["metrics"].get(metric),
            seconds=seconds,
            metrics=report["metrics"],
            rankseg=report.get("rankseg", {}),
            class_iou=report.get("class_iou", {}),
            objects=report.get("objects", {}),
            measures=_numbers(report),
        )

    def to_json(self) -> dict[str, Any]:
        """For the row of an evaluation: all fields by name, the measures beside them."""
        body = {name: _plain(value) for name, value in vars(self).items() if name != "measures"}
        return {**self.measures, **body}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`to_json`; what is left out there takes its default."""
        named = {name: body[name] for name in _FIELDS if name in body}
        rest = {name: value for name, value in body.items() if name not in _FIELDS}
        return cls(**named, measures=_numbers(rest))


_FIELDS = tuple(entry.name for entry in fields(CellOutcome) if entry.name != "measures")


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def _numbers(report: Mapping[str, Any]) -> dict[str, float]:
    """The entries that are single numbers."""
    return {
        name: value
        for name, value in report.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
