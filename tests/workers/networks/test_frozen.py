"""Frozen encoders: what they remember, what they leave out of a network, and that nothing changes."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from surrogate_zoo.errors import InputError
from tests.workers import tiny
from tests.workers.networks.rows import ROWS, spec_of
from workers.networks.build import build_network
from workers.networks.frozen import FrozenEncoder, forget_features, freeze_encoder
from workers.networks.heads import AUXILIARY_LOGITS, WithHeads, parameter_groups

CPU = torch.device("cpu")


def frozen(name: str) -> nn.Module:
    torch.manual_seed(0)
    network = build_network(spec_of(name), 3)
    freeze_encoder(network, CPU)
    return network


@contextmanager
def counted(encoder: nn.Module) -> Iterator[list[int]]:
    """The sizes of the batches that an encoder really sees."""
    seen: list[int] = []
    hook = encoder.register_forward_hook(lambda _, inputs, __: seen.append(len(inputs[0])))
    yield seen
    hook.remove()


@pytest.mark.parametrize("name", ROWS)
def test_a_frozen_network_says_what_it_said_and_remembers_right(name: str) -> None:
    torch.manual_seed(0)
    network = build_network(spec_of(name), 3).eval()
    images = torch.randn(2, 3, 128, 128)
    with torch.inference_mode():
        expected = network(images)
        freeze_encoder(network, CPU)
        first = network(images)
        again = network(images.clone())  # features that nothing changed in place
    size = max(1.0, float(expected.abs().max()))  # of untrained networks some give large logits
    torch.testing.assert_close(first / size, expected / size)
    assert torch.equal(first, again)


@pytest.mark.parametrize("name", ["Linknet", "DeepLabV3Plus", "DPT", "HierarchicalOCRNet"])
def test_decoder_and_heads_learn_and_the_encoder_does_not(name: str) -> None:
    network = build_network(spec_of(name), 3)
    encoder = network.get_submodule("encoder")
    before = copy.deepcopy(encoder.state_dict())
    freeze_encoder(network, CPU)
    headed = WithHeads(network, ["boundary_logits"], auxiliary=True).train()
    assert not [key for key in headed.state_dict() if key.startswith("network.encoder")]
    groups: list[dict[str, Any]] = parameter_groups(headed, tiny.training())
    assert groups[0]["params"] == []
    logits, heads = headed(torch.randn(2, 3, 96, 128))
    assert set(heads) == {"boundary_logits", AUXILIARY_LOGITS}
    torch.autograd.backward([logits.sum(), *(head.sum() for head in heads.values())])
    assert any(p.grad is not None for p in groups[1]["params"])
    assert all(p.grad is None for p in encoder.parameters())
    assert all(torch.equal(value, before[key]) for key, value in encoder.state_dict().items())


def test_features_are_computed_once_a_batch_for_all_copies() -> None:
    network = frozen("FPN")
    pack = [copy.deepcopy(network) for _ in range(3)]
    assert all(one.get_submodule("encoder") is network.encoder for one in pack)
    images = torch.randn(4, 3, 64, 64)
    encoder = network.get_submodule("encoder")
    assert isinstance(encoder, FrozenEncoder)
    with counted(encoder._held[0]) as seen:
        for one in pack:
            for part in (images[:2], images[2:]):  # views that are new every time
                one(part)
        assert seen == [2, 2]
        forget_features(pack)
        assert encoder._seen == []
        pack[0](images)
        assert seen == [2, 2, 4]


def test_images_that_are_others_are_told_apart() -> None:
    encoder = frozen("FPN").get_submodule("encoder")
    one = torch.zeros(1, 3, 64, 64)
    other = torch.zeros(1, 3, 64, 64)
    other[0, 0, 63, 63] = 1
    features: list[Tensor] = [encoder(images)[-1] for images in (one, other, one)]
    assert not torch.equal(features[0], features[1])
    assert features[0] is features[2]


def test_it_has_what_its_encoder_has_and_no_more() -> None:
    network = build_network(spec_of("DeepLabV3Plus"), 3)
    encoder: Any = network.encoder
    freeze_encoder(network, CPU)
    shown: Any = network.encoder
    assert shown.out_channels == encoder.out_channels
    assert shown.output_stride == encoder.output_stride == 8
    assert not hasattr(shown, "output_strides")
    assert not encoder.training


def test_a_network_without_an_encoder_is_refused() -> None:
    with pytest.raises(InputError, match="Identity has no encoder to freeze"):
        freeze_encoder(nn.Identity(), CPU)
