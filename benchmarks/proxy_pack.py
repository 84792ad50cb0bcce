"""A pack of candidates at the released proxy size, on random images: what step benchmarks share."""

import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from surrogate_zoo import load_loss
from surrogate_zoo.losses.document import surrogate_document
from surrogate_zoo.losses.parameter_space import ParameterSpace
from workers.datasets.dataset import Samples
from workers.learning.batches import Batches
from workers.learning.image_stack import Stack, stack_by_size
from workers.learning.learner import Learner, initial_network
from workers.tasks.networks import NetworkSpec
from workers.tasks.training import AugmentationSpec, TrainingSpec

VOC_SIZES = ((375, 500), (333, 500), (500, 375), (332, 500), (500, 333), (366, 500), (281, 500))
"""Some of the sizes that images of PASCAL VOC have."""


@dataclass(frozen=True)
class Size:
    """How large a pack is measured.

    Attributes:
        network: What is trained.
        training: How.
        classes: C.
        images: Random images to train on, of as many sizes as VOC's most frequent.
        shrink: Divides their sides.
    """

    network: NetworkSpec
    training: TrainingSpec
    classes: int
    images: int
    shrink: int = 1


RELEASED = Size(
    NetworkSpec(architecture="DeepLabV3Plus", encoder="resnet50", weights=None),
    TrainingSpec(auxiliary_weight=0.4, augmentation=AugmentationSpec(short_side=128)),
    classes=21,
    images=112,
)
"""The released proxy task, whose random weights cost what pretrained ones do."""

TINY = Size(
    NetworkSpec(
        architecture="Unet",
        encoder="tu-resnet18",
        options={"encoder_depth": 2, "decoder_channels": [16, 8]},
    ),
    TrainingSpec(auxiliary_weight=0.4, batch_size=2, crop=(32, 32), iterations=100),
    classes=4,
    images=7,
    shrink=8,
)
"""For tests of the benchmarks themselves."""

SIZES = {"released": RELEASED, "tiny": TINY}


def samples_of(size: Size) -> Samples:
    """Random images with random masks in blocks of 8 pixels, a border of which is void."""
    random = np.random.default_rng(0)
    images, masks = [], []
    for number in range(size.images):
        height, width = (side // size.shrink for side in VOC_SIZES[number % len(VOC_SIZES)])
        images.append(random.integers(0, 256, (height, width, 3), dtype=np.uint8))
        blocks = random.integers(0, size.classes, (height // 8 + 1, width // 8 + 1), dtype=np.uint8)
        mask = np.kron(blocks, np.ones((8, 8), np.uint8))[:height, :width]
        mask[:, :2] = 255
        masks.append(mask)
    return Samples(tuple(map(str, range(size.images))), tuple(images), tuple(masks))


def stacks_of(size: Size, device: torch.device) -> list[Stack]:
    """The images on a device."""
    return stack_by_size(samples_of(size), device, range(size.images))


def batches_of(size: Size, device: torch.device, stacks: Sequence[Stack] | None = None) -> Batches:
    """The batches of the pack."""
    return Batches(stacks or stacks_of(size, device), size.training, seed=0)


def network_of(size: Size) -> nn.Module:
    """What candidates start from."""
    return initial_network(size.network, size.classes, seed=0)


def document_of(metric: str, number: int) -> dict[str, Any]:
    """The loss file of the candidate of that number, drawn at random."""
    space = ParameterSpace(metric)
    theta = np.random.default_rng(number).random(space.dimension).tolist()
    return surrogate_document(f"candidate-{number}", metric, space.control_points(theta))


def learners_of(
    size: Size, network: nn.Module, device: torch.device, count: int, metric: str = "miou"
) -> list[Learner]:
    """A pack of ``count`` candidates."""
    losses = [
        load_loss(document_of(metric, number), num_classes=size.classes) for number in range(count)
    ]
    return [Learner(network, loss, size.training, device) for loss in losses]


def facts(device: torch.device) -> str:
    """Device, versions, commit and date of a measurement."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    told = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent,
    ).stdout.strip()
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    return f"{name}, torch {torch.__version__}, commit {told or 'unknown'}, {today}"
