"""What everything that a job publishes says about where it comes from."""

from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # samplers load torch
    pass


LICENCE = "Apache-2.0"
"""Of a searched loss, as of the published ones: the product's own."""


_LIBRARIES = (
    "torch",
    "numpy",
    "scipy",
    "stable-baselines3",
    "optuna",
    "cmaes",
    "segmentation-models-pytorch",
    "timm",
    "ray",
)


def installed_versions() -> dict[str, str]:
    """Versions of what is installed and decides how a search goes."""
    return {"lossfit": version("lossfit")} | {name: version(name) for name in _LIBRARIES}
