"""The segmentation networks by name: what they are, and where the code is that builds them.

Importing this loads no torch, so the API can list them and refuse a name that is none. Networks of
other packages come through the entry point group ``lossfit.networks``; see ``examples/own_network``.
"""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

from surrogate_zoo.entry_points import installed, package_of
from surrogate_zoo.errors import InputError
from surrogate_zoo.registry import Registry

if TYPE_CHECKING:
    from torch import nn

GROUP = "lossfit.networks"

_LOG = logging.getLogger(__name__)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Architecture:
    """One entry of :data:`ARCHITECTURES`.

    Attributes:
        name: The name that users write.
        summary: What it is, in one sentence.
        source: The paper.
        built_by: ``module:callable``. The callable takes ``classes``; where there is an encoder to
            choose, ``encoder_name`` and ``encoder_weights`` as segmentation-models-pytorch has
            them; ``in_channels`` where it takes images of any number of bands; and further named
            arguments, which are the network's options. It returns a module from normalised images,
            float (N, 3, H, W), or of ``in_channels``, with sides that are multiples of 32, to logits
            (N, ``classes``, H, W).

            What else the module may have: ``encoder``, which learns at the rate of the schedule
            (everything else ``head_factor`` times as fast) and gives the auxiliary head its
            features; ``segmentation_head``, whose input is what a loss's boundary head sees; and
            ``with_auxiliary(images) -> (logits, auxiliary logits)``, if it has such logits itself.
        fixed: Arguments that are always passed.
        package: The installed package that brings it; empty for those of lossfit.
        encoderless: Whether it has no encoder to choose; of another package's False, since only building
            it tells.
    """

    name: str
    summary: str
    source: str
    built_by: str
    fixed: Mapping[str, Any] = field(default_factory=dict)
    package: str = ""
    encoderless: bool = False

    def builder(self) -> "Callable[..., nn.Module]":
        """Import the callable that builds it.

        Raises:
            InputError: It cannot be imported, or is nothing that can be called.
        """
        try:
            builder = EntryPoint(self.name, self.built_by, GROUP).load()
        except Exception as error:
            raise InputError(
                f"The network {self.name} cannot be loaded from {self.built_by} of the package "
                f"{self.package or 'lossfit'}: {type(error).__name__}: {error}"
            ) from error
        if not callable(builder):
            raise InputError(
                f"The network {self.name} cannot be built: {self.built_by} is a "
                f"{type(builder).__name__}; it must be a class or a function."
            )
        return builder  # type: ignore[no-any-return]


def add_installed(architectures: Registry[Architecture]) -> None:
    """Add the networks of installed packages; one whose name will not do is left out and logged.

    Their code is not imported before one is built.
    """
    for point in installed(GROUP):
        package = package_of(point)
        reason = _unfit(point.name, architectures)
        if reason is None:
            architectures[point.name] = Architecture(
                point.name, _summary(point), "", point.value, package=package
            )
        else:
            _LOG.warning(
                "The network %r of the package %s is left out: %s", point.name, package, reason
            )


def _unfit(name: str, architectures: Registry[Architecture]) -> str | None:
    if not _NAME.fullmatch(name):
        return f"its name must match {_NAME.pattern}"
    if name in architectures:
        owner = architectures[name].package or "lossfit"
        return f"{owner} has a network named {name!r} already; rename it"
    return None


def _summary(point: EntryPoint) -> str:
    """The one line that its package says about itself; packages need not."""
    if point.dist is None or "Summary" not in point.dist.metadata:
        return ""
    return point.dist.metadata["Summary"]


_SMP = "segmentation_models_pytorch"

