"""Learners' states on disk: a training that was stopped goes on, and others start from its network.

A state holds everything that a training needs to go on; on a CPU it ends with the very weights of
an uninterrupted one. What a file would hold follows from the task and the candidate, so one that is
lost costs time and changes no result.
"""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from surrogate_zoo.errors import StorageError
from surrogate_zoo.files import write_atomically
from workers.learning.learner import Learner

_NETWORK = "network."  # what WithHeads calls the network that it wraps
_HEADS = "own_heads."  # of the network itself, see workers.networks.own_heads


def keep(learner: Learner, path: Path) -> None:
    """Write a learner's state; a crash leaves the file that was there before, or none.

    Raises:
        StorageError: The disk could not take it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda part: torch.save(learner.state(), part))


def restore(learner: Learner, path: Path, *, most: int) -> None:
    """Let a learner go on from a kept state, if there is one of at most ``most`` steps.

    Raises:
        StorageError: The file cannot be read.
    """
    if path.exists() and (state := _read(path))["steps"] <= most:
        learner.load(state)


def load_network(network: nn.Module, path: Path) -> None:
    """Give a network the weights that one of the same kind had in a kept state.

    A head of its own keeps its weights where the other network's has another width, or is missing.

    Raises:
        StorageError: The file cannot be read, or is of another network.
    """
    weights = {
        name.removeprefix(_NETWORK): value
        for name, value in _read(path)["network"].items()
        if name.startswith(_NETWORK)
    }
    kept = {
        name: value
        for name, value in network.state_dict().items()
        if name.startswith(_HEADS) and (name not in weights or weights[name].shape != value.shape)
    }
    try:
        network.load_state_dict(weights | kept)
    except RuntimeError as error:
        raise StorageError(f"{path} holds the weights of another network.") from error


def _read(path: Path) -> dict[str, Any]:
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise StorageError(f"{path} cannot be read; delete it to train anew.") from error
    return state
