"""What the table of the losses' costs is made of: batches, peak memory, times, and losses supplied."""

import pytest
import torch

from benchmarks.losses import map_seconds, random_batch, step, step_seconds, supplied_loss
from benchmarks.memory import peak_bytes
from surrogate_zoo.loss_networks.edge import EdgeNetwork
from surrogate_zoo.loss_networks.inverse import InverseNetwork
from surrogate_zoo.losses.distance_maps import MAPS
from surrogate_zoo.losses.registry import LOSSES
from surrogate_zoo.needs import EDGE_NETWORK, INVERSE_NETWORK

CLASSES = 3
SIZE = (2, CLASSES, 32, 40)


def test_a_batch_is_of_patches_and_has_its_share_of_void() -> None:
    logits, target = random_batch(SIZE, 8, 0.25, "cpu")
    assert logits.shape == SIZE
    assert (target == 255).float().mean().item() == pytest.approx(0.25, abs=0.03)
    whole = random_batch(SIZE, 8, 0.0, "cpu")[1]
    assert set(whole.flatten().tolist()) == set(range(CLASSES))
    assert torch.equal(whole, whole[:, ::8, ::8].repeat_interleave(8, 1).repeat_interleave(8, 2))


def test_every_loss_of_the_zoo_is_supplied_with_what_it_needs() -> None:
    logits, target = random_batch(SIZE, 4, 0.1, "cpu")
    networks = {EDGE_NETWORK: EdgeNetwork(CLASSES), INVERSE_NETWORK: InverseNetwork(side=16)}
    for name in LOSSES:
        loss = supplied_loss(name, logits, target, networks)
        assert torch.isfinite(loss(logits, target)), name


def test_peak_memory_grows_by_what_is_held_until_the_gradient() -> None:
    logits, target = random_batch((2, 8, 64, 64), 4, 0.0, "cpu")

    def peak_of_copies(copies: int) -> float:
        def copied(scores: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
            return torch.cat([scores] * copies).exp().sum()

        peak = peak_bytes(lambda: step(copied, logits, target), "cpu")
        return peak / (logits.numel() * logits.element_size())

    # exp() holds its result for the gradient while the gradient of the copies is computed.
    assert peak_of_copies(8) - peak_of_copies(4) == pytest.approx(2 * 4, abs=0.1)


def test_the_slower_loss_takes_more_seconds_than_cross_entropy() -> None:
    logits, target = random_batch(SIZE, 4, 0.0, "cpu")

    def slow(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return torch.stack(
            [torch.nn.functional.cross_entropy(scores, labels) for _ in range(40)]
        ).mean()

    base, seconds = step_seconds(slow, logits, target, rounds=5)
    assert 0 < base < seconds


@pytest.mark.parametrize("name", MAPS)
def test_every_distance_map_is_timed(name: str) -> None:
    assert map_seconds(name, random_batch(SIZE, 4, 0.1, "cpu")[1], CLASSES) > 0
