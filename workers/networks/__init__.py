"""Networks by name, the heads that they carry while they train, and their parameter groups."""

from workers.architectures import ARCHITECTURES
from workers.networks.build import build_network, check_network, options_of
from workers.networks.heads import (
    AUXILIARY_LOGITS,
    HEADS,
    MULTIPLE,
    WithHeads,
    auxiliary_weight,
    cropped,
    padded,
    parameter_groups,
)
from workers.networks.trained import load_network

__all__ = [
    "ARCHITECTURES",
    "AUXILIARY_LOGITS",
    "HEADS",
    "MULTIPLE",
    "WithHeads",
    "auxiliary_weight",
    "build_network",
    "check_network",
    "cropped",
    "load_network",
    "options_of",
    "padded",
    "parameter_groups",
]
