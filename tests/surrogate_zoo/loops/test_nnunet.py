"""nnU-Net: its network with deep supervision, and targets with a channel and floating point.

The network is the one that its plans build, of the library that brings it. nnU-Net's own loop is not run: it
brings some thirty packages, and wants a data set on disk. Its trainer calls ``loss(list of logits, list of
targets)``, which is what happens here.
"""

import pytest
import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet
from torch import Tensor, nn

from lossfit import AnyShapeLoss, Trial, load_loss
from tests.surrogate_zoo.batches import VOID
from tests.surrogate_zoo.loops.nets import CLASSES, accuracy, eight_trials, images, miou

IGNORE = CLASSES
"""nnU-Net's label of void pixels is the one after the classes."""


def _network() -> PlainConvUNet:
    """Logits of full, half and quarter size, the largest first."""
    torch.manual_seed(0)
    return PlainConvUNet(
        input_channels=3,
        n_stages=4,
        features_per_stage=(8, 16, 16, 16),
        conv_op=nn.Conv2d,
        kernel_sizes=3,
        strides=(1, 2, 2, 2),
        n_conv_per_stage=1,
        num_classes=CLASSES,
        n_conv_per_stage_decoder=1,
        conv_bias=True,
        norm_op=nn.InstanceNorm2d,
        norm_op_kwargs={"eps": 1e-5, "affine": True},
        nonlin=nn.LeakyReLU,
        nonlin_kwargs={"inplace": True},
        deep_supervision=True,
    )


def _trained(zoo: nn.Module, steps: int, rate: float = 1.0) -> tuple[PlainConvUNet, Tensor]:
    """A network that was trained, and its largest logits."""
    inputs, masks = images().tensors
    masks = masks.masked_fill(masks == VOID, IGNORE)
    targets = [masks[:, None, ::step, ::step].float() for step in (1, 2, 4)]
    loss, model = AnyShapeLoss(zoo, ignore_index=IGNORE, weights=(4 / 7, 2 / 7, 0)), _network()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1 * rate, momentum=0.99, nesterov=True)
    for _ in range(steps):
        optimiser.zero_grad()
        torch.autograd.backward(loss(model(inputs), targets))
        optimiser.step()
    return model, model(inputs)[0]


def test_it_trains() -> None:
    zoo = load_loss("cross-entropy-dice", num_classes=CLASSES, ignore_index=IGNORE)
    model, logits = _trained(zoo, 60)
    assert accuracy(logits, images().tensors[1]) > 0.9
    smallest, *_, largest = model.decoder.seg_layers
    assert smallest.weight.grad is None  # it has no weight
    assert largest.weight.grad is not None


@pytest.mark.slow
def test_a_search_ends_with_a_loss() -> None:
    def evaluate(trial: Trial) -> float:
        _, logits = _trained(trial.loss(ignore_index=IGNORE), 5, trial.rate)
        return miou(logits, images().tensors[1])

    eight_trials(evaluate)
