"""Names of encoders, for whoever checks a request without loading torch.

The workers ask the libraries themselves when they build a network.
"""

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from surrogate_zoo.errors import InputError, UnknownNameError
from workers.networks.architectures import ARCHITECTURES
from workers.tasks.networks import NetworkSpec

PACKAGED: Final = "tu-tf_efficientnet_lite0"
"""The encoder that has packaged weights."""

TIMM: Final = "tu-"
"""Before the names of timm's models."""

ENCODERS: Final[tuple[str, ...]] = (
    *("densenet121", "densenet161", "densenet169", "densenet201"),
    *("dpn107", "dpn131", "dpn68", "dpn68b", "dpn92", "dpn98"),
    *(
        "efficientnet-b0",
        "efficientnet-b1",
        "efficientnet-b2",
        "efficientnet-b3",
        "efficientnet-b4",
        "efficientnet-b5",
        "efficientnet-b6",
        "efficientnet-b7",
    ),
    "inceptionresnetv2",
    "inceptionv4",
    *("mit_b0", "mit_b1", "mit_b2", "mit_b3", "mit_b4", "mit_b5"),
    "mobilenet_v2",
    *("mobileone_s0", "mobileone_s1", "mobileone_s2", "mobileone_s3", "mobileone_s4"),
    *("resnet101", "resnet152", "resnet18", "resnet34", "resnet50"),
    *(
        "resnext101_32x16d",
        "resnext101_32x32d",
        "resnext101_32x48d",
        "resnext101_32x4d",
        "resnext101_32x8d",
        "resnext50_32x4d",
    ),
    *("se_resnet101", "se_resnet152", "se_resnet50", "se_resnext101_32x4d", "se_resnext50_32x4d"),
    "senet154",
    *(
        "timm-efficientnet-b0",
        "timm-efficientnet-b1",
        "timm-efficientnet-b2",
        "timm-efficientnet-b3",
        "timm-efficientnet-b4",
        "timm-efficientnet-b5",
        "timm-efficientnet-b6",
        "timm-efficientnet-b7",
        "timm-efficientnet-b8",
        "timm-efficientnet-l2",
    ),
    *("timm-skresnet18", "timm-skresnet34"),
    "timm-skresnext50_32x4d",
    *(
        "timm-tf_efficientnet_lite0",
        "timm-tf_efficientnet_lite1",
        "timm-tf_efficientnet_lite2",
        "timm-tf_efficientnet_lite3",
        "timm-tf_efficientnet_lite4",
    ),
    *("vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn"),
    "xception",
)
"""Those of segmentation-models-pytorch."""

_MODEL = re.compile(r"^@register_model\s+def (\w+)\(", re.MULTILINE)
_RENAMED = re.compile(
    r"^register_model_deprecations\(__name__, \{(.*?)^\}\)", re.MULTILINE | re.DOTALL
)
_OLD_NAME = re.compile(r"^\s*'(\w+)':", re.MULTILINE)


def check_encoder(spec: NetworkSpec) -> None:
    """Refuse an encoder that no worker could build, as far as its name tells.

    Raises:
        UnknownNameError: There is no such encoder.
        InputError: The architecture needs an encoder or has none to choose, or the encoder has no packaged
            weights.
    """
    architecture = ARCHITECTURES[spec.architecture]
    if architecture.encoderless:
        if spec.encoder is not None or spec.weights is not None:
            raise InputError(
                f"{spec.architecture} has no encoder to choose: set encoder and weights to null."
            )
        return
    if spec.encoder is None:
        if not architecture.package:  # of another package it may have none
            raise InputError(f"{spec.architecture} needs an encoder, e.g. resnet50.")
        return
    if not _is_known(spec.encoder):
        raise UnknownNameError("encoder", spec.encoder, names_like(spec.encoder))
    if spec.weights == "packaged":
        check_packaged(spec.encoder)


def names_like(encoder: str) -> list[str]:
    """Those of timm, or all others and how timm's are written."""
    if encoder.startswith(TIMM):
        return [f"{TIMM}{name}" for name in timm_models()]
    return [*ENCODERS, f"{TIMM}<any model of timm>"]


def check_packaged(encoder: str | None) -> None:
    """Refuse an encoder without packaged weights.

    Raises:
        InputError: It has none; names the one that has.
    """
    if encoder != PACKAGED:
        raise InputError(
            f"There are no packaged weights of {encoder}: set network.encoder to {PACKAGED}, or "
            "network.weights to imagenet or null."
        )


@cache
def timm_models() -> frozenset[str]:
    """Names of the models of the timm that is installed, old names too, from its source.

    Raises:
        InputError: It is not installed.
    """
    found = find_spec("timm")
    if found is None or found.origin is None:
        raise InputError("Encoders of timm need the package timm: pip install 'lossfit[networks]'.")
    names: set[str] = set()
    for path in sorted(Path(found.origin).parent.glob("models/*.py")):
        source = path.read_text(encoding="utf-8")
        names.update(_MODEL.findall(source))
        names.update(name for old in _RENAMED.findall(source) for name in _OLD_NAME.findall(old))
    return frozenset(names)


def _is_known(encoder: str) -> bool:
    if not encoder.startswith(TIMM):
        return encoder in ENCODERS
    return encoder.removeprefix(TIMM).partition(".")[0] in timm_models()
