"""Real images at sizes that a CPU trains in minutes: what the comparisons on them share."""

import platform
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from search_service.significance import Difference, difference, estimate
from surrogate_zoo import METRICS

CAMVID_CLASSES = (
    "sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian",
    "cyclist",
)  # fmt: skip

NETWORKS: Mapping[str, dict[str, Any]] = {
    "small": {  # without the encoder's last stage: a quarter of the time of "deeplab"
        "architecture": "DeepLabV3Plus",
        "encoder": "resnet18",
        "options": {"decoder_channels": 64, "encoder_depth": 4},
    },
    "deeplab": {
        "architecture": "DeepLabV3Plus",
        "encoder": "resnet18",
        "options": {"decoder_channels": 64},
    },
    "pspnet": {"architecture": "PSPNet", "encoder": "resnet18"},
}

Runs = Sequence[Mapping[str, float]]


def camvid(root: Path, size: Sequence[int]) -> dict[str, Any]:
    """CamVid in the SegNet layout at ``root``, read at ``size`` (height, width)."""
    return {
        "layout": "segnet",
        "root": str(root.resolve()),
        "classes": CAMVID_CLASSES,
        "void_labels": [len(CAMVID_CLASSES)],
        "size": list(size),
    }


def nuclei(root: Path, size: Sequence[int]) -> dict[str, Any]:
    """Nuclei as background, nucleus and border, read at ``size`` (height, width)."""
    return {"layout": "nuclei", "root": str(root.resolve()), "size": list(size)}


DATASETS: Mapping[str, Callable[[Path, Sequence[int]], dict[str, Any]]] = {
    "camvid": camvid,
    "nuclei": nuclei,
}


def training(iterations: int, rate: float, size: Sequence[int]) -> dict[str, Any]:
    """The schedule of tuning and retraining, with crops of the images' size."""
    return {
        "iterations": iterations,
        "batch_size": 8,
        "crop": list(size),
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


def circumstances(commits: Sequence[str]) -> str:
    """Day, commits, machine and torch, for the head of a report."""
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, commit {', '.join(sorted(set(commits)))}, "
        f"{platform.machine()}, one thread a training, torch {torch.__version__}"
    )


def table(
    scores: Mapping[str, Runs], titles: Mapping[str, str], rates: Mapping[str, float]
) -> Iterator[str]:
    """Lines of a Markdown table: one row a loss, one column a score."""
    yield f"| loss | learning rate | {' | '.join(titles.values())} |"
    yield "|---" * (2 + len(titles)) + "|"
    for loss, runs in scores.items():
        cells = (estimate([run[name] for run in runs]).percent() for name in titles)
        yield f"| {loss} | {rates[loss]:g} | {' | '.join(cells)} |"


def gap(runs: Runs, base: Runs, name: str) -> str:
    """The gap of one score to that of ``base`` in points, paired over seeds, with its p."""
    return told(difference([run[name] for run in runs], [run[name] for run in base]))


def told(found: Difference, adjusted: float | None = None) -> str:
    """``+1.5 ± 0.9 (p = 0.010, 0.06)``: a difference of shares, its p and the corrected one.

    Without p where a single pair tells none.
    """
    if found.p is None:
        return found.percent(signed=True)
    corrected = "" if adjusted is None else f", {adjusted:.2f}"
    return f"{found.percent(signed=True)} (p = {found.p:.3f}{corrected})"
