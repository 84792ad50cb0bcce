"""mmsegmentation: losses of a config, in a model that mmengine trains, as its decode head calls them.

mmengine, on which mmsegmentation stands, reads the config, builds the losses and trains. mmsegmentation
itself is not installed: it wants mmcv, which has no builds for current versions of torch.
"""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from lossfit import MMSegLoss, Trial, load_loss
from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.document import dump_loss_file
from tests.docs.pages import blocks_of
from tests.surrogate_zoo.loops.nets import (
    CLASSES,
    accuracy,
    eight_trials,
    images,
    miou,
    network,
)

# OpenCV, which mmengine loads, is not to be had on a machine without libGL.
configs, models, optimisers, registries = (
    pytest.importorskip(f"mmengine.{part}", exc_type=ImportError)
    for part in ("config", "model", "optim", "registry")
)

CONFIG = {
    "type": "lossfit.MMSegLoss",
    "loss": "asl-miou-voc",
    "num_classes": CLASSES,
    "loss_weight": 2.0,
}


class Segmentor(models.BaseModel):  # type: ignore[misc, name-defined]  # mmengine is not typed
    """Calls its losses as ``BaseDecodeHead.loss_by_feat`` of mmsegmentation 1.2 does."""

    def __init__(self, loss_decode: list[dict[str, object]]) -> None:
        super().__init__()
        self.head = network()
        self.loss_decode = nn.ModuleList(registries.MODELS.build(config) for config in loss_decode)

    def forward(
        self, inputs: Tensor, masks: Tensor, mode: str = "tensor"
    ) -> Tensor | dict[str, Tensor]:
        logits: Tensor = self.head(inputs)
        if mode == "tensor":
            return logits
        losses: dict[str, Tensor] = {}
        for each in self.loss_decode:
            value = each(logits, masks, weight=None, ignore_index=255)
            name = str(each.loss_name)
            losses[name] = losses[name] + value if name in losses else value
        return losses


def _built(config: dict[str, object]) -> MMSegLoss:
    built = registries.MODELS.build(config)
    assert isinstance(built, MMSegLoss)
    return built


def _trained(
    loss_decode: list[dict[str, object]], steps: int, rate: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Logits of a model that mmengine trained, and the masks."""
    model = Segmentor(loss_decode)
    optimiser = optimisers.OptimWrapper(torch.optim.Adam(model.head.parameters(), lr=1e-2 * rate))
    batch = images().tensors
    for _ in range(steps):
        model.train_step(batch, optimiser)
    return model(*batch), batch[1]


def test_a_model_with_the_loss_trains() -> None:
    logits, masks = _trained([CONFIG], 30)
    assert accuracy(logits, masks) > 0.9
    alone = load_loss("asl-miou-voc", num_classes=CLASSES)
    assert _built(CONFIG)(logits, masks).item() == pytest.approx(2 * alone(logits, masks).item())


def test_the_config_of_the_page_trains() -> None:
    [page] = [
        block.source
        for block in blocks_of("docs/guide/other-loops.md")
        if "lossfit.MMSegLoss" in block.source
    ]
    losses = configs.Config.fromstring(page, ".py").decode_head.loss_decode
    model = Segmentor([each | {"num_classes": CLASSES} for each in losses])
    told = model.train_step(
        images().tensors, optimisers.OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    )
    assert told["loss"].item() == pytest.approx(
        told["loss_ce"].item() + told["loss_bf1"].item(), rel=1e-6
    )


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
        return miou(*_trained([CONFIG | {"loss": str(path)}], 5, trial.rate))

    eight_trials(evaluate)
