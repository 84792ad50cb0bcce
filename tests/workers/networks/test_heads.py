"""Heads for training: what they see, what they learn from, and how the loss of each counts."""

import pytest
import torch
from torch import Tensor, nn

from surrogate_zoo import load_loss
from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.weighted_sum import Term, WeightedSum
from surrogate_zoo.needs import BOUNDARY_LOGITS
from tests.workers import tiny
from tests.workers.networks.rows import spec_of
from workers.learning.batches import TrainingBatch
from workers.learning.learner import Learner, initial_network
from workers.networks.build import build_network
from workers.networks.heads import (
    AUXILIARY_LOGITS,
    WithHeads,
    auxiliary_weight,
    cropped,
    padded,
    parameter_groups,
)

CLASSES = 3
CPU = torch.device("cpu")


class Plain(nn.Module):
    """A network of which nothing is known."""

    def forward(self, images: Tensor) -> Tensor:
        return images


def test_heads_learn_faster_and_no_parameter_is_left_out() -> None:
    network = build_network(tiny.NETWORK, CLASSES)
    carrying = WithHeads(network, [BOUNDARY_LOGITS], auxiliary=True)
    encoder, head = parameter_groups(carrying, tiny.training(head_factor=7))
    assert (encoder["factor"], head["factor"]) == (1, 7)
    assert [*map(id, encoder["params"])] == [
        *map(id, network.get_submodule("encoder").parameters())
    ]
    assert len(encoder["params"]) + len(head["params"]) == len(list(carrying.parameters()))


def test_adamw_decays_no_parameter_of_one_dimension() -> None:
    carrying = WithHeads(build_network(tiny.NETWORK, CLASSES), [BOUNDARY_LOGITS], auxiliary=True)
    groups = parameter_groups(carrying, tiny.training(head_factor=7, optimiser="adamw"))
    assert [group["factor"] for group in groups] == [1, 1, 7, 7]
    for decaying, others in (groups[:2], groups[2:]):
        assert "weight_decay" not in decaying
        assert others["weight_decay"] == 0
        assert {parameter.ndim for parameter in others["params"]} == {1}
        assert min(parameter.ndim for parameter in decaying["params"]) > 1
    kept = sum(len(group["params"]) for group in groups)
    assert kept == len(list(carrying.parameters()))


def test_the_auxiliary_head_sees_the_stage_before_the_last() -> None:
    network = build_network(spec_of("DeepLabV3Plus"), CLASSES)
    carrying = WithHeads(network, auxiliary=True).eval()
    _, heads = carrying(torch.randn(1, 3, 64, 64))
    heads[AUXILIARY_LOGITS].sum().backward()
    last, before = (network.get_submodule(f"encoder.model.layer{stage}") for stage in (4, 3))
    assert all(weight.grad is None for weight in last.parameters())
    gradients = [weight.grad for weight in before.parameters()]
    assert any(gradient is not None and gradient.abs().sum() > 0 for gradient in gradients)


def test_who_has_auxiliary_logits_trains_them_unless_told_otherwise() -> None:
    plain, own = build_network(tiny.NETWORK, 3), build_network(spec_of("OCRNet"), 3)
    weights = [
        auxiliary_weight(network, tiny.training(auxiliary_weight=asked))
        for network in (plain, own)
        for asked in (None, 0.0, 0.7)
    ]
    assert weights == [0, 0, 0.7, 0.4, 0, 0.7]
    assert WithHeads(own, auxiliary=True).state_dict().keys() == {
        f"network.{name}" for name in own.state_dict()
    }


