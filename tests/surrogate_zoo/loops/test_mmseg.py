"""mmsegmentation's decode head calls its losses so; mmsegmentation itself is not installed.

It stands on mmcv, which has no builds for current versions of torch.
"""

import importlib
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lossfit import MMSegLoss, Trial, load_loss
from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.document import dump_loss_file
from tests.surrogate_zoo.loops.nets import (
    CLASSES,
    accuracy,
    eight_trials,
    images,
    miou,
    network,
)

CONFIG = {
    "type": "lossfit.MMSegLoss",
    "loss": "asl-miou-voc",
    "num_classes": CLASSES,
    "loss_weight": 2.0,
}


def _built(config: dict[str, object]) -> MMSegLoss:
    """What mmengine makes of a config whose type is a full name."""
    module, _, name = str(config["type"]).rpartition(".")
    arguments = {key: value for key, value in config.items() if key != "type"}
    built = getattr(importlib.import_module(module), name)(**arguments)
    assert isinstance(built, MMSegLoss)
    return built


def _trained(loss_decode: MMSegLoss, steps: int, rate: float = 1.0) -> tuple[Tensor, Tensor]:
    """Logits of a head that was trained, and the masks."""
    head = network()
    inputs, masks = images().tensors
    optimiser = torch.optim.Adam(head.parameters(), lr=1e-2 * rate)
    for _ in range(steps):
        optimiser.zero_grad()
        logits = head(inputs)
        losses = {loss_decode.loss_name: loss_decode(logits, masks, weight=None, ignore_index=255)}
        torch.autograd.backward(sum(value for name, value in losses.items() if "loss" in name))
        optimiser.step()
    return head(inputs), masks


def test_the_head_of_the_config_trains() -> None:
    loss_decode = _built(CONFIG)
    logits, masks = _trained(loss_decode, 30)
    assert accuracy(logits, masks) > 0.9
    alone = load_loss("asl-miou-voc", num_classes=CLASSES)
    assert loss_decode(logits, masks).item() == pytest.approx(2 * alone(logits, masks).item())


def test_what_does_not_fit_is_refused() -> None:
    loss_decode = _built(CONFIG)
    inputs, masks = images(2).tensors
    with pytest.raises(InputError, match="leave out the sampler"):
        loss_decode(inputs, masks, weight=torch.ones(2, 32, 32))
    with pytest.raises(InputError, match="head has ignore_index 0"):
        loss_decode(inputs, masks, ignore_index=0)
    with pytest.raises(InputError, match="must begin with loss_"):
        _built(CONFIG | {"loss_name": "lossfit"})


@pytest.mark.slow
def test_a_search_ends_with_a_loss(tmp_path: Path) -> None:
    def evaluate(trial: Trial) -> float:
        path = tmp_path / f"{trial.number}.json"  # a config names the loss file of its trial
        path.write_text(dump_loss_file(dict(trial.document)))
        return miou(*_trained(_built(CONFIG | {"loss": str(path)}), 5, trial.rate))

    eight_trials(evaluate)
