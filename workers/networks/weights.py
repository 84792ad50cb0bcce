"""Weights of an encoder from a file, for machines that reach no network."""

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.models import adapt_input_conv
from torch import Tensor, nn

from surrogate_zoo.errors import InputError
from workers.tasks.images import RGB

# How published files name an encoder's weights, and those that a retraining leaves behind.
PREFIXES = ("", "encoder.", "encoder.model.")
SHOWN = 3


def load_encoder(network: nn.Module, path: str) -> None:
    """Load the weights of ``network.encoder`` from a safetensors file.

    Takes the files that huggingface.co has of an encoder, of segmentation-models-pytorch as of timm,
    and the ``weights.safetensors`` of a retraining. A classifier in the file is left aside.

    Raises:
        InputError: There is no such file, it is no safetensors, it lacks a weight of the encoder or
            has it in another shape, or the network has no encoder.
    """
    fill_encoder(network, _read(path), path)


def fill_encoder(network: nn.Module, tensors: Mapping[str, Tensor], path: str) -> None:
    """Give ``network.encoder`` the weights among ``tensors``, which ``path`` holds.

    Weights of a first layer for RGB are adapted where the encoder's images have other bands.

    Raises:
        InputError: A weight of the encoder is missing or has another shape, or the network has no
            encoder.
    """
    encoder = getattr(network, "encoder", None)
    if not isinstance(encoder, nn.Module):
        raise InputError(f"{type(network).__name__} has no encoder to load {path} into.")
    # What timm builds is wrapped, and its published files know nothing of that.
    inner = getattr(encoder, "model", encoder)
    wanted = dict(inner.state_dict())
    weights = max((_named(tensors, prefix, wanted) for prefix in PREFIXES), key=len)
    weights = {name: _adapted(tensor, wanted[name]) for name, tensor in weights.items()}
    _check(path, wanted, weights)
    nn.Module.load_state_dict(inner, weights, strict=False)


def _read(path: str) -> dict[str, Tensor]:
    if not Path(path).is_file():
        raise InputError(f"There is no file of weights at {path} on the worker.")
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{path} cannot be read as safetensors ({error}); other formats are not taken."
        ) from error


def _named(
    tensors: Mapping[str, Tensor], prefix: str, wanted: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """What a file holds of ``wanted`` under names with ``prefix``.

    timm joins the first two parts of a name where it takes a model apart: ``stages.0`` of the file
    is ``stages_0`` of the encoder.
    """
    both = {name: (prefix + name, prefix + name.replace("_", ".", 1)) for name in wanted}
    pairs = ((name, alias) for name, aliases in both.items() for alias in aliases)
    return {name: tensors[alias] for name, alias in pairs if alias in tensors}


def _adapted(tensor: Tensor, wanted: Tensor) -> Tensor:
    """The weights of a convolution for RGB as timm makes them for other bands; others as they are."""
    of_rgb = tensor.ndim == wanted.ndim == 4 and tensor.shape[1] == RGB.bands != wanted.shape[1]
    if not of_rgb or tensor.shape[0] != wanted.shape[0] or tensor.shape[2:] != wanted.shape[2:]:
        return tensor
    return adapt_input_conv(wanted.shape[1], tensor)


def _check(path: str, wanted: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> None:
    """Refuse a file that leaves a weight as it was; counters of batches may be missing."""
    missing = [
        name for name in wanted if name not in weights and not name.endswith("num_batches_tracked")
    ]
    if missing:
        names = ", ".join(missing[:SHOWN]) + (", ..." if len(missing) > SHOWN else "")
        raise InputError(
            f"{path} lacks {len(missing)} of {len(wanted)} weights of the encoder: {names}. "
            "It must be the file of this very encoder."
        )
    for name, tensor in weights.items():
        if tensor.shape != wanted[name].shape:
            raise InputError(
                f"{path} has {name} in shape {tuple(tensor.shape)}; the encoder needs "
                f"{tuple(wanted[name].shape)}."
            )