@pytest.mark.parametrize("name", ["DeepLabV2", "OCRNet"])
def test_the_loss_of_auxiliary_logits_is_added_with_its_weight(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    batch = TrainingBatch(
        torch.randn((2, 3, 32, 64), generator=generator),
        torch.randint(0, CLASSES, (2, 32, 64), generator=generator),
        {},
    )
    network = initial_network(spec_of(name), CLASSES, 0)
    losses = []
    for weight in (0.0, 1.0, 3.0):
        training = tiny.training(iterations=1, auxiliary_weight=weight)
        loss = load_loss("cross-entropy", num_classes=CLASSES)
        learner = Learner(network, loss, training, CPU)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            learner.step(0, batch)
        losses.append(learner.recent_loss(1))
    without, once, thrice = losses
    assert once > without
    assert thrice - without == pytest.approx(3 * (once - without), rel=1e-4)


class Elsewhere(nn.Module):
    """A loss of something else than the logits."""

    reads_logits = False

    def forward(self, logits: Tensor, _: Tensor) -> Tensor:
        """The number 5, whatever is given."""
        return 5 + 0 * logits.sum()


@pytest.mark.parametrize("alone", [False, True])
def test_auxiliary_logits_are_not_given_to_what_reads_no_logits(alone: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    masks = torch.randint(0, CLASSES, (2, 32, 64), generator=generator)
    batch = TrainingBatch(torch.randn((2, 3, 32, 64), generator=generator), masks, {})
    network = initial_network(tiny.NETWORK, CLASSES, 0)
    entropy = load_loss("cross-entropy", num_classes=CLASSES)
    both = WeightedSum([Term(1.0, entropy, ()), Term(1.0, Elsewhere(), ())])
    recent = []
    for loss in (Elsewhere(), Elsewhere()) if alone else (entropy, both):
        training = tiny.training(iterations=1, auxiliary_weight=1.0)
        learner = Learner(network, loss, training, CPU)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            learner.step(0, batch)
        recent.append(learner.recent_loss(1))
    assert recent[1] == pytest.approx(5 if alone else recent[0] + 5, rel=1e-6)


def test_auxiliary_heads_start_from_the_seed_and_leave_the_others_alone() -> None:
    network, loss = (
        initial_network(tiny.NETWORK, CLASSES, 0),
        load_loss("cross-entropy", num_classes=3),
    )

    def weights(seed: int, weight: float) -> dict[str, Tensor]:
        training = tiny.training(auxiliary_weight=weight)
        learner = Learner(network, loss, training, CPU, inputs=[BOUNDARY_LOGITS], seed=seed)
        state: dict[str, Tensor] = learner.state()["network"]
        return state

    first, same, other, without = weights(0, 1), weights(0, 1), weights(1, 1), weights(0, 0)
    assert torch.equal(first["auxiliary_head.0.weight"], same["auxiliary_head.0.weight"])
    assert not torch.equal(first["auxiliary_head.0.weight"], other["auxiliary_head.0.weight"])
    assert all(torch.equal(first[name], without[name]) for name in without)


@pytest.mark.parametrize(
    ("heads", "auxiliary", "missing"),
    [([BOUNDARY_LOGITS], False, "segmentation_head"), ([], True, "segmentation_head")],
)
def test_a_network_without_a_place_for_a_head_says_so(
    heads: list[str], auxiliary: bool, missing: str
) -> None:
    with pytest.raises(InputError, match=f"Plain has no submodule '{missing}'"):
        WithHeads(Plain(), heads, auxiliary=auxiliary)


def test_a_network_without_stages_has_no_auxiliary_head() -> None:
    network = Plain()
    network.encoder, network.segmentation_head = nn.Identity(), nn.Conv2d(3, 2, 1)
    with pytest.raises(InputError, match="encoder of Plain has no stage before its last"):
        WithHeads(network, auxiliary=True)


def test_padding_is_undone_and_leaves_fitting_images_alone() -> None:
    images = torch.randn(1, 3, 33, 64)
    assert padded(images, 32).shape == (1, 3, 64, 64)
    assert torch.equal(cropped(padded(images, 32), images), images)
    assert padded(images, 32)[:, :, 33:].abs().sum() == 0
    fitting = images[:, :, :32]
    assert padded(fitting, 32) is fitting
