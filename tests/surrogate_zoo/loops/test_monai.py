"""MONAI: a loss of the zoo in place of one of MONAI's, and agreement with its Dice."""

import pytest
import torch
from monai.losses import DiceLoss
from monai.networks.nets import UNet
from torch import Tensor, nn

from lossfit import AnyShapeLoss, load_loss
from tests.surrogate_zoo.batches import VOID
from tests.surrogate_zoo.loops.nets import CLASSES, accuracy, eight_trials, images, miou

pytestmark = pytest.mark.filterwarnings("ignore")


def _trained(zoo: nn.Module, steps: int, rate: float = 1.0) -> tuple[Tensor, Tensor]:
    """Logits of a network that was trained, and the masks."""
    torch.manual_seed(0)
    model = UNet(2, in_channels=3, out_channels=CLASSES, channels=(8, 16), strides=(2,))
    loss = AnyShapeLoss(zoo)
    inputs, masks = images().tensors
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2 * rate)
    for _ in range(steps):
        optimiser.zero_grad()
        torch.autograd.backward(loss(model(inputs), masks[:, None].float()))
        optimiser.step()
    return model(inputs), masks


def test_it_trains() -> None:
    assert accuracy(*_trained(load_loss("asl-miou-voc", num_classes=CLASSES), 40)) > 0.9


@pytest.mark.slow
def test_a_search_ends_with_a_loss() -> None:
    eight_trials(lambda trial: miou(*_trained(trial.loss(), 5, trial.rate)))


@pytest.mark.parametrize("one_hot", [False, True])
def test_targets_of_monai_give_the_dice_of_monai(one_hot: bool) -> None:
    inputs, masks = images().tensors
    masks = masks.masked_fill(masks == VOID, 0)  # MONAI's Dice knows no void here
    target = masks[:, None]
    theirs = DiceLoss(softmax=True, to_onehot_y=True, batch=True, smooth_nr=0, smooth_dr=0)
    if one_hot:
        target = torch.nn.functional.one_hot(masks, CLASSES).movedim(-1, 1)
        theirs = DiceLoss(softmax=True, batch=True, smooth_nr=0, smooth_dr=0)
    ours = AnyShapeLoss(load_loss("dice", num_classes=CLASSES, scale=1.0))
    assert ours(inputs, target).item() == pytest.approx(theirs(inputs, target).item(), rel=1e-5)
