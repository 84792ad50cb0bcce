"""The network of a retraining, from the one file that holds its weights."""

import json
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import nn

from surrogate_zoo.errors import InputError
from surrogate_zoo.modes import MULTICLASS, channels_of, mode_of_logits
from workers.networks.build import build_network
from workers.tasks.images import ImageFormat
from workers.tasks.networks import NetworkSpec


def images_in(path: str | Path) -> ImageFormat:
    """What images the network of a retraining takes; RGB where the file does not say.

    Raises:
        OSError: It is not there.
        SafetensorError: It is no safetensors.
    """
    with safe_open(path, "pt") as file:
        facts = json.loads((file.metadata() or {}).get("lossfit", "{}"))
    return ImageFormat.model_validate(facts.get("images", {}))


def load_network(path: str | Path) -> tuple[nn.Module, tuple[str, ...]]:
    """Build the network that a retraining left as ``weights.safetensors``, ready to predict with.

    Args:
        path: The file. It says which network it is of; no other file and no connection is needed.

    Returns:
        The network on the CPU in evaluation mode, from (N, B, H, W) float images to
        (N, classes, H, W) logits, (N, 1, H, W) where it is binary with one channel (see
        ``workers.scoring.inference.predict``, which knows from the network what images it takes, RGB or the
        bands it was trained on, and what its logits are), and the classes' names in the order of their
        labels, or of the channels of a multi-label.

    Raises:
        InputError: The file is missing, no safetensors, or not of a retraining.
        UnknownNameError: The network is of a package that is not installed here.
    """
    try:
        with safe_open(path, "pt") as file:
            facts = json.loads((file.metadata() or {})["lossfit"])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        # The file has all weights, so there are none to fetch.
        start = {"weights": None, "weights_file": None}
        spec = NetworkSpec.model_validate(facts["network"] | start)
        images = ImageFormat.model_validate(facts.get("images", {}))  # RGB is not told
        mode = str(facts.get("mode", MULTICLASS))
        classes = tuple(map(str, facts["classes"]))
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} cannot be read as safetensors: {error}.") from error
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} does not say which network it is of: no retraining's.") from error
    channels = channels_of(len(classes), mode)
    network = build_network(spec, channels, images, mode=mode_of_logits(mode))
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(f"{path} does not fit the network that it names: {error}") from error
    return network.eval(), classes
