"""What images a network takes and what its logits are, kept with it: whoever predicts with it knows."""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from surrogate_zoo.errors import InputError
from surrogate_zoo.labelling import Labelling, labelling_of
from surrogate_zoo.modes import MULTICLASS
from workers.tasks.images import RGB, ImageFormat

_NAME = "lossfit_images"
_MODE = "lossfit_mode"


def takes(network: nn.Module, images: ImageFormat) -> None:
    """Note what images a network takes; copies of it know too."""
    setattr(network, _NAME, images)


def gives(network: nn.Module, mode: str) -> None:
    """Note the mode of a network's logits (``multiclass`` or ``multilabel``); copies of it know too."""
    setattr(network, _MODE, mode)


def mode_of(network: nn.Module) -> str:
    """The mode of a network's logits; multiclass where nobody said."""
    return str(getattr(network, _MODE, MULTICLASS))


def labelling_of_logits(network: nn.Module, logits: Tensor) -> Labelling:
    """What a network's logits (N, C, H, W) say of a pixel; with one channel they are binary."""
    return labelling_of(logits.shape[1], mode_of(network))


def format_of(network: nn.Module) -> ImageFormat:
    """What images a network takes; RGB with 8 bits where nobody said."""
    found = getattr(network, _NAME, RGB)
    return found if isinstance(found, ImageFormat) else RGB


def normalise(pixels: Tensor, images: ImageFormat = RGB) -> Tensor:
    """Normalise the values of images, float (..., B), by the mean and deviation of each band."""
    mean, deviation = (constants(each, pixels.device) for each in (images.mean, images.deviation))
    return (pixels - mean) / deviation


@lru_cache(maxsize=256)
def constants(values: tuple[float, ...], device: torch.device) -> Tensor:
    """Numbers as float32 on a device; handed there once, so that no later use waits for the copy."""
    with torch.inference_mode(False):  # what inference mode makes is of no use to training
        return torch.tensor(values, dtype=torch.float32).to(device)


def network_input(network: nn.Module, images: Tensor) -> Tensor:
    """What a network sees of images: float (N, B, H, W), normalised.

    Args:
        network: The network.
        images: (N, H, W, B) uint8, uint16 or float32, as it takes them; uint16 may come as float32.

    Raises:
        InputError: They have other bands or values.
    """
    taken = format_of(network)
    depths = {taken.depth, "float32"} if taken.depth != "uint8" else {taken.depth}
    depth = str(images.dtype).removeprefix("torch.")
    if images.ndim != 4 or images.shape[3] != taken.bands or depth not in depths:
        raise InputError(
            f"An image must be {taken.depth} of shape (H, W, {taken.bands}), not {depth} of "
            f"{tuple(images.shape[1:])}."
        )
    return normalise(images.float(), taken).permute(0, 3, 1, 2)


def as_tensor(image: np.ndarray) -> Tensor:
    """An image as it was decoded, (H, W, B), as a tensor; 16 bits as float32, which torch computes with."""
    kept = image.astype(np.float32) if image.dtype == np.uint16 else image
    return torch.from_numpy(np.require(kept, requirements=("C", "W")))  # torch wants to write
