"""What the table of speeds is made of: networks with embeddings, drawn objects, rows with numbers."""

import pytest
import torch

from benchmarks.instance_speed import (
    CHANNELS,
    CLASSES,
    COLUMNS,
    NETWORKS,
    SHARE,
    clustering,
    forward_pass,
    held_bytes,
    row,
    scene,
)
from surrogate_zoo.needs import EMBEDDINGS
from workers.learning.learner import initial_network
from workers.networks.build import check_network

SIZE = (64, 96)


def test_the_drawn_objects_are_found_one_by_one() -> None:
    embeddings, classes = scene(SIZE)
    assert (embeddings.shape, classes.shape) == ((CHANNELS, *SIZE), SIZE)
    assert (classes > 0).float().mean().item() == pytest.approx(SHARE, abs=0.05)
    found = clustering(SIZE, "cpu")()
    assert len(found.labels) == 24
    assert torch.equal(found.instances > 0, classes > 0)


@pytest.mark.parametrize("title", NETWORKS)
def test_every_network_is_one_of_the_zoo_with_embeddings(title: str) -> None:
    check_network(NETWORKS[title])
    assert NETWORKS[title].embedding == CHANNELS
    assert NETWORKS[title].weights is None


def test_a_row_tells_weights_times_and_memory() -> None:
    network = initial_network(NETWORKS["ENet"], CLASSES, seed=0).eval()
    cells = row("ENet", network, SIZE, "cpu", 1).strip("| ").split(" | ")
    assert cells[:3] == ["ENet", "64x96", "0.36"]
    assert len(cells) == len(COLUMNS)
    milliseconds, images, both, memory = map(float, cells[3:])
    assert images == pytest.approx(1e3 / milliseconds, rel=0.05)
    assert both > 0
    assert memory * 2**20 > held_bytes(network)


def test_a_forward_pass_gives_logits_and_embeddings() -> None:
    network = initial_network(NETWORKS["ENet"], CLASSES, seed=0).eval()
    logits, heads = forward_pass(network, torch.zeros(1, 3, *SIZE))()
    assert logits.shape == (1, CLASSES, *SIZE)
    assert heads[EMBEDDINGS].shape == (1, CHANNELS, *SIZE)
