"""Heads beside a network's segmentation head, and the learning rates of its parts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surrogate_zoo.errors import InputError
from surrogate_zoo.needs import BOUNDARY_LOGITS, EMBEDDINGS, SEEDINESS
from workers.networks.layers import convolution, resized
from workers.networks.placed import PlacedConvolution
from workers.tasks.training import TrainingSpec

HEADS: Mapping[str, int] = {BOUNDARY_LOGITS: 1}
"""Heads for training alone that losses feed on: the input of those losses, and the head's channels."""

OWN_HEADS: Mapping[str, str] = {
    EMBEDDINGS: "set network.embedding, to 16 say",
    SEEDINESS: "set network.seediness to true",
}
"""Inputs of losses that heads of the network itself give, and how a network comes to have one."""

AUXILIARY_LOGITS = "auxiliary_logits"
"""The auxiliary logits: as many channels as classes, trained with the loss itself."""

HEAD_WIDTH = 64
AUXILIARY_WIDTH = 256
AUXILIARY_DROPOUT = 0.1
OWN_AUXILIARY_WEIGHT = 0.4  # Yuan et al. 2020; the auxiliary heads of Zhao et al. 2017 have it too
MULTIPLE = 32  # sides that every encoder can halve five times


class WithHeads(nn.Module):
    """A network with further heads beside its segmentation head.

    A head sees what the segmentation head sees, the decoder's output; so any network with a
    segmentation head can carry one. The network itself is left as it is: used alone it costs
    nothing more. A head for training alone is a 3x3 convolution to 64 channels, batch normalisation,
    ReLU and a 1x1 convolution. A head of the network's own (``workers.networks.own_heads``) is taken
    as it is, and computed in float32 whatever the precision around it, for distances between what it
    gives count. Both are upsampled to the size of the logits.

    The auxiliary logits are the network's own, where it has some (``with_auxiliary``). Otherwise an
    FCN head makes them from the encoder's stage before the last, ``layer3`` of a ResNet, as PSPNet
    and the released Auto Seg-Loss do: a 3x3 convolution to 256 channels, batch normalisation, ReLU,
    dropout 0.1 and a 1x1 convolution.

    Images may have any size: they are padded with zeros, the mean colour, on the right and at the
    bottom to what the network can halve, and the logits are cropped again.

    Args:
        network: See :class:`workers.networks.architectures.Architecture`.
        heads: Keys of :data:`HEADS` and of :data:`OWN_HEADS`.
        auxiliary: Give auxiliary logits too.

    Raises:
        InputError: The network has no such place to put a head, or lacks an own head.
    """

    def __init__(
        self, network: nn.Module, heads: Iterable[str] = (), *, auxiliary: bool = False
    ) -> None:
        super().__init__()
        self.network = network
        names = list(heads)
        self._own = [name for name in names if name in OWN_HEADS]
        _check_own(network, self._own)
        self.heads = nn.ModuleDict(
            {name: _head(network, HEADS[name]) for name in names if name not in OWN_HEADS}
        )
        self.own_auxiliary = auxiliary and has_auxiliary(network)
        self.auxiliary_head = (
            _auxiliary_head(network) if auxiliary and not self.own_auxiliary else None
        )

    def forward(self, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return logits (N, C, H, W), and those of each head by name, (N, K, H, W)."""
        fitting = padded(images, multiple_of(self.network))
        seen: dict[str, Tensor] = {}
        others: dict[str, Tensor] = {}
        with self._watching(seen):
            if self.own_auxiliary:
                logits, others[AUXILIARY_LOGITS] = self.network.with_auxiliary(fitting)  # type: ignore[operator]
            else:
                logits = self.network(fitting)
        size = logits.shape[2:]
        if self.auxiliary_head is not None:
            others[AUXILIARY_LOGITS] = resized(self.auxiliary_head(seen["encoded"]), size)
        for name, head in self.heads.items():
            others[name] = resized(head(seen["decoded"]), size)
        for name in self._own:
            head = self.network.get_submodule(f"own_heads.{name}")
            others[name] = _linear(head, seen["decoded"], size)
        if size != fitting.shape[2:]:
            return logits, others  # the caller refuses them
        return cropped(logits, images), {
            name: cropped(head_logits, images) for name, head_logits in others.items()
        }

    @contextmanager
    def _watching(self, seen: dict[str, Tensor]) -> Iterator[None]:
        """Note in ``seen`` what the heads see while the network runs."""

        def decoded(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            seen.setdefault("decoded", inputs[0])  # the first: a network may decode several scales

        def encoded(_: nn.Module, __: object, outputs: Any) -> None:
            seen["encoded"] = _stages(outputs)[-2]

        hooks = []
        if self.heads or self._own:
            hooks.append(
                _part(self.network, "segmentation_head").register_forward_pre_hook(decoded)
            )
        if self.auxiliary_head is not None:
            hooks.append(_part(self.network, "encoder").register_forward_hook(encoded))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()


def has_auxiliary(network: nn.Module) -> bool:
    """Whether a network has auxiliary logits of its own."""
    return hasattr(network, "with_auxiliary")


def auxiliary_weight(network: nn.Module, training: TrainingSpec) -> float:
    """Weight of the loss of the auxiliary logits; 0 where there are to be none."""
    if training.auxiliary_weight is None:
        return OWN_AUXILIARY_WEIGHT if has_auxiliary(network) else 0.0
    return training.auxiliary_weight


def padded(images: Tensor, multiple: int) -> Tensor:
    """Pad ``images`` (N, C, H, W) with zeros on the right and at the bottom to :func:`multiple_of`."""
    height, width = images.shape[2:]
    if height % multiple == width % multiple == 0:
        return images
    return F.pad(images, (0, -width % multiple, 0, -height % multiple))


def cropped(maps: Tensor, images: Tensor) -> Tensor:
    """Undo :func:`padded` on what a network made of the padded ``images``."""
    return maps[:, :, : images.shape[2], : images.shape[3]]


def multiple_of(network: nn.Module) -> int:
    """What the sides of a network's images must be multiples of."""
    encoder = getattr(network, "encoder", None)
    if hasattr(encoder, "output_strides"):  # a vision transformer's, which DPT halves once more
        return MULTIPLE
    return int(getattr(encoder, "output_stride", MULTIPLE))


def _part(network: nn.Module, name: str) -> nn.Module:
    try:
        return network.get_submodule(name)
    except AttributeError as error:
        raise InputError(
            f"{type(network).__name__} has no submodule {name!r}, which its heads need; take a loss "
            "without a boundary head, network.embedding null, and auxiliary_weight 0."
        ) from error


def _convolutions(module: nn.Module) -> list[nn.Conv2d | nn.ConvTranspose2d]:
    kinds = nn.Conv2d | nn.ConvTranspose2d
    return [part for part in module.modules() if isinstance(part, kinds)]


def decoded_channels(network: nn.Module) -> int:
    """Channels of what the segmentation head sees.

    Raises:
        InputError: There is no such head.
    """
    return _convolutions(_part(network, "segmentation_head"))[0].in_channels


def has_own_head(network: nn.Module, name: str) -> bool:
    """Whether a network has the head ``name`` of :data:`OWN_HEADS`."""
    return name in getattr(network, "own_heads", ())


def _check_own(network: nn.Module, names: Iterable[str]) -> None:
    for name in names:
        if not has_own_head(network, name):
            raise InputError(f"The network has no head for {name}: {OWN_HEADS[name]}.")


def _linear(head: nn.Module, decoded: Tensor, size: Sequence[int]) -> Tensor:
    """What a head of the network's own gives, float32 (N, K, H, W)."""
    with torch.autocast(decoded.device.type, enabled=False):
        maps = resized(head(decoded.float()), size)
    return head.placed(maps) if isinstance(head, PlacedConvolution) else maps


def _head(network: nn.Module, outputs: int) -> nn.Module:
    return nn.Sequential(
        *convolution(decoded_channels(network), HEAD_WIDTH, 3),
        nn.Conv2d(HEAD_WIDTH, outputs, 1),
    )


def _auxiliary_head(network: nn.Module) -> nn.Module:
    classes = _convolutions(_part(network, "segmentation_head"))[-1].out_channels
    channels: Sequence[int] = getattr(_part(network, "encoder"), "out_channels", ())
    if len(channels) < 2 or not channels[-2]:
        raise InputError(
            f"The encoder of {type(network).__name__} has no stage before its last for an auxiliary "
            "head; set auxiliary_weight to 0."
        )
    return nn.Sequential(
        *convolution(channels[-2], AUXILIARY_WIDTH, 3),
        nn.Dropout(AUXILIARY_DROPOUT),
        nn.Conv2d(AUXILIARY_WIDTH, classes, 1),
    )


def _stages(outputs: Any) -> Any:
    """The feature maps that an encoder gave; a vision transformer's come with its tokens."""
    return outputs[0] if isinstance(outputs, tuple) else outputs


def parameter_groups(network: WithHeads, training: TrainingSpec) -> list[dict[str, Any]]:
    """Split parameters into encoder and head, with the ``factor`` of each one's learning rate.

    Parameters that are not part of the encoder learn ``training.head_factor`` times as fast. With AdamW
    biases and the weights of normalisations, which have one dimension, are groups without decay.
    """
    inside = "network.encoder."
    encoder: list[nn.Parameter] = []
    head: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        (encoder if name.startswith(inside) else head).append(parameter)
    groups = [
        {"params": encoder, "factor": 1.0},
        {"params": head, "factor": training.head_factor},
    ]
    if training.optimiser == "sgd":
        return groups
    return [part for group in groups for part in _by_decay(group)]


def _by_decay(group: dict[str, Any]) -> list[dict[str, Any]]:
    """A group apart: what decays, and what does not."""
    flat = [parameter for parameter in group["params"] if parameter.ndim <= 1]
    decaying = [parameter for parameter in group["params"] if parameter.ndim > 1]
    return [group | {"params": decaying}, group | {"params": flat, "weight_decay": 0.0}]
