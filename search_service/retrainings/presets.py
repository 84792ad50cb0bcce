"""The papers' retrainings as presets. They want a GPU, and `weights_file` where there is no network.

What is theirs is the network, the schedule, and how loss networks are trained; the loss is the request's.
Common to all: stochastic gradient descent with momentum 0.9, poly decay with power 0.9, ImageNet weights,
random flips.
Batch statistics are one device's, where the authors synchronised theirs over several.
"""

from collections.abc import Mapping
from typing import Any, Literal

from search_service.presets import QUICK_NETWORK, QUICK_SCORING
from workers.tasks.loss_networks import EDGE_NETWORK_OF_SEMEDA, InverseNetworkSpec
from workers.tasks.networks import NetworkSpec
from workers.tasks.training import AugmentationSpec, TrainingSpec

RetrainingPreset = Literal["quick", "deeplabv3plus-512", "semeda-321", "inverseform-cityscapes"]
"""Names of :data:`RETRAINING_PRESETS`."""

DEEPLAB_V3_PLUS: dict[str, Any] = {
    "network": NetworkSpec(
        encoder="resnet101", weights="imagenet", options={"encoder_output_stride": 8}
    ),
    "training": {
        "iterations": 10_000,
        "batch_size": 32,
        "crop": (512, 512),
        "learning_rate": 0.02,
        "minimum_learning_rate": 1e-4,
        "weight_decay": 5e-4,
        "head_factor": 10.0,
        "auxiliary_weight": 0.4,
        "augmentation": {"scale": (0.5, 2.0)},
    },
    "scoring": {"exclude_background": True},
}
"""The retraining of Auto Seg-Loss on PASCAL VOC (Li et al., ICLR 2021), which is mmsegmentation's.

From the released ``ASL_configs/retrain/miou_bezier_10k.py``: 8 images on each of 4 GPUs, rates of the
head times 10, an auxiliary head with the same loss. Departures: an ordinary ResNet-101, theirs has
a stem of three 3x3 convolutions (v1c); colours are not shifted in hue; crops are drawn freely, theirs
again where one class fills more than 75%. Register VOC with its extension (10,582 images).
"""

SEMEDA: dict[str, Any] = {
    "network": NetworkSpec(architecture="DeepLabV2", encoder="resnet101", weights="imagenet"),
    "training": {
        "iterations": 20_000,
        "batch_size": 6,
        "crop": (321, 321),
        "learning_rate": 5e-4,
        "minimum_learning_rate": 0.0,
        "weight_decay": 5e-4,
        "head_factor": 10.0,
        "frozen_statistics": True,
        "augmentation": {"scale": (0.5, 1.5), "colour": 0.0},
    },
    "scoring": {"exclude_background": True},
    "loss_network_specs": (EDGE_NETWORK_OF_SEMEDA,),
}
"""The training of SEMEDA (Chen, Dapogny, Cord 2020) on PASCAL VOC: DeepLab v2, crops of 321 pixels.

Its section 4.2: batches of 6, frozen batch statistics, rates of 5e-4 and of 5e-3 for the classifier; an
edge network that is trained on softmax(one-hot + Gaussian noise). With ``over_features`` ``sum`` the
lambdas of the loss ``semeda`` mean what they mean there. The rest is DeepLab v2's own (Chen et al. 2018;
figures as in kazuto1011/deeplab-pytorch ``configs/voc12.yaml``). Departures: ImageNet's weights instead
of COCO's; the network sees one scale, DeepLab v2 three whose maximum counts; scale is drawn from the
range, there from five values; the deviation of the noise is not given there.
"""

INVERSE_FORM: dict[str, Any] = {
    "network": NetworkSpec(architecture="OCRNet", encoder="tu-hrnet_w48", weights="imagenet"),
    "training": {
        "iterations": 120_000,
        "batch_size": 12,
        "crop": (512, 1024),
        "learning_rate": 0.01,
        "minimum_learning_rate": 0.0,
        "weight_decay": 5e-4,
        "head_factor": 1.0,
        "augmentation": {"scale": (0.5, 2.0), "colour": 0.0},
    },
    "loss_network_specs": (InverseNetworkSpec(tiles=(6, 12)),),
}
"""The network of InverseForm (Borse et al., CVPR 2021) on Cityscapes: OCRNet with HRNet-W48.

InverseForm's training was never released. This is the schedule that HRNet's authors released for
that network, ``seg_hrnet_ocr_w48_train_512x1024_sgd_lr1e-2_wd5e-4_bs_12_epoch484.yaml``: 484 epochs of
247 steps, an auxiliary loss of 0.4, which is OCRNet's own here. Departures: scales up to 2.0 instead
of 2.1. For its smaller networks take ``network.architecture`` HRNetV2 with ``tu-hrnet_w18``, or
HRNet16Slim with no encoder.

The inverse network sees a crop in 6 x 12 tiles, each of 85 pixels in 16; the released one has 3 x 6 of
224 for images of twice the size. In 3 x 6 a shift by one pixel is 1/171 of a tile, and moves the loss by
far less (``benchmarks/results/inverse-network-cpu.md``).
"""

# A minute on one thread. On val: cross entropy mIoU 48, mAcc 57, BF1 50 (tolerance 2); published
# mAcc parameters mAcc 75; naive mAcc surrogate mAcc 69; naive BF1 surrogate BF1 76.
QUICK_RETRAINING = TrainingSpec(
    iterations=500,
    batch_size=16,
    crop=(64, 64),
    learning_rate=0.1,
    warmup=10,
    head_factor=1.0,
    augmentation=AugmentationSpec(scale=(0.9, 1.2), colour=0.1),
)
"""Schedule of a retraining of the ``quick`` preset."""

RETRAINING_PRESETS: Mapping[str, dict[str, Any]] = {
    "quick": {
        "network": QUICK_NETWORK,
        "training": QUICK_RETRAINING.model_dump(),
        "scoring": QUICK_SCORING,
    },
    "deeplabv3plus-512": DEEPLAB_V3_PLUS,
    "semeda-321": SEMEDA,
    "inverseform-cityscapes": INVERSE_FORM,
}
"""What a retraining's preset fills in, by name."""
