"""Weights of the papers' networks, counted against published figures; nothing is computed."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torchvision.models.segmentation import DeepLabV3_ResNet50_Weights

from workers.networks.build import build_network
from workers.networks.heads import WithHeads
from workers.tasks.networks import NetworkSpec

MILLION = 1_000_000

# What the published networks have beyond those here.
WIDE_FUSION = 8 * 5 * 512 * 512  # 3x3 in place of the paper's 1x1 after the dilated convolutions
CLASSIFIER = 2048 * 1000 + 1000  # of the ResNet for ImageNet
SUMMED_BRANCHES = -4 * (9 * 2048 * 21 + 21)  # what DeepLab v2 adds to it, for 21 classes


class Row(NamedTuple):
    """A network, and its weights in millions as published: all digits that are printed."""

    architecture: str
    encoder: str | None
    classes: int
    published: str
    source: str
    options: Mapping[str, Any] = MappingProxyType({})
    auxiliary: bool = False  # the figure counts the auxiliary head in
    beyond: int = 0


_ASPP = {"decoder_channels": 512}
_MMSEG = "MMSegmentation's model zoo [recall]"  # not looked up
_SEGFORMER = "Xie et al. 2021, Tables 1 and 2"
_HRNET, _SWIN = "Wang et al. 2021 [recall]", "Liu et al. 2021, Table 3 [recall]"

_SPEED = "De Brabandere et al. 2017, table of speeds [recall]"

ROWS = (
    Row("DeepLabV2", "resnet101", 21, "44.5", "ResNet-101: He et al. 2016 (torchvision)",
        beyond=SUMMED_BRANCHES + CLASSIFIER),
    Row("DeepLabV3Plus", "tu-resnet50c", 19, "43.6", _MMSEG, _ASPP, True, WIDE_FUSION),
    Row("DeepLabV3Plus", "tu-resnet101c", 150, "62.7", _SEGFORMER, _ASPP, True, WIDE_FUSION),
    Row("DilatedPSPNet", "tu-resnet50c", 19, "49.0", _MMSEG, auxiliary=True),
    Row("DilatedPSPNet", "tu-resnet101c", 150, "68.1", _SEGFORMER, auxiliary=True),
    Row("UPerNet", "tu-resnet50c", 150, "66.5", _MMSEG, _ASPP, True),
    Row("UPerNet", "tu-resnet101c", 150, "86", _SWIN, _ASPP, True),
    *(
        Row("Segformer", f"mit_b{size}", 150, published, _SEGFORMER,
            {"decoder_segmentation_channels": 256 if size < 2 else 768})
        for size, published in enumerate(("3.8", "13.7", "27.5", "47.3", "64.1", "84.7"))
    ),
    Row("HRNetV2", "tu-hrnet_w18", 19, "9.6", _MMSEG),
    Row("HRNetV2", "tu-hrnet_w48", 19, "65.9", _HRNET),
    Row("OCRNet", "tu-hrnet_w18", 19, "12.1", _MMSEG),
    Row("OCRNet", "tu-hrnet_w48", 150, "70.5", _SEGFORMER),
)  # fmt: skip

EIGHT = 8  # channels of the embeddings of Cityscapes, which those networks give in place of classes
SPEED = (
    Row("ENet", None, EIGHT, "0.36", _SPEED),
    Row("SegNet", None, EIGHT, "29.4", _SPEED),
    Row("WideResNet38", None, EIGHT, "124", _SPEED),
    Row("Dilation10", None, EIGHT, "134.3", _SPEED),
)


class NumbersOnTheCPU(TorchFunctionMode):
    """Lets a network that computes with numbers while it is built be built without memory."""

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: Any = (),
        kwargs: Any = None,
    ) -> Any:
        kwargs = kwargs or {}
        if function is torch.linspace:
            kwargs["device"] = "cpu"
        return function(*args, **kwargs)


def weights(row: Row) -> int:
    """Weights of a network, and of its auxiliary head where the figure has it."""
    spec = NetworkSpec(
        architecture=row.architecture, encoder=row.encoder, options=dict(row.options)
    )
    with torch.device("meta"), NumbersOnTheCPU():
        network = build_network(spec, row.classes)
        whole = WithHeads(network, auxiliary=True) if row.auxiliary else network
    return sum(weight.numel() for weight in whole.parameters())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.architecture}-{row.encoder}")
def test_weights_are_as_many_as_published(row: Row) -> None:
    last_digit = 10.0 ** -len(row.published.partition(".")[2])
    counted = (weights(row) + row.beyond) / MILLION
    assert counted == pytest.approx(float(row.published), abs=last_digit)


@pytest.mark.parametrize("row", SPEED, ids=lambda row: row.architecture)
def test_networks_of_embeddings_have_all_published_digits(row: Row) -> None:
    digits = len(row.published.partition(".")[2])
    assert f"{weights(row) / MILLION:.{digits}f}" == row.published


def test_deeplab_v3_with_its_auxiliary_head_is_torchvisions_to_the_last_weight() -> None:
    published = DeepLabV3_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1.meta["num_params"]
    row = Row("DeepLabV3", "resnet50", 21, "42.0", "torchvision", auxiliary=True)
    assert weights(row) == published
