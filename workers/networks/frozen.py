"""Frozen encoders, whose features the networks of a pack compute once, and frozen batch statistics."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from surrogate_zoo.errors import InputError


class FrozenEncoder(nn.Module):
    """Stands for the encoder of a network whose encoder does not learn.

    Features are computed in evaluation mode, without gradients, in the precision that is set around
    the call. Those of images that were seen before are remembered until :meth:`forget`, so that of
    many networks on the same batch only the first one waits for them. Nothing may change them in place.

    A copy of a network shares it. What it holds is no part of the network: it is in no state and has no
    parameters, and is not moved along. Everything else that an encoder has (``out_channels``,
    ``output_stride``) it has too.

    Args:
        encoder: The encoder, on the device of the images; its weights stop learning.
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self._held = (
            encoder.eval().requires_grad_(requires_grad=False),
        )  # a tuple is no submodule
        self._seen: list[tuple[Tensor, Any]] = []

    def __getattr__(self, name: str) -> Any:
        """What the encoder has."""
        if name == "_held":  # asked for before it is there
            raise AttributeError(name)
        return getattr(self._held[0], name)

    def __deepcopy__(self, memo: dict[int, Any]) -> "FrozenEncoder":
        return self

    def forward(self, images: Tensor) -> Any:
        """Features of images (N, 3, H, W), as the encoder gives them."""
        for other, features in self._seen:
            if _same(other, images):
                return features
        with torch.no_grad():
            features = self._held[0](images)
        self._seen.append((images, features))
        return features

    def forget(self) -> None:
        """Forget all features: another batch comes."""
        self._seen.clear()


def freeze_encoder(network: nn.Module, device: torch.device) -> FrozenEncoder:
    """Freeze the encoder of a network, and move it to where the network is going to be.

    Returns:
        The frozen encoder, which networks of the same weights may share.

    Raises:
        InputError: The network has no encoder.
    """
    encoder = getattr(network, "encoder", None)
    if not isinstance(encoder, nn.Module):
        raise InputError(
            f"{type(network).__name__} has no encoder to freeze: set frozen_encoder to false."
        )
    # torch's annotations of Module.to lack the memory format.
    encoder.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    frozen = FrozenEncoder(encoder)
    network.encoder = frozen
    return frozen


def batch_norms_of(network: nn.Module) -> list[nn.Module]:
    """The batch normalisations of a network's encoder; in evaluation mode they keep their statistics.

    Raises:
        InputError: The network has no encoder.
    """
    encoder = getattr(network, "encoder", None)
    if not isinstance(encoder, nn.Module):
        raise InputError(
            f"{type(network).__name__} has no encoder whose batch statistics could be kept: set "
            "training.frozen_statistics to false."
        )
    return [part for part in encoder.modules() if isinstance(part, _BatchNorm)]


def forget_features(networks: Iterable[nn.Module]) -> None:
    """Tell the frozen encoders among those of ``networks`` that another batch comes."""
    for network in networks:
        encoder = getattr(network, "encoder", None)
        if isinstance(encoder, FrozenEncoder):
            encoder.forget()


@contextmanager
def forgotten(networks: Iterable[nn.Module]) -> Iterator[None]:
    """Let the frozen encoders among ``networks`` forget everything at the end, however it comes."""
    kept = list(networks)
    try:
        yield
    finally:
        forget_features(kept)


def _same(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors hold the same images; looks at no pixel of two views of one memory."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    place = (one.data_ptr(), one.stride())
    return place == (other.data_ptr(), other.stride()) or torch.equal(one, other)
