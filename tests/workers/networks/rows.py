"""One row for each network of the registry: the smallest of its kind that can be tried."""

from typing import Any

from workers.tasks.networks import NetworkSpec

_RESNET: dict[str, Any] = {"encoder": "tu-test_resnet"}
_HRNET: dict[str, Any] = {"encoder": "tu-hrnet_w18_small"}
_WHOLE: dict[str, Any] = {"encoder": None}  # no encoder to choose
_OCR = {"ocr_channels": 16, "ocr_key_channels": 8}

ROWS: dict[str, dict[str, Any]] = {
    "Unet": _RESNET,
    "UnetPlusPlus": _RESNET | {"options": {"decoder_channels": [32, 16, 8, 8, 4]}},
    "MAnet": _RESNET | {"options": {"decoder_channels": [32, 16, 16, 16, 16]}},
    "Linknet": _RESNET,
    "FPN": _RESNET | {"options": {"decoder_pyramid_channels": 16}},
    "PSPNet": _RESNET | {"options": {"psp_out_channels": 16}},
    "DilatedPSPNet": _RESNET | {"options": {"psp_out_channels": 16}},
    "DeepLabV2": _RESNET,
    "DeepLabV3": _RESNET | {"options": {"decoder_channels": 16}},
    "DeepLabV3Plus": _RESNET | {"options": {"decoder_channels": 16, "encoder_output_stride": 8}},
    "PAN": _RESNET | {"options": {"decoder_channels": 16}},
    "UPerNet": _RESNET | {"options": {"decoder_channels": 16}},
    "Segformer": {"encoder": "mit_b0", "options": {"decoder_segmentation_channels": 16}},
    "DPT": {
        "encoder": "tu-test_vit",
        "options": {"decoder_intermediate_channels": [8] * 4, "decoder_fusion_channels": 8},
    },
    "HRNetV2": _HRNET,
    "HRNet16Slim": _WHOLE,
    "OCRNet": _RESNET | {"options": _OCR},
    "HierarchicalOCRNet": _RESNET | {"options": _OCR | {"attention_channels": 8}},
    "ENet": _WHOLE,
    "SegNet": _WHOLE | {"options": {"base_channels": 4}},
    "WideResNet38": _WHOLE | {"options": {"base_channels": 4, "head_channels": 8}},
    "Dilation10": _WHOLE | {"options": {"base_channels": 4, "hidden_channels": 16}},
}


def spec_of(name: str) -> NetworkSpec:
    """The spec of the row ``name``."""
    return NetworkSpec.model_validate({"architecture": name} | ROWS[name])
