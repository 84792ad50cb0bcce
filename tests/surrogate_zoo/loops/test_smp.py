"""segmentation-models-pytorch: its networks and the zoo's losses have the same shapes."""

import pytest
import segmentation_models_pytorch as smp
import torch
from segmentation_models_pytorch.losses import DiceLoss
from torch import Tensor, nn

from lossfit import load_loss
from tests.surrogate_zoo.batches import VOID
from tests.surrogate_zoo.loops.nets import CLASSES, accuracy, eight_trials, images, miou


def _trained(loss: nn.Module, steps: int, rate: float = 1.0) -> tuple[Tensor, Tensor]:
    """Logits of a network that was trained, and the masks."""
    torch.manual_seed(0)
    model = smp.Unet("resnet18", encoder_weights=None, classes=CLASSES, encoder_depth=3,
                     decoder_channels=(16, 16, 16))  # fmt: skip
    inputs, masks = images(8).tensors
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2 * rate)
    for _ in range(steps):
        optimiser.zero_grad()
        torch.autograd.backward(loss(model(inputs), masks))
        optimiser.step()
    return model(inputs), masks


def test_it_trains() -> None:
    assert accuracy(*_trained(load_loss("asl-miou-voc", num_classes=CLASSES), 25)) > 0.8


@pytest.mark.slow
def test_a_search_ends_with_a_loss() -> None:
    eight_trials(lambda trial: miou(*_trained(trial.loss(), 3, trial.rate)))


def test_its_dice_is_the_zoos_where_all_classes_are_present() -> None:
    inputs, masks = images().tensors
    masks = masks.masked_fill(masks == VOID, 0)
    ours = load_loss("dice", num_classes=CLASSES, scale=1.0)(inputs, masks)
    assert ours.item() == pytest.approx(DiceLoss("multiclass")(inputs, masks).item(), rel=1e-5)
