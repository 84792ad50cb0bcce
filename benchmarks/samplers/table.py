"""The table of trainings that :mod:`benchmarks.samplers.collect` fills: JSON lines, a header first."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESULTS = Path("benchmarks/results/samplers")


@dataclass(frozen=True)
class Row:
    """One proxy training.

    Attributes:
        number: Row of the table, from 0.
        kind: How theta was drawn; see :mod:`benchmarks.samplers.collect`.
        seed: Of the proxy task.
        theta: Parameters, in the metric's default space.
        score: The metric on the hold-out set, in 0..1; None where the training failed.
        metrics: All metrics.
        seconds: Wall-clock seconds.
    """

    number: int
    kind: str
    seed: int
    theta: tuple[float, ...]
    score: float | None
    metrics: dict[str, float]
    seconds: float


@dataclass(frozen=True)
class Table:
    """Trainings that gave a score.

    Attributes:
        header: The proxy task, and where and from which commit it was run.
        thetas: (n, d).
        scores: (n,).
        seeds: (n,).
        kinds: n of them.
        failed: Trainings that gave none.
    """

    header: dict[str, Any]
    thetas: NDArray[np.float64]
    scores: NDArray[np.float64]
    seeds: NDArray[np.int64]
    kinds: tuple[str, ...]
    failed: int


def path_of(metric: str) -> Path:
    """Where the table of a metric is kept."""
    return RESULTS / f"{metric}.jsonl"


def read_rows(path: Path) -> tuple[dict[str, Any], list[Row]]:
    """Header and rows; a last line that was cut short by a crash is dropped from the file."""
    text = path.read_text()
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole)
    header, *rows = map(json.loads, whole.splitlines())
    return header, [Row(**{**row, "theta": tuple(row["theta"])}) for row in rows]


def append(path: Path, rows: list[Row]) -> None:
    """Add rows at the end."""
    with path.open("a") as file:
        file.writelines(json.dumps(asdict(row)) + "\n" for row in rows)


def read(path: Path) -> Table:
    """The trainings of a table, as arrays."""
    header, rows = read_rows(path)
    scored = [row for row in rows if row.score is not None]
    return Table(
        header,
        np.array([row.theta for row in scored]),
        np.array([row.score for row in scored], dtype=np.float64),
        np.array([row.seed for row in scored]),
        tuple(row.kind for row in scored),
        failed=len(rows) - len(scored),
    )
