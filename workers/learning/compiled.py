"""Networks and surrogates compiled by torch.compile: the hundreds of small kernels of a step become fewer.

Each part of a network, its encoder, its decoder and each head, is compiled as it runs while it trains; where
it is scored it runs as it is written. What is compiled is the same for all candidates of a search, whose
weights and control points are inputs; so only the first candidate of a worker waits for the compiler, half
a minute or so. Surrogates have kernels of their own besides, which what torch compiles does not use.
"""

import os
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from surrogate_zoo.losses.surrogate import SurrogateLoss
from workers.networks.frozen import FrozenEncoder
from workers.networks.heads import WithHeads

LOSSES = "LOSSFIT_COMPILED_LOSSES"
"""Environment variable of a worker; 1 compiles surrogates on a GPU."""

NETWORKS = "LOSSFIT_COMPILED_NETWORKS"
"""Environment variable of a worker; 1 compiles the networks that train on a GPU."""

FUSED = "LOSSFIT_FUSED_LOSSES"
"""Environment variable of a worker; 0 takes the sums of surrogates without their kernels on a GPU."""


def wanted(switch: str, device: torch.device) -> bool:
    """Whether surrogates or networks are compiled on a device, by the variable for them."""
    return device.type == "cuda" and os.environ.get(switch) == "1"


def compile_surrogates(loss: nn.Module) -> bool:
    """Compile the surrogates in a loss; whether there are any."""
    surrogates = [module for module in loss.modules() if isinstance(module, SurrogateLoss)]
    for surrogate in surrogates:
        surrogate.compile(fullgraph=True, dynamic=False)
    return bool(surrogates)


def compile_parts(network: WithHeads) -> bool:
    """Compile the parts of a network as they train; whether there are any.

    Their hooks stay outside, which a compiler would take once and for all.
    """
    parts = list(_parts(network))
    for part in parts:
        setattr(part, "forward", _in_training(part))  # noqa: B010 - a method that mypy would keep
    return bool(parts)


def choose_kernels(loss: nn.Module) -> None:
    """Let surrogates do without the kernels that they have on a GPU where that is asked for."""
    for module in loss.modules():
        if isinstance(module, SurrogateLoss):
            module.fused = os.environ.get(FUSED) != "0"


def undo(loss: nn.Module, network: WithHeads) -> None:
    """Let the surrogates in a loss, and the parts of a network, run as they are written."""
    for module in loss.modules():
        if isinstance(module, SurrogateLoss):
            module._compiled_call_impl = None
    for part in _parts(network):
        vars(part).pop("forward", None)


def _parts(network: WithHeads) -> Iterator[nn.Module]:
    """What a network calls as a whole; a frozen encoder's features are looked up, and nothing to compile."""
    for part in [*network.network.children(), *network.heads.values(), network.auxiliary_head]:
        if part is None or isinstance(part, FrozenEncoder):
            continue
        if type(part).forward is not nn.Module.forward:  # a list of modules is not called
            yield part


def _in_training(part: nn.Module) -> Any:
    """What a part's ``forward`` is to be: compiled while it trains."""
    written = part.forward
    fast = torch.compile(written, fullgraph=True, dynamic=False)

    def forward(*inputs: Any) -> Any:
        return (fast if part.training and torch.is_grad_enabled() else written)(*inputs)

    return forward
