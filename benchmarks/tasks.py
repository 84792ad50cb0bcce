"""Real images at sizes that a CPU trains in minutes: what the comparisons on them share."""

import platform
import subprocess
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from search_service.comparisons.columns import Column
from search_service.comparisons.results import Table
from search_service.significance import Difference

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
    "resnet50": {"architecture": "DeepLabV3Plus", "encoder": "resnet50"},
    "pspnet": {"architecture": "PSPNet", "encoder": "resnet18"},
    "lite0": {  # pretrained on ImageNet, of the package that the extra "pretrained" brings
        "architecture": "DeepLabV3Plus",
        "encoder": "tu-tf_efficientnet_lite0",
        "weights": "packaged",
        "options": {"decoder_channels": 64},
    },
    "unet": {  # its maps have full size: a decoder that ends at a quarter joins objects that touch
        "architecture": "Unet",
        "encoder": "tu-tf_efficientnet_lite0",
        "weights": "packaged",
        "options": {"encoder_depth": 4, "decoder_channels": [48, 32, 24, 16]},
    },
}


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


def training(
    iterations: int, rate: float, size: Sequence[int], head_factor: float = 1.0
) -> dict[str, Any]:
    """The schedule of tuning and retraining, with crops of the images' size."""
    return {
        "iterations": iterations,
        "batch_size": 8,
        "crop": list(size),
        "learning_rate": rate,
        "head_factor": head_factor,
        "warmup": 10,
        "augmentation": {"scale": [0.75, 1.5]},
    }


def commit() -> str:
    """The commit that is checked out here, short."""
    named = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return named.stdout.strip() or "unknown"


def circumstances() -> str:
    """Day, commit, machine and torch, for the head of a report."""
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit()}, {platform.machine()}, "
        f"torch {torch.__version__}"
    )


def paired(table: Table, loss: str, base: str, column: Column) -> tuple[list[float], list[float]]:
    """The values of two losses over the seeds that both have, in the order of the seeds."""
    values = {row.loss: row.values(column) for row in table.rows}
    seeds = sorted(set(values[loss]) & set(values[base]))
    return [values[loss][seed] for seed in seeds], [values[base][seed] for seed in seeds]


def told(gap: Difference, adjusted: float | None = None) -> str:
    """``+1.5 ± 0.9 (p = 0.010, 0.06)``: a difference of shares, its p and the corrected one.

    Without p where a single pair tells none.
    """
    if gap.p is None:
        return gap.percent(signed=True)
    corrected = "" if adjusted is None else f", {adjusted:.2f}"
    return f"{gap.percent(signed=True)} (p = {gap.p:.3f}{corrected})"
