"""The counts of batch normalisations, on the host, with steps that ran elsewhere."""

import pytest
import torch
from torch import nn

from workers.learning.batch_counts import BatchCounts


def test_replayed_steps_are_added_as_the_watched_one_counted() -> None:
    twice = nn.BatchNorm2d(2)
    network = nn.Sequential(twice, nn.BatchNorm2d(2), nn.BatchNorm2d(2, track_running_stats=False))
    counts = BatchCounts(network)
    images = torch.rand(2, 2, 4, 4)
    with counts.watched():
        network(twice(images))
    with counts.kept():
        network(images)
    counts.add(3)
    assert [int(count) for name, count in network.state_dict().items() if "tracked" in name] == [
        8,
        4,
    ]


def test_a_batch_is_counted_by_hand_once_it_has_passed() -> None:
    frozen = nn.BatchNorm2d(2).eval()
    network = nn.Sequential(nn.BatchNorm2d(2), frozen)
    counts = BatchCounts(network)
    with counts.by_hand():
        network(torch.rand(2, 2, 4, 4))
    with pytest.raises(RuntimeError, match="no compiler"), counts.by_hand():
        raise RuntimeError("no compiler")
    state = network.state_dict()
    assert [int(state[f"{i}.num_batches_tracked"]) for i in (0, 1)] == [1, 0]
