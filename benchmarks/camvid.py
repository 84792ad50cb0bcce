"""CamVid at a size that a CPU trains in minutes: what the comparisons on it share."""

import statistics
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scipy import stats

from surrogate_zoo import METRICS

CLASSES = (
    "sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian",
    "cyclist",
)  # fmt: skip

NETWORK: dict[str, Any] = {
    "architecture": "DeepLabV3Plus",
    "encoder": "resnet18",
    "options": {"decoder_channels": 64},
}

Runs = Sequence[Mapping[str, float]]


def source(root: Path, size: Sequence[int]) -> dict[str, Any]:
    """The data set in the SegNet layout at ``root``, read at ``size`` (height, width)."""
    return {
        "layout": "segnet",
        "root": str(root.resolve()),
        "classes": CLASSES,
        "void_labels": [len(CLASSES)],
        "size": list(size),
    }


def training(iterations: int, rate: float) -> dict[str, Any]:
    """The schedule of tuning and retraining."""
    return {
        "iterations": iterations,
        "batch_size": 8,
        "crop": [96, 128],
        "learning_rate": rate,
        "head_factor": 1.0,
        "warmup": 10,
        "augmentation": {"scale": [0.75, 1.5]},
    }


def titles(runs: Runs, *, near_borders: bool) -> dict[str, str]:
    """Scores that a run has, by name, with what tables call them: metrics, or measures near borders."""
    return {
        name: METRICS[name].title if name in METRICS else name
        for name in runs[0]
        if (name in METRICS) != near_borders
    }


def commit() -> str:
    """The commit that is checked out here, short."""
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or "unknown"


def table(
    scores: Mapping[str, Runs], titles: Mapping[str, str], rates: Mapping[str, float]
) -> Iterator[str]:
    """Lines of a Markdown table: one row a loss, one column a score."""
    yield f"| loss | learning rate | {' | '.join(titles.values())} |"
    yield "|---" * (2 + len(titles)) + "|"
    for loss, runs in scores.items():
        cells = (interval([run[name] for run in runs]) for name in titles)
        yield f"| {loss} | {rates[loss]:g} | {' | '.join(cells)} |"


def difference(runs: Runs, base: Runs, name: str) -> str:
    """The gap of one score to that of ``base`` in points, paired over seeds, with its p."""
    gaps = [run[name] - low[name] for run, low in zip(runs, base, strict=True)]
    p = stats.ttest_1samp(gaps, 0.0).pvalue
    return f"{interval(gaps, signed=True)} (p = {p:.3f})"


def interval(values: Sequence[float], *, signed: bool = False) -> str:
    """Mean and half of the 95% interval (Student's t) in percent."""
    mean = 100 * statistics.fmean(values)
    text = f"{mean:+.1f}" if signed else f"{mean:.1f}"
    if len(values) < 2:
        return text
    half = 100 * stats.t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5
    return f"{text} ± {half:.1f}"
