"""What a loss computes does not change with the network that it stands in."""

from typing import Any

import pytest
import torch
from torch import nn

from surrogate_zoo import load_loss
from surrogate_zoo.losses.candidates import CandidateLosses
from tests.surrogate_zoo.batches import labels

CLASSES = 4
FACTS = {"class_pixels": [5e7, 1e6, 5e5, 500]}
LOSSES: dict[str, dict[str, Any]] = {
    "asl-fwiou-voc": {},
    "dice": {"class_weights": [1.0, 2.0, 3.1, 0.7]},
    "naive-miou": {"class_power": 0.5},
    "inverse-frequency-cross-entropy": {},
}


class Whole(nn.Module):
    """A network with its loss, as frameworks hold them."""

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.network, self.loss = nn.Conv2d(3, CLASSES, 1), loss


def made(name: str) -> nn.Module:
    return load_loss(name, num_classes=CLASSES, facts=FACTS, **LOSSES[name])


@pytest.mark.parametrize("cast", ["half", "bfloat16", "float", "double"])
@pytest.mark.parametrize("name", LOSSES)
def test_a_cast_of_the_network_leaves_the_loss_as_it_is(name: str, cast: str) -> None:
    whole, target = Whole(made(name)), labels(1)
    getattr(whole, cast)()
    logits = torch.randn(2, CLASSES, *target.shape[1:], requires_grad=True)
    (expected,) = torch.autograd.grad(made(name)(logits, target), logits)
    (found,) = torch.autograd.grad(whole.loss(logits, target), logits)
    assert torch.equal(found, expected)
    assert whole.network.weight.dtype == getattr(torch.zeros(1), cast)().dtype


def test_a_cast_leaves_candidates_as_they_are() -> None:
    target = labels(1)
    logits = torch.randn(2, 2, CLASSES, *target.shape[1:])
    candidates = CandidateLosses([made("asl-fwiou-voc")] * 2)
    expected = candidates(logits, target)
    assert torch.equal(candidates.bfloat16()(logits, target), expected)


@pytest.mark.parametrize("name", LOSSES)
def test_a_checkpoint_of_the_network_fits_with_any_loss(name: str) -> None:
    other, whole = Whole(load_loss("asl-miou-voc", num_classes=CLASSES)), Whole(made(name))
    assert list(whole.state_dict()) == ["network.weight", "network.bias"]
    assert whole.load_state_dict(other.state_dict()) == ([], [])
    target = labels(1)
    logits = torch.randn(2, CLASSES, *target.shape[1:])
    assert whole.loss(logits, target) == made(name)(logits, target)