ARCHITECTURES = Registry(
    "network architecture",
    (
        Architecture(
            "Unet",
            "Decoder that joins each encoder stage's features on the way up.",
            "Ronneberger et al. 2015",
            f"{_SMP}:Unet",
        ),
        Architecture(
            "UnetPlusPlus",
            "U-Net with nested skip paths.",
            "Zhou et al. 2018",
            f"{_SMP}:UnetPlusPlus",
        ),
        Architecture(
            "MAnet",
            "U-Net with multi-scale attention blocks.",
            "Fan et al. 2020",
            f"{_SMP}:MAnet",
        ),
        Architecture(
            "Linknet",
            "Small U-Net that adds the encoder's features instead of joining them.",
            "Chaurasia and Culurciello 2017",
            f"{_SMP}:Linknet",
        ),
        Architecture(
            "FPN",
            "Feature pyramid, its levels summed.",
            "Kirillov et al. 2019",
            f"{_SMP}:FPN",
        ),
        Architecture(
            "PSPNet",
            "Pooling pyramid on an undilated encoder that is cut after its third stage.",
            "Zhao et al. 2017, lighter",
            f"{_SMP}:PSPNet",
        ),
        Architecture(
            "DilatedPSPNet",
            "Pooling pyramid on the whole encoder, dilated to stride 8: PSPNet as published.",
            "Zhao et al., Pyramid Scene Parsing Network, CVPR 2017",
            "workers.networks.pspnet:DilatedPSPNet",
        ),
        Architecture(
            "DeepLabV2",
            "Four dilated convolutions to the classes, summed, on an encoder dilated to stride 8.",
            "Chen et al., DeepLab, TPAMI 2018 (ASPP-L)",
            "workers.networks.deeplab_v2:DeepLabV2",
        ),
        Architecture(
            "DeepLabV3",
            "Dilated convolutions and image pooling, joined, at stride 8 or 16.",
            "Chen et al. 2017",
            f"{_SMP}:DeepLabV3",
        ),
        Architecture(
            "DeepLabV3Plus",
            "DeepLabv3 with separable convolutions and a decoder at stride 4.",
            "Chen et al., ECCV 2018",
            f"{_SMP}:DeepLabV3Plus",
        ),
        Architecture(
            "PAN",
            "Pyramid attention on a dilated encoder; images of 128 pixels a side at least.",
            "Li et al. 2018",
            f"{_SMP}:PAN",
        ),
        Architecture(
            "UPerNet",
            "Feature pyramid above a pooling pyramid, all levels joined.",
            "Xiao et al., ECCV 2018",
            f"{_SMP}:UPerNet",
        ),
        Architecture(
            "Segformer",
            "Linear layers on every stage of an encoder, joined; with encoders mit_b0 to mit_b5.",
            "Xie et al., NeurIPS 2021",
            f"{_SMP}:Segformer",
        ),
        Architecture(
            "DPT",
            "Convolutional decoder of a vision transformer; encoders tu-vit_...",
            "Ranftl et al., ICCV 2021",
            f"{_SMP}:DPT",
            fixed={"dynamic_img_size": True},
        ),
        Architecture(
            "HRNetV2",
            "All branches of an HRNet joined at stride 4; encoders tu-hrnet_w18, tu-hrnet_w48.",
            "Wang et al., TPAMI 2021",
            "workers.networks.hrnet:HRNetV2",
        ),
        Architecture(
            "HRNet16Slim",
            "A narrow HRNet on images of half the size; no encoder to choose.",
            "Borse et al., InverseForm, CVPR 2021 (HRNet-16-Slim, as released)",
            "workers.networks.hrnet_slim:HRNet16Slim",
            encoderless=True,
        ),
        Architecture(
            "OCRNet",
            "Object-contextual representations on an HRNet, as InverseForm trains it.",
            "Yuan et al., ECCV 2020",
            "workers.networks.ocr:OCRNet",
        ),
        Architecture(
            "HierarchicalOCRNet",
            "OCRNet at several scales, fused by attention that is learned between two of them.",
            "Tao et al., Hierarchical Multi-Scale Attention, 2020",
            "workers.networks.hierarchical:HierarchicalOCRNet",
        ),
        Architecture(
            "ENet",
            "Small bottlenecks at stride 8 and a decoder that unpools; no encoder to choose.",
            "Paszke et al. 2016",
            "workers.networks.enet:ENet",
            encoderless=True,
        ),
        Architecture(
            "SegNet",
            "VGG-16 and its mirror image, which unpools; no encoder to choose.",
            "Badrinarayanan et al., TPAMI 2017",
            "workers.networks.segnet:SegNet",
            encoderless=True,
        ),
        Architecture(
            "WideResNet38",
            "Few and very wide residual blocks at stride 8; no encoder to choose.",
            "Wu et al., Wider or Deeper, 2016 (model A1)",
            "workers.networks.wide_resnet:WideResNet38",
            encoderless=True,
        ),
        Architecture(
            "Dilation10",
            "VGG-16, dilated to stride 8, and a context module; no encoder to choose.",
            "Yu and Koltun, ICLR 2016",
            "workers.networks.dilation:Dilation10",
            encoderless=True,
        ),
    ),
)
"""Every network by name; those of installed packages come last."""
ARCHITECTURES.complete_by(add_installed)
