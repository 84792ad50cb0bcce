"""segmentation-models-pytorch: its networks and the zoo's losses have the same shapes."""

import pytest
import segmentation_models_pytorch as smp
import torch
from segmentation_models_pytorch.losses import DiceLoss

from lossfit import load_loss
from tests.surrogate_zoo.batches import VOID
from tests.surrogate_zoo.loops.nets import CLASSES, accuracy, images


def test_it_trains() -> None:
    torch.manual_seed(0)
    model = smp.Unet("resnet18", encoder_weights=None, classes=CLASSES, encoder_depth=3,
                     decoder_channels=(16, 16, 16))  # fmt: skip
    loss = load_loss("asl-miou-voc", num_classes=CLASSES)
    inputs, masks = images(8).tensors
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(25):
        optimiser.zero_grad()
        torch.autograd.backward(loss(model(inputs), masks))
        optimiser.step()
    assert accuracy(model(inputs), masks) > 0.8


def test_its_dice_is_the_zoos_where_all_classes_are_present() -> None:
    inputs, masks = images().tensors
    masks = masks.masked_fill(masks == VOID, 0)
    ours = load_loss("dice", num_classes=CLASSES, scale=1.0)(inputs, masks)
    assert ours.item() == pytest.approx(DiceLoss("multiclass")(inputs, masks).item(), rel=1e-5)
