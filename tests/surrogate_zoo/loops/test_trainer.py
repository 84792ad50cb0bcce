"""Hugging Face's Trainer: SegFormer, whose logits have a quarter of the size."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import (
    SegformerConfig,
    SegformerForSemanticSegmentation,
    Trainer,
    TrainingArguments,
    set_seed,
)

from lossfit import AnyShapeLoss, load_loss
from tests.surrogate_zoo.loops.nets import CLASSES, accuracy, images

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


def test_it_trains(tmp_path: Path) -> None:
    loss = AnyShapeLoss(load_loss("cross-entropy+asl-miou-voc", num_classes=CLASSES))
    model, data = _segformer(), images()
    trainer = Trainer(
        model,
        TrainingArguments(
            output_dir=str(tmp_path),
            max_steps=40,
            learning_rate=1e-2,
            use_cpu=True,
            report_to=[],
            save_strategy="no",
            disable_tqdm=True,
        ),
        data_collator=_collated,
        train_dataset=data,
        compute_loss_func=lambda outputs, labels, **_: loss(outputs.logits, labels),
    )
    inputs, masks = data.tensors
    before = loss(model(inputs).logits, masks).item()
    trainer.train()
    logits = model.eval()(inputs).logits
    assert logits.shape[2:] == (8, 8)
    assert loss(logits, masks).item() < 0.7 * before
    large = torch.nn.functional.interpolate(logits, size=(32, 32), mode="bilinear")
    assert accuracy(large, masks) > 0.6
