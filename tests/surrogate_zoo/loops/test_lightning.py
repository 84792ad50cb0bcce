"""PyTorch Lightning: a loss and the metric in a LightningModule, on one process and on two."""

from pathlib import Path

import lightning
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from lossfit import SegmentationMetric, Trial, load_loss
from tests.surrogate_zoo.loops.nets import CLASSES, eight_trials, images, network

pytestmark = pytest.mark.filterwarnings("ignore")  # advice on loaders' workers, and the like


class Segmentation(lightning.LightningModule):  # type: ignore[misc]
    def __init__(self, loss: nn.Module, rate: float = 1.0) -> None:
        super().__init__()
        self.network, self.loss, self.rate = network(), loss, rate
        self.metric = SegmentationMetric(CLASSES, tolerance=1)

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        images, masks = batch
        loss: Tensor = self.loss(self.network(images), masks)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], _: int) -> None:
        images, masks = batch
        self.metric.update(self.network(images), masks)

    def on_validation_epoch_end(self) -> None:
        self.log_dict(self.metric.compute())
        self.metric.reset()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=1e-2 * self.rate)


def _fitted(
    module: Segmentation, folder: Path, *, devices: int = 1, epochs: int = 8
) -> dict[str, float]:
    """The metrics of a module that was trained."""
    trainer = lightning.Trainer(
        accelerator="cpu",
        devices=devices,
        strategy="ddp_spawn" if devices > 1 else "auto",
        max_epochs=epochs,
        default_root_dir=folder,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    loader = DataLoader(images(), batch_size=4)
    trainer.fit(module, loader, loader)
    return {name: float(score) for name, score in trainer.callback_metrics.items()}


def _module() -> Segmentation:
    return Segmentation(load_loss("asl-miou-voc", num_classes=CLASSES, process_group="world"))


def test_it_trains(tmp_path: Path) -> None:
    assert _fitted(_module(), tmp_path)["miou"] > 0.8


@pytest.mark.slow
def test_a_search_ends_with_a_loss(tmp_path: Path) -> None:
    def evaluate(trial: Trial) -> dict[str, float]:
        module = Segmentation(trial.loss(process_group="world"), trial.rate)
        return _fitted(module, tmp_path, epochs=1)

    found = eight_trials(evaluate)
    assert "bf1" in found.trials[0].metrics


@pytest.mark.slow
def test_it_trains_on_two_processes(tmp_path: Path) -> None:
    assert _fitted(_module(), tmp_path, devices=2)["miou"] > 0.8
