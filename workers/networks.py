"""Networks of segmentation-models-pytorch by name, and their parameter groups."""

import inspect
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import segmentation_models_pytorch as smp
import timm
from torch import Tensor, nn
from torch.nn import functional as F

from surrogate_zoo.errors import InputError, UnknownNameError
from surrogate_zoo.needs import BOUNDARY_LOGITS
from workers.specs import NetworkSpec, TrainingSpec

ARCHITECTURES: Mapping[str, Callable[..., nn.Module]] = {
    name: getattr(smp, name)
    for name in (
        "Unet", "UnetPlusPlus", "MAnet", "Linknet", "FPN", "PSPNet",
        "DeepLabV3", "DeepLabV3Plus", "PAN", "UPerNet", "Segformer", "DPT",
    )
}  # fmt: skip

# Set by the spec's own fields, or they would change what the network returns.
RESERVED = frozenset(
    {
        "self",
        "encoder_name",
        "encoder_weights",
        "in_channels",
        "classes",
        "activation",
        "aux_params",
    }
)


def options_of(architecture: str) -> frozenset[str]:
    """Names that ``NetworkSpec.options`` may hold for ``architecture``.

    Only named arguments of the architecture: anything else would reach timm, which can load files
    and addresses.
    """
    parameters = inspect.signature(ARCHITECTURES[architecture].__init__).parameters.values()
    named = {one.name for one in parameters if one.kind is not inspect.Parameter.VAR_KEYWORD}
    return frozenset(named - RESERVED)


def check_network(spec: NetworkSpec) -> None:
    """Check the names in ``spec``.

    Raises:
        UnknownNameError: No such architecture, encoder or option.
    """
    if spec.architecture not in ARCHITECTURES:
        raise UnknownNameError("network architecture", spec.architecture, ARCHITECTURES)
    model, _, tag = spec.encoder.removeprefix("tu-").partition(".")
    if spec.encoder.startswith("tu-"):
        known = timm.is_model(model) and (
            not tag or f"{model}.{tag}" in timm.list_pretrained(model)
        )
    else:
        known = spec.encoder in smp.encoders.get_encoder_names()
    if not known:
        names = [*smp.encoders.get_encoder_names(), "tu-<any model of timm>"]
        raise UnknownNameError("encoder", spec.encoder, names)
    for option in spec.options:
        if option not in options_of(spec.architecture):
            kind = f"option of {spec.architecture}"
            raise UnknownNameError(kind, option, options_of(spec.architecture))


def build_network(spec: NetworkSpec, num_classes: int) -> nn.Module:
    """Build a network that maps (N, 3, H, W) float images to (N, ``num_classes``, H, W) logits.

    Random weights come from torch's global generator: seed it before.

    Raises:
        UnknownNameError: No such architecture, encoder or option.
        InputError: The options do not fit, or pretrained weights cannot be fetched.
    """
    check_network(spec)
    weights: str | bool | None = spec.weights
    if spec.encoder.startswith("tu-") and weights is not None:
        weights = True  # timm's own default weights, or those of the tag in the name
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside the libraries, not ours to act on
            return ARCHITECTURES[spec.architecture](
                encoder_name=spec.encoder,
                encoder_weights=weights,
                in_channels=3,
                classes=num_classes,
                **spec.options,
            )
    except Exception as error:
        raise InputError(_remedy(spec, error)) from error


def _remedy(spec: NetworkSpec, error: Exception) -> str:
    name = f"{spec.architecture} with encoder {spec.encoder}"
    reason = f"{type(error).__name__}: {error}".splitlines()[0]
    if spec.weights is None:
        return f"{name} cannot be built with options {spec.options}: {reason}"
    return (
        f"{name} cannot be built with {spec.weights} weights ({reason}). Fetching them needs "
        "access to huggingface.co or a filled HF_HOME cache on the worker; or set weights to None."
    )


HEADS: Mapping[str, int] = {BOUNDARY_LOGITS: 1}
"""Heads that a network can carry during training: the input of losses they feed, and its channels."""

HEAD_WIDTH = 64


class WithHeads(nn.Module):
    """A network with further heads beside its segmentation head, for training alone.

    A head sees what the segmentation head sees, the decoder's output; so any network of
    segmentation-models-pytorch can carry one. The network itself is left as it is: used alone it
    costs nothing more. A head is a 3x3 convolution to 64 channels, batch normalisation, ReLU and a
    1x1 convolution, upsampled to the size of the logits.

    Args:
        network: Has a ``segmentation_head`` that begins with a convolution.
        heads: Keys of :data:`HEADS`.
    """

    def __init__(self, network: nn.Module, heads: Iterable[str]) -> None:
        super().__init__()
        self.network = network
        self.heads = nn.ModuleDict({name: _head(network, HEADS[name]) for name in heads})

    def forward(self, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return logits (N, C, H, W), and the logits of each head, (N, K, H, W)."""
        if not self.heads:
            return self.network(images), {}
        features: list[Tensor] = []
        entry = self.network.get_submodule("segmentation_head")
        hook = entry.register_forward_pre_hook(lambda _module, inputs: features.append(inputs[0]))
        try:
            logits: Tensor = self.network(images)
        finally:
            hook.remove()
        size = logits.shape[2:]
        return logits, {
            name: F.interpolate(head(features[0]), size=size, mode="bilinear", align_corners=False)
            for name, head in self.heads.items()
        }


def _head(network: nn.Module, outputs: int) -> nn.Module:
    entry = network.get_submodule("segmentation_head")
    channels = next(one.in_channels for one in entry.modules() if isinstance(one, nn.Conv2d))
    return nn.Sequential(
        nn.Conv2d(channels, HEAD_WIDTH, 3, padding=1, bias=False),
        nn.BatchNorm2d(HEAD_WIDTH),
        nn.ReLU(),
        nn.Conv2d(HEAD_WIDTH, outputs, 1),
    )


def parameter_groups(network: WithHeads, training: TrainingSpec) -> list[dict[str, Any]]:
    """Split parameters into encoder and head, with the ``factor`` of each one's learning rate.

    Parameters that are not part of the encoder learn ``training.head_factor`` times as fast.
    """
    inside = "network.encoder."
    encoder = [one for name, one in network.named_parameters() if name.startswith(inside)]
    head = [one for name, one in network.named_parameters() if not name.startswith(inside)]
    return [
        {"params": encoder, "factor": 1.0},
        {"params": head, "factor": training.head_factor},
    ]
