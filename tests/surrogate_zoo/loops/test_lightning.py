"""PyTorch Lightning: a loss and the metric in a LightningModule, on one process and on two."""

from pathlib import Path

import lightning
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from lossfit import SegmentationMetric, load_loss
from tests.surrogate_zoo.loops.nets import CLASSES, images, network

pytestmark = pytest.mark.filterwarnings("ignore")  # advice on loaders' workers, and the like


class Segmentation(lightning.LightningModule):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.network = network()
        self.loss = load_loss("asl-miou-voc", num_classes=CLASSES, process_group="world")
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
        return torch.optim.Adam(self.parameters(), lr=1e-2)


def _trained(folder: Path, devices: int) -> float:
    trainer = lightning.Trainer(
        accelerator="cpu",
        devices=devices,
        strategy="ddp_spawn" if devices > 1 else "auto",
        max_epochs=8,
        default_root_dir=folder,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    loader = DataLoader(images(), batch_size=4)
    trainer.fit(Segmentation(), loader, loader)
    return float(trainer.callback_metrics["miou"])


def test_it_trains(tmp_path: Path) -> None:
    assert _trained(tmp_path, 1) > 0.8


@pytest.mark.slow
def test_it_trains_on_two_processes(tmp_path: Path) -> None:
    assert _trained(tmp_path, 2) > 0.8
