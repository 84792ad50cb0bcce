"""The counts of batch normalisations, on the host, with steps that ran elsewhere."""

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
