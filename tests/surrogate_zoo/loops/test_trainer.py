"""Hugging Face's Trainer: SegFormer, whose logits have a quarter of the size."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import (
    SegformerConfig,
    SegformerForSemanticSegmentation,
    Trainer,
    TrainingArguments,
    set_seed,
)

from lossfit import AnyShapeLoss, Trial, load_loss
from tests.surrogate_zoo.loops.nets import CLASSES, accuracy, eight_trials, images, miou

pytestmark = pytest.mark.filterwarnings("ignore")


def _collated(pairs: list[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
    inputs, masks = zip(*pairs, strict=True)
    return {"pixel_values": torch.stack(inputs), "labels": torch.stack(masks)}


def _segformer() -> Any:
    set_seed(0)
    config = SegformerConfig(
        num_labels=CLASSES,
        hidden_sizes=[8, 16, 16, 16],
        depths=[1, 1, 1, 1],
        num_attention_heads=[1, 1, 1, 1],
        decoder_hidden_size=16,
    )
    return SegformerForSemanticSegmentation(config)


def _train(model: Any, loss: nn.Module, folder: Path, steps: int, rate: float = 1.0) -> None:
    Trainer(
        model,
        TrainingArguments(
            output_dir=str(folder),
            max_steps=steps,
            learning_rate=1e-2 * rate,
            use_cpu=True,
            report_to=[],
            save_strategy="no",
            disable_tqdm=True,
        ),
        data_collator=_collated,
        train_dataset=images(),
        compute_loss_func=lambda outputs, labels, **_: loss(outputs.logits, labels),
    ).train()


def _large(logits: Tensor) -> Tensor:
    return nn.functional.interpolate(logits, size=(32, 32), mode="bilinear")


def test_it_trains(tmp_path: Path) -> None:
    loss = AnyShapeLoss(load_loss("cross-entropy+asl-miou-voc", num_classes=CLASSES))
    model, (inputs, masks) = _segformer(), images().tensors
    before = loss(model(inputs).logits, masks).item()
    _train(model, loss, tmp_path, 40)
    logits = model.eval()(inputs).logits
    assert logits.shape[2:] == (8, 8)
    assert loss(logits, masks).item() < 0.7 * before
    assert accuracy(_large(logits), masks) > 0.6


@pytest.mark.slow
def test_a_search_ends_with_a_loss(tmp_path: Path) -> None:
    def evaluate(trial: Trial) -> float:
        model, (inputs, masks) = _segformer(), images().tensors
        _train(model, AnyShapeLoss(trial.loss()), tmp_path, 5, trial.rate)
        return miou(_large(model.eval()(inputs).logits), masks)

    eight_trials(evaluate)
