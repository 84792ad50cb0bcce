"""What a step asks of a GPU stays within bounds: a kernel, copy or wait that is added is seen here."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from benchmarks import device_cost
from benchmarks.counting import Counts
from benchmarks.device_cost import DEVICES, PHASES, Cost, costs_of, hours_table, phase_table
from benchmarks.proxy_pack import RELEASED, TINY
from search_service.searches.presets import RELEASED_NETWORK, RELEASED_PROXY_SIZE, RELEASED_TRAINING
from surrogate_zoo.losses.surrogate import SurrogateLoss
from workers.tasks.training import TrainingSpec

KERNELS = {"augmentation": 30, "forward": 80, "loss": 160, "backward": 110, "optimiser": 4}


@pytest.fixture(scope="module")
def costs() -> dict[str, Cost]:
    return costs_of(TINY, "miou")


def test_a_step_neither_waits_nor_copies(costs: dict[str, Cost]) -> None:
    for name in ("forward", "loss", "backward", "optimiser"):
        assert (costs[name].counts.copies, costs[name].counts.waits) == (0, 0), name
    assert costs["augmentation"].counts.waits == 0
    assert costs["augmentation"].counts.copies == 8 / 32  # the plan of 32 steps
    assert costs["checks"].counts.waits == 1 / 20


@pytest.mark.parametrize("phase", KERNELS)
def test_a_phase_starts_no_more_kernels(costs: dict[str, Cost], phase: str) -> None:
    assert costs[phase].counts.kernels <= KERNELS[phase]


def test_a_look_at_all_weights_is_a_few_kernels(costs: dict[str, Cost]) -> None:
    assert costs["checks"].counts.kernels * 20 <= 13


def test_a_wait_in_a_step_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def looking(_: SurrogateLoss, logits: Tensor, __: Tensor) -> Tensor:
        return logits.sum() if bool(logits.amax() > 0) else logits.mean()

    monkeypatch.setattr(SurrogateLoss, "forward", looking)
    with pytest.raises((RuntimeError, NotImplementedError), match=r"meta"):
        costs_of(TINY, "miou")


def test_the_size_is_that_of_the_released_preset() -> None:
    assert replace_weights(RELEASED.network.model_dump()) == RELEASED_NETWORK.model_dump()
    augmentation = RELEASED.training.augmentation
    assert augmentation.short_side == RELEASED_PROXY_SIZE
    training = TrainingSpec.model_validate(RELEASED_TRAINING)
    assert RELEASED.training == training.model_copy(update={"augmentation": augmentation})


def replace_weights(network: dict[str, object]) -> dict[str, object]:
    return network | {"weights": "imagenet"}


def test_expected_times_are_those_of_bytes_and_products_or_of_starts() -> None:
    device = DEVICES[0]
    bytes_alone = Cost(Counts(kernels=1, read=int(device.gbytes * 1e9)))
    assert bytes_alone.milliseconds(device, graph=True) == pytest.approx(1000)
    products = replace(bytes_alone, flops=int(2 * device.tflops * 1e12))
    assert products.milliseconds(device, graph=True) == pytest.approx(3000)
    many = Cost(Counts(kernels=1000))
    assert many.milliseconds(device, graph=False) == pytest.approx(device.host)
    assert many.milliseconds(device, graph=True) == pytest.approx(device.node)


def test_the_tables_name_every_phase_and_device(costs: dict[str, Cost]) -> None:
    whole = costs | {"evaluation": device_cost.evaluation_cost(TINY, images=1)}
    rows = list(phase_table(whole))
    assert [row.split("|")[1].strip() for row in rows[2:]] == list(PHASES)
    hours = list(hours_table(whole, TINY, 4))
    assert len(hours) == 2 + 2 * len(DEVICES)
    assert torch.device("meta") == device_cost.GPU
