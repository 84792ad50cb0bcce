"""Surrogates compiled by torch.compile: the hundreds of small kernels of a loss become a few.

What is compiled is the same for all candidates of a metric and family, whose control points are inputs; so
only the first candidate of a worker waits for the compiler, half a minute or so. Or fused, by kernels that
are written for them; what torch compiles does not use these.
"""

import os

import torch
from torch import nn

from surrogate_zoo.losses.surrogate import SurrogateLoss

SWITCH = "LOSSFIT_COMPILED_LOSSES"
"""Environment variable of a worker; 1 compiles surrogates on a GPU."""

FUSED = "LOSSFIT_FUSED_LOSSES"
"""Environment variable of a worker; 0 takes the sums of surrogates without their kernels on a GPU."""


def wanted(device: torch.device) -> bool:
    """Whether surrogates are compiled on a device."""
    return device.type == "cuda" and os.environ.get(SWITCH) == "1"


def compile_surrogates(loss: nn.Module) -> bool:
    """Compile the surrogates in a loss; whether there are any."""
    surrogates = [module for module in loss.modules() if isinstance(module, SurrogateLoss)]
    for surrogate in surrogates:
        surrogate.compile(fullgraph=True, dynamic=False)
    return bool(surrogates)


def choose_kernels(loss: nn.Module) -> None:
    """Let surrogates do without the kernels that they have on a GPU where that is asked for."""
    for module in loss.modules():
        if isinstance(module, SurrogateLoss):
            module.fused = os.environ.get(FUSED) != "0"


def undo(loss: nn.Module) -> None:
    """Let the surrogates in a loss run as they are written."""
    for module in loss.modules():
        if isinstance(module, SurrogateLoss):
            module._compiled_call_impl = None
