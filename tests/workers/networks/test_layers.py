"""The parts of the papers' networks against their definitions, written out."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.workers.networks.rows import spec_of
from workers.networks.build import build_network
from workers.networks.deeplab_v2 import SummedBranches
from workers.networks.hierarchical import HierarchicalOCRNet
from workers.networks.layers import dense, dense_channels, encoder_of
from workers.networks.ocr import ObjectContext, objects_of


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def test_objects_are_means_weighted_by_where_a_class_is_seen() -> None:
    pixels, regions = torch.randn(2, 4, 3, 5), torch.randn(2, 3, 3, 5)
    objects = objects_of(pixels, regions)
    assert objects.shape == (2, 4, 3, 1)
    weights = regions[1, 2].flatten().softmax(0)
    mean = sum(
        weight * pixel for weight, pixel in zip(weights, pixels[1].flatten(1).T, strict=True)
    )
    torch.testing.assert_close(objects[1, :, 2, 0], mean)


def test_context_is_the_mean_of_objects_weighted_by_likeness() -> None:
    context = ObjectContext(8, 4).eval()
    pixels, objects = torch.randn(1, 8, 2, 3), torch.randn(1, 8, 5, 1)
    query, key, value = context.query(pixels), context.key(objects), context.value(objects)
    alike = torch.einsum("dhw,dk->hwk", query[0], key[0, :, :, 0]) / 2  # sqrt of 4 keys
    mean = torch.einsum("hwk,dk->dhw", alike.softmax(-1), value[0, :, :, 0])
    torch.testing.assert_close(context(pixels, objects), context.out(mean[None]))


def test_a_pixel_that_is_far_away_reaches_summed_branches_by_their_dilation_alone() -> None:
    head = SummedBranches(1, 1, (6, 12))
    features = torch.zeros(1, 1, 33, 33)
    still = head(features)
    features[0, 0, 16, 16] = 1
    moved = (head(features) - still)[0, 0].abs() > 1e-7
    expected = {
        (16 + rate * i, 16 + rate * j) for rate in (6, 12) for i in (-1, 0, 1) for j in (-1, 0, 1)
    }
    assert {tuple(pixel) for pixel in moved.nonzero().tolist()} == expected
    torch.testing.assert_close(head(features), sum(branch(features) for branch in head.branches))


def test_an_hrnet_gives_its_four_branches() -> None:
    encoder = encoder_of("tu-hrnet_w18_small", None).eval()
    assert dense_channels(encoder) == 16 + 32 + 64 + 128
    features = encoder(torch.randn(1, 3, 64, 64))
    joined = dense(features)
    assert joined.shape == (1, 240, 16, 16)
    assert torch.equal(joined[:, :16], features[2])
    torch.testing.assert_close(
        joined[:, 16:48], F.interpolate(features[3], scale_factor=2, mode="bilinear")
    )


def test_hierarchical_attention_weighs_the_smaller_scale_over_the_larger() -> None:
    network = build_network(spec_of("HierarchicalOCRNet"), 3).eval()
    images = torch.randn(1, 3, 64, 64)
    assert isinstance(network, HierarchicalOCRNet)
    last = network.attention[-1]
    assert isinstance(last, nn.Conv2d)
    assert last.bias is not None
    last.weight.data.zero_()
    outputs = {}
    with torch.inference_mode():
        for trust in (-100.0, 0.0, 100.0):  # in the half scale, before the sigmoid
            last.bias.data.fill_(trust)
            outputs[trust] = network(images)
        network.inference_scales = (1.0,)
        torch.testing.assert_close(outputs[-100.0], network(images))
    mean = (outputs[-100.0] + outputs[100.0]) / 2
    torch.testing.assert_close(outputs[0.0], mean, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(outputs[-100.0], outputs[100.0])


def test_output_stride_is_an_option() -> None:
    sizes = []
    for stride in (8, 16, 32):
        options = {"encoder_output_stride": stride}
        network = build_network(spec_of("DeepLabV2").model_copy(update={"options": options}), 2)
        features = network.get_submodule("encoder")(torch.zeros(1, 3, 64, 64))
        sizes.append(features[-1].shape[-1])
    assert sizes == [8, 4, 2]
