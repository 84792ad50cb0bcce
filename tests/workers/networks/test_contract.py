"""What every network of the registry does, on images of sizes that nothing divides."""

import pytest
import torch

from surrogate_zoo import load_loss
from surrogate_zoo.needs import BOUNDARY_LOGITS
from tests.workers import tiny
from tests.workers.networks.rows import ROWS, spec_of
from workers.learning.batches import TrainingBatch
from workers.learning.learner import Learner, initial_network
from workers.learning.loop import check_all
from workers.networks.architectures import ARCHITECTURES
from workers.networks.build import build_network
from workers.networks.heads import AUXILIARY_LOGITS, WithHeads
from workers.scoring.inference import predict

CLASSES = 5
SIZES = ((65, 97), (33, 47))
NEVER_USED = ("encoder.model.head.weight",)  # DPT's vision transformer keeps its classifier
LARGER = {
    "PAN": ((129, 161), (137, 143)),
    "HRNet16Slim": SIZES,
}  # halve their images more than five times
CPU = torch.device("cpu")

every_network = pytest.mark.parametrize("name", ROWS)


def test_every_network_has_a_row() -> None:
    assert list(ROWS) == [name for name, one in ARCHITECTURES.items() if not one.package]


@every_network
def test_it_is_trained_and_predicts_whatever_the_size(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    training = tiny.training(batch_size=2, auxiliary_weight=0.4)
    learner = Learner(
        initial_network(spec_of(name), CLASSES, seed=0),
        load_loss("boundary-cross-entropy", num_classes=CLASSES),
        training,
        CPU,
        inputs=[BOUNDARY_LOGITS],
    )
    before = [one.clone() for one in learner.network.parameters()]
    sizes = LARGER.get(name, SIZES)
    for step, size in enumerate(sizes):
        images = torch.randn((2, 3, *size), generator=generator)
        masks = torch.randint(0, CLASSES, (2, *size), generator=generator)
        learner.step(step, TrainingBatch(images, masks, {}))
    check_all([learner])
    assert learner.failure is None
    assert learner.recent_loss(2) > 0
    still = [
        name
        for (name, one), old in zip(learner.network.named_parameters(), before, strict=True)
        if one.ndim > 1 and torch.equal(one, old)
    ]
    assert set(still) <= set(NEVER_USED)  # every layer has learned
    network = learner.network.eval()
    for size in sizes:
        images = torch.randint(0, 256, (1, *size, 3), generator=generator, dtype=torch.uint8)
        labels = predict(network, images)
        assert (labels.shape, labels.dtype) == ((1, *size), torch.int64)
        assert 0 <= labels.min() <= labels.max() < CLASSES


@every_network
def test_heads_leave_it_as_it_is(name: str) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build_network(spec_of(name), CLASSES).eval()
        carrying = WithHeads(network, [BOUNDARY_LOGITS], auxiliary=True).eval()
        images = torch.randn(1, 3, 128, 128) if name in LARGER else torch.randn(1, 3, 64, 32)
    with torch.inference_mode():
        alone = network(images)
        logits, heads = carrying(images)
    torch.testing.assert_close(logits, alone)
    size = images.shape[2:]
    assert alone.shape == heads[AUXILIARY_LOGITS].shape == (1, CLASSES, *size)
    assert heads[BOUNDARY_LOGITS].shape == (1, 1, *size)
    assert not torch.equal(heads[AUXILIARY_LOGITS], alone)
