"""Networks of segmentation-models-pytorch by name, and their parameter groups."""

import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import segmentation_models_pytorch as smp
import timm
from torch import nn

from surrogate_zoo.errors import InputError, UnknownNameError
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


def parameter_groups(network: nn.Module, training: TrainingSpec) -> list[dict[str, Any]]:
    """Split parameters into encoder and head, with the ``factor`` of each one's learning rate.

    Parameters that are not part of the encoder learn ``training.head_factor`` times as fast.
    """
    encoder = [
        parameter for name, parameter in network.named_parameters() if name.startswith("encoder.")
    ]
    head = [
        parameter
        for name, parameter in network.named_parameters()
        if not name.startswith("encoder.")
    ]
    return [
        {"params": encoder, "factor": 1.0},
        {"params": head, "factor": training.head_factor},
    ]
