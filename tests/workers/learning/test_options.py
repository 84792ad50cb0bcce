"""Accumulation, precision and averaged weights: right, and the same after a resumption."""

import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from surrogate_zoo import load_loss
from surrogate_zoo.errors import InputError
from tests.workers import tiny
from workers.datasets.layouts.registry import open_dataset
from workers.learning.batches import Batches, TrainingBatch
from workers.learning.image_stack import stack_by_size
from workers.learning.learner import Learner, initial_network
from workers.learning.loop import train
from workers.proxy.proxy import evaluate_pack
from workers.tasks.training import TrainingSpec

CPU = torch.device("cpu")
CLASSES = 6
OPTIONS: list[dict[str, Any]] = [
    {"accumulate": 2},
    {"precision": "bfloat16"},
    {"ema_decay": 0.9},
    {"optimiser": "adamw", "learning_rate": 0.001, "betas": (0.8, 0.99)},
    {"accumulate": 2, "precision": "bfloat16", "ema_decay": 0.9},
]


class WithoutStatistics(nn.Module):
    """A network whose output for an image does not depend on the others of its batch."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Conv2d(3, 8, 3, padding=1)
        self.head = nn.Conv2d(8, CLASSES, 1)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.encoder(images).relu())
        return logits


class MeanOfAllPixels(nn.Module):
    """Cross entropy over all pixels, void ones as 0: the mean of equal parts is that of the whole."""

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        loss = nn.functional.cross_entropy(logits, target, ignore_index=255, reduction="none")
        return loss.mean()


def batches(training: TrainingSpec, device: torch.device = CPU) -> Batches:
    samples = open_dataset(tiny.SOURCE).read("train")
    return Batches(stack_by_size(samples, device, range(len(samples))), training, seed=0)


def learner(training: TrainingSpec, network: nn.Module | None = None) -> Learner:
    network = network or initial_network(tiny.NETWORK, CLASSES, seed=0)
    return Learner(network, load_loss("cross-entropy", num_classes=CLASSES), training, CPU)


def trained(training: TrainingSpec, network: nn.Module | None = None) -> Learner:
    one = learner(training, network)
    train([one], batches(training), training, seed=0, device=CPU)
    return one


def weights(network: nn.Module) -> dict[str, Tensor]:
    return {name: one.clone() for name, one in network.state_dict().items()}


def distance(one: Learner, other: Learner) -> float:
    pairs = zip(one.trained.parameters(), other.trained.parameters(), strict=True)
    return max(float((a - b).abs().max().detach()) for a, b in pairs)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_option_resumes_to_the_very_same_weights(options: dict[str, Any]) -> None:
    training = tiny.training(iterations=4, **options)
    whole, first, second = trained(training), learner(training), learner(training)
    train([first], batches(training), training, seed=0, device=CPU, until=2)
    second.load(first.state())
    train([second], batches(training), training, seed=0, device=CPU)
    expected, resumed = weights(whole.trained), weights(second.trained)
    assert all(torch.equal(expected[name], resumed[name]) for name in expected)
    assert whole.curve() == second.curve()
    assert distance(whole, trained(tiny.training(iterations=4))) > 0  # the option does something


def test_accumulated_gradients_are_those_of_the_whole_batch() -> None:
    network = WithoutStatistics()
    whole, parts = (
        Learner(network, MeanOfAllPixels(), tiny.training(batch_size=8, accumulate=n), CPU)
        for n in (1, 4)
    )
    training = tiny.training(batch_size=8)
    train([whole, parts], batches(training), training, seed=0, device=CPU)
    assert distance(whole, parts) < 1e-6
    assert whole.recent_loss(4) == pytest.approx(parts.recent_loss(4), abs=1e-6)


def test_a_batch_is_cut_in_order_with_its_maps_and_objects() -> None:
    count = torch.arange(6)
    batch = TrainingBatch(count, count + 10, {"signed": count + 20}, count + 30)
    parts = batch.split(3)
    assert [part.images.tolist() for part in parts] == [[0, 1], [2, 3], [4, 5]]
    assert parts[1].masks.tolist() == [12, 13]
    assert parts[2].maps["signed"].tolist() == [24, 25]
    assert [part.instances.tolist() for part in parts if part.instances is not None] == [
        [30, 31],
        [32, 33],
        [34, 35],
    ]
    assert batch._replace(instances=None).split(2)[1].instances is None


@pytest.mark.parametrize("accumulate", [3, 4])
def test_parts_must_be_equal_and_hold_two_images(accumulate: int) -> None:
    with pytest.raises(ValidationError, match="equal parts of two images"):
        tiny.training(batch_size=4, accumulate=accumulate)


def test_bfloat16_follows_float32() -> None:
    runs = [
        trained(tiny.training(iterations=20, batch_size=8, precision=precision))
        for precision in ("float32", "bfloat16")
    ]
    assert runs[1].recent_loss(5) == pytest.approx(runs[0].recent_loss(5), rel=0.1)
    assert all(one.dtype is torch.float32 for one in runs[1].network.parameters())


def test_float16_is_refused_on_a_cpu() -> None:
    with pytest.raises(InputError, match="float16 needs a GPU; a CPU trains in bfloat16"):
        learner(tiny.training(precision="float16"))


def test_averaged_weights_are_the_formulas() -> None:
    training = tiny.training(iterations=5, ema_decay=0.3)
    one = learner(training)
    expected = weights(one.network)

    def average(steps: int) -> None:
        decay = min(0.3, steps / (9 + steps))
        for name, current in one.network.state_dict().items():
            mixed = decay * expected[name] + (1 - decay) * current
            expected[name] = mixed if current.is_floating_point() else current.clone()

    train([one], batches(training), training, seed=0, device=CPU, after_step=average)
    averaged = weights(one.trained)
    assert averaged.keys() == expected.keys()
    for name, value in averaged.items():
        torch.testing.assert_close(value, expected[name])
    assert distance(one, trained(tiny.training(iterations=5))) > 0


def test_averaging_does_not_touch_the_training() -> None:
    plain, averaged = (
        weights(trained(tiny.training(iterations=3, ema_decay=decay)).network)
        for decay in (None, 0.9)
    )
    assert all(torch.equal(plain[name], averaged[name]) for name in plain)


def test_a_proxy_is_scored_with_its_averaged_weights() -> None:
    changes = {"iterations": 6, "learning_rate": 0.2}
    last, averaged = (
        evaluate_pack(
            tiny.proxy_task(training=changes | {"ema_decay": decay}),
            [tiny.candidate(0)],
            device="cpu",  # which repeats bit for bit
        )
        for decay in (None, 0.99)
    )
    assert last[0].score is not None
    assert last[0].curve == averaged[0].curve
    assert last[0].metrics != averaged[0].metrics


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_every_precision_trains_on_a_gpu(precision: str) -> None:
    gpu = torch.device("cuda")
    training = tiny.training(iterations=30, batch_size=8, precision=precision, accumulate=2)
    network = initial_network(tiny.NETWORK, CLASSES, seed=0)
    one = Learner(network, load_loss("cross-entropy", num_classes=CLASSES), training, gpu)
    train([one], batches(training, gpu), training, seed=0, device=gpu)
    assert one.failure is None
    assert math.isfinite(one.recent_loss(5))
    assert one.recent_loss(5) < one.curve()[0][1]
