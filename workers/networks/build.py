"""Builds networks by name and checks what comes with the name."""

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import timm
from torch import nn

from surrogate_zoo.errors import InputError, LossfitError, UnknownNameError
from surrogate_zoo.modes import MULTICLASS
from workers.networks.architectures import ARCHITECTURES, Architecture
from workers.networks.encoders import check_packaged, names_like
from workers.networks.image_format import gives, takes
from workers.networks.layers import encoder_names
from workers.networks.own_heads import add_own_heads
from workers.networks.packaged import load_packaged
from workers.networks.weights import load_encoder
from workers.tasks.images import RGB, ImageFormat
from workers.tasks.networks import NetworkSpec

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

    Raises:
        UnknownNameError: No such architecture.
        InputError: It cannot be imported.
    """
    return frozenset(_arguments(ARCHITECTURES[architecture].builder()) - RESERVED)


def check_network(spec: NetworkSpec) -> None:
    """Check the names in ``spec``.

    Raises:
        UnknownNameError: No such architecture, encoder or option.
        InputError: The architecture cannot be imported, lacks an encoder, or has none to choose.
    """
    builder = ARCHITECTURES[spec.architecture].builder()
    if "encoder_name" in _arguments(builder):
        _check_encoder(spec)
    elif spec.encoder is not None or spec.weights is not None:
        raise InputError(
            f"{spec.architecture} has no encoder to choose: set encoder and weights to null."
        )
    for option in spec.options:
        if option not in options_of(spec.architecture):
            kind = f"option of {spec.architecture}"
            raise UnknownNameError(kind, option, options_of(spec.architecture))


def build_network(
    spec: NetworkSpec, num_classes: int, images: ImageFormat = RGB, *, mode: str = MULTICLASS
) -> nn.Module:
    """Build a network that maps (N, B, H, W) float images to (N, ``num_classes``, H, W) logits.

    Random weights come from torch's global generator: seed it before. Heads that ``spec`` asks for
    are in ``own_heads`` (:mod:`workers.networks.own_heads`); all other weights are those of the network
    without them. Pretrained weights of an encoder for RGB are adapted at its first layer to images of
    other bands, as timm does: repeated over the bands and scaled by 3 / B, or summed for a single
    one. The network says what it takes, and the mode of its logits, ``multiclass`` (binary with one channel)
    or ``multilabel`` (``format_of`` and ``mode_of`` of :mod:`workers.networks.image_format`).

    Raises:
        UnknownNameError: No such architecture, encoder or option.
        InputError: The options do not fit, pretrained weights cannot be had, or the network has no
            place for a head.
    """
    check_network(spec)
    architecture = ARCHITECTURES[spec.architecture]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside the libraries, not ours to act on
            network = architecture.builder()(**_call(architecture, spec, num_classes, images))
    except LossfitError:
        raise
    except Exception as error:
        raise InputError(_remedy(spec, error)) from error
    if spec.weights_file is not None:
        load_encoder(network, spec.weights_file)
    if spec.weights == "packaged":
        load_packaged(network)
    add_own_heads(network, spec, num_classes)
    takes(network, images)
    gives(network, mode)
    return network


def _arguments(builder: Callable[..., nn.Module]) -> set[str]:
    """Names of the arguments that ``builder`` lists."""
    called = builder.__init__ if isinstance(builder, type) else builder  # type: ignore[misc]
    parameters = inspect.signature(called).parameters.values()
    return {
        parameter.name
        for parameter in parameters
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    }


def _call(
    architecture: Architecture, spec: NetworkSpec, num_classes: int, images: ImageFormat
) -> dict[str, Any]:
    """Arguments to build ``architecture`` with."""
    weights: str | bool | None = None if spec.weights == "packaged" else spec.weights
    if weights is not None and str(spec.encoder).startswith("tu-"):
        weights = True  # timm's own default weights, or those of the tag in the name
    every = {
        "encoder_name": spec.encoder,
        "encoder_weights": weights,
        "in_channels": images.bands,
        "classes": num_classes,
    }
    taken = _arguments(architecture.builder())
    if images.bands != RGB.bands and "in_channels" not in taken:
        raise InputError(
            f"{spec.architecture} takes images of {RGB.bands} bands, and the dataset has {images.bands}: "
            "choose another network, or give its builder an argument in_channels."
        )
    arguments = {name: value for name, value in every.items() if name in taken}
    return arguments | dict(architecture.fixed) | spec.options


def _check_encoder(spec: NetworkSpec) -> None:
    if spec.encoder is None:
        raise InputError(f"{spec.architecture} needs an encoder, e.g. resnet50.")
    model, _, tag = spec.encoder.removeprefix("tu-").partition(".")
    if spec.encoder.startswith("tu-"):
        exists = timm.is_model(model) and (
            not tag or f"{model}.{tag}" in timm.list_pretrained(model)
        )
    else:
        exists = spec.encoder in encoder_names()
    if not exists:
        raise UnknownNameError("encoder", spec.encoder, names_like(spec.encoder))
    if spec.weights == "packaged":
        check_packaged(spec.encoder)


def _remedy(spec: NetworkSpec, error: Exception) -> str:
    name = f"{spec.architecture} with encoder {spec.encoder}"
    reason = f"{type(error).__name__}: {error}".splitlines()[0]
    if spec.weights != "imagenet":
        return f"{name} cannot be built with options {spec.options}: {reason}"
    return (
        f"{name} cannot be built with {spec.weights} weights ({reason}). Fetching them needs "
        "access to huggingface.co or a filled HF_HOME cache on the worker; or name a file that you "
        "brought there as weights_file; or set weights to None."
    )
