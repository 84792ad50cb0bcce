"""Weights of loss networks as files: safetensors that say what they are.

A file's header has one entry, ``lossfit``, JSON: ``kind`` (a key of :data:`KINDS`), ``parameters``
(the constructor's keyword arguments) and ``provenance`` (what it was trained on, and how well it
does). One entry alone, since safetensors writes several in a random order and equal networks would
differ in their bytes.
"""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as as_bytes
from torch import Tensor, nn

from surrogate_zoo.errors import InputError, StorageError
from surrogate_zoo.files import write_atomically
from surrogate_zoo.loss_networks.edge import EdgeNetwork
from surrogate_zoo.loss_networks.inverse import InverseNetwork
from surrogate_zoo.needs import EDGE_NETWORK, INVERSE_NETWORK

HEADER = "lossfit"

KINDS: Mapping[str, type[nn.Module]] = {
    EDGE_NETWORK: EdgeNetwork,
    INVERSE_NETWORK: InverseNetwork,
}
"""Kind -> class."""


@dataclass(frozen=True)
class Facts:
    """What a file says about its network.

    Attributes:
        kind: A key of :data:`KINDS`.
        parameters: The constructor's keyword arguments.
        provenance: What it was trained on, and how well it does; free JSON.
    """

    kind: str
    parameters: Mapping[str, Any]
    provenance: Mapping[str, Any]


def save(
    network: nn.Module,
    path: str | Path,
    *,
    kind: str,
    parameters: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> None:
    """Write a network's weights; a crash leaves the file that was there before.

    Args:
        network: Of the class that ``kind`` names.
        path: Where to; conventionally ``*.safetensors``.
        kind: A key of :data:`KINDS`.
        parameters: Keyword arguments that build a network of this shape; JSON.
        provenance: What it was trained on, and how well it does; JSON.

    Raises:
        StorageError: The disk could not take it.
    """
    facts = {"kind": kind, "parameters": dict(parameters), "provenance": dict(provenance)}
    header = {HEADER: json.dumps(facts, sort_keys=True)}
    tensors = {
        name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()
    }
    # Written here: safetensors has an error of its own for a full disk.
    content = as_bytes(tensors, header)
    write_atomically(Path(path), lambda part: part.write_bytes(content))


def load(kind: str, path: str | Path, **expected: object) -> nn.Module:
    """Build the network of a file, frozen: in evaluation mode, on the CPU, without gradients.

    Args:
        kind: The kind it has to be, a key of :data:`KINDS`.
        path: A file that :func:`save` wrote.
        **expected: Values that some of its parameters have to have, such as ``num_classes``.

    Raises:
        InputError: There is no such file, it is broken, or it holds another network.
        StorageError: The disk could not give the file back.
    """
    return _loaded(kind, Path(path), expected)


def _loaded(kind: str, path: Path, expected: Mapping[str, object]) -> nn.Module:
    facts, tensors = _read(path)
    if facts.kind != kind:
        raise InputError(f"{path} holds weights of kind {facts.kind!r}, not {kind!r}.")
    _check_parameters(str(path), facts.parameters, expected)
    network = _build(path, facts, tensors)
    network.load_state_dict(tensors)
    return freeze(network)


def network_of(
    kind: str, source: str | Path | nn.Module | None, remedy: str, **expected: object
) -> nn.Module:
    """The frozen network that a loss was given, as a path or as a module, which is copied.

    Args:
        kind: A key of :data:`KINDS`.
        source: A path, a network, or None, which is an error.
        remedy: What to do about a missing network; ends the message.
        **expected: As of :func:`load`; attributes of a module.

    Raises:
        InputError: None was given, or it does not fit.
        StorageError: The disk could not give the file back.
    """
    if source is None:
        raise InputError(f"This loss needs {kind}, a trained and frozen network: {remedy}")
    if not isinstance(source, nn.Module):
        return _loaded(kind, Path(source), expected)
    if not isinstance(source, KINDS[kind]):
        raise InputError(f"{kind} must be a path or of class {KINDS[kind].__name__}.")
    _check_parameters(kind, {name: getattr(source, name) for name in expected}, expected)
    return freeze(copy.deepcopy(source))


def freeze(network: nn.Module) -> nn.Module:
    """Put a network into evaluation mode and switch its gradients off, in place."""
    return network.eval().requires_grad_(False)


def _read(path: Path) -> tuple[Facts, dict[str, Tensor]]:
    """The facts of a file and its tensors."""
    if not path.is_file():
        raise InputError(f"There is no file {path} with weights of a loss network.")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            names = list(file.keys())
            tensors = {name: file.get_tensor(name) for name in names}
    except SafetensorError as error:
        raise InputError(f"{path} is no whole safetensors file: {error}.") from error
    except OSError as error:
        raise StorageError(f"{path} could not be read: {error}.") from error
    return _facts(path, header), tensors


def _facts(path: Path, header: Mapping[str, str]) -> Facts:
    try:
        facts = Facts(**json.loads(header[HEADER]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} holds no weights of a loss network: its header has no valid {HEADER!r} entry."
        ) from error
    if str(facts.kind) not in KINDS or not isinstance(facts.parameters, dict):
        raise InputError(f"{path} holds weights of an unknown kind, {facts.kind!r}.")
    return facts


def _check_parameters(
    where: str, parameters: Mapping[str, Any], expected: Mapping[str, object]
) -> None:
    for name, value in expected.items():
        if parameters.get(name) != value:
            raise InputError(
                f"{where} was made for {name} = {parameters.get(name)}, not {value}: train another."
            )


def _build(path: Path, facts: Facts, tensors: Mapping[str, Tensor]) -> nn.Module:
    """A network that fits the tensors; memory is taken only once it is known that they fit."""
    build = KINDS[facts.kind]
    try:
        with torch.device("meta"):
            shapes = _shapes(build(**facts.parameters).state_dict())
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{path} names parameters that build no network of kind {facts.kind!r}: {error}."
        ) from error
    stored = _shapes(tensors)
    wrong = sorted(name for name in shapes.keys() | stored if shapes.get(name) != stored.get(name))
    if wrong:
        raise InputError(
            f"{path} does not fit its own parameters: tensor {wrong[0]!r} is "
            f"{stored.get(wrong[0], 'missing')}, expected {shapes.get(wrong[0], 'none')}."
        )
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise InputError(f"{path} holds NaN or infinite values in tensor {name!r}.")
    with torch.random.fork_rng(devices=[]):  # the weights drawn here are replaced
        return build(**facts.parameters)


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    return {name: f"{tensor.dtype} {tuple(tensor.shape)}" for name, tensor in tensors.items()}
