"""Scores of objects by a network: those of the evaluator, whatever the stacks; what cannot be is told."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from surrogate_zoo import INSTANCE_SCORES, InstanceEvaluator
from surrogate_zoo.errors import DatasetError, InputError
from tests.workers import tiny
from tests.workers.instances.test_prediction import ByColour, scene
from workers.datasets.dataset import Objects, Pixels, Samples
from workers.datasets.layouts.registry import open_dataset
from workers.instances.prediction import predict_instances
from workers.instances.scoring import (
    Way,
    check_objects,
    instance_scores,
    instance_scores_each,
    scores_of_ways,
)
from workers.learning.image_stack import stack_by_size
from workers.learning.learner import initial_network
from workers.networks.frozen import freeze_encoder
from workers.tasks.instances import ClusteringSpec

CPU = torch.device("cpu")
SIZES = ((40, 70), (33, 64), (40, 70), (64, 64))
LOOSE = ClusteringSpec(radius=0.05)
TIGHT = ClusteringSpec(radius=0.01)


def coloured() -> Samples:
    images, objects = zip(*(scene(*size) for size in SIZES), strict=True)
    return Samples(
        names=tuple(map(str, range(len(SIZES)))),
        images=tuple(image.numpy() for image in images),
        masks=tuple((truth > 0).byte().numpy() for truth in objects),
        instances=tuple(truth.int().numpy() for truth in objects),
    )


def test_objects_that_are_found_score_what_they_should() -> None:
    stacks = stack_by_size(coloured(), CPU, range(len(SIZES)))
    scores = instance_scores(ByColour(), stacks, (1,), ClusteringSpec())
    assert [*scores] == [*INSTANCE_SCORES]
    assert (scores["sbd"], scores["pq"], scores["ap"]) == (1, 1, 1)
    assert (scores["dic"], scores["dic-signed"]) == (0, 0)
    joined = instance_scores(ByColour(), stacks, (1,), ClusteringSpec(method="components"))
    assert joined["dic-signed"] == -2  # all three touch


def test_objects_are_whole_where_a_border_parts_them() -> None:
    samples = coloured()
    rims = tuple(np.where(mask * (objects == 1) > 0, 2, mask) for mask, objects in _pairs(samples))
    parted = replace(samples, masks=tuple(rim.astype(np.uint8) for rim in rims))
    found = [
        instance_scores(ByColour(), stack_by_size(each, CPU, range(len(SIZES))), (1,), TIGHT)
        for each in (samples, parted)
    ]
    assert found[0] == found[1]


def _pairs(samples: Samples) -> list[tuple[Pixels, Objects]]:
    assert samples.instances is not None
    return list(zip(samples.masks, samples.instances, strict=True))


def test_what_there_is_nothing_to_measure_on_is_left_out() -> None:
    nothing = Samples(
        names=("black",),
        images=(np.zeros((33, 20, 3), dtype=np.uint8),),
        masks=(np.zeros((33, 20), dtype=np.uint8),),
        instances=(np.zeros((33, 20), dtype=np.int32),),
    )
    stacks = stack_by_size(nothing, CPU, range(1))
    scores = instance_scores(ByColour(), stacks, (1,), ClusteringSpec())
    assert scores == {"sbd": 1.0, "dic": 0.0, "dic-signed": 0.0}


def test_scores_are_the_evaluators_and_do_not_depend_on_the_stacks() -> None:
    samples = open_dataset(tiny.SOURCE).read("val")
    network = initial_network(tiny.NETWORK.model_copy(update={"embedding": 4}), 6, 0)
    [stack] = stack_by_size(samples, CPU, range(6))
    scores = instance_scores(network, [stack], range(1, 6), LOOSE)
    evaluator = InstanceEvaluator(range(1, 6))
    found = predict_instances(network, stack.images, range(1, 6), LOOSE)
    assert stack.instances is not None
    for objects, truth, mask in zip(found, stack.instances, stack.masks.long(), strict=True):
        evaluator.update(*objects, truth, mask)
    expected = evaluator.compute()
    assert scores == {name: expected[name] for name in scores}
    assert "sbd" in scores
    pixels = stack.size[0] * stack.size[1]
    halves = [
        replace(stack, start=stack.start + part[0] * pixels, positions=tuple(part))
        for part in (range(3, 6), range(3))
    ]
    assert instance_scores(network, halves, range(1, 6), LOOSE) == pytest.approx(scores)


def test_ways_and_oracles_of_one_network_are_scored_apart() -> None:
    stacks = stack_by_size(coloured(), CPU, range(len(SIZES)))
    components = ClusteringSpec(method="components")
    ways = {
        "mean-shift": Way(ClusteringSpec()),
        "components": Way(components),
        "oracle-semantic": Way(components, "oracle-semantic"),
    }
    scores = scores_of_ways(ByColour(), stacks, (1,), ways)
    assert [*scores] == [*ways]
    for name in ("mean-shift", "components"):
        assert scores[name] == instance_scores(ByColour(), stacks, (1,), ways[name].clustering)
    assert scores["oracle-semantic"] == scores["components"] != scores["mean-shift"]


def test_networks_on_a_frozen_encoder_score_what_they_score_alone() -> None:
    start = initial_network(tiny.NETWORK.model_copy(update={"embedding": 4}), 6, 0)
    freeze_encoder(start, CPU)
    stacks = stack_by_size(open_dataset(tiny.SOURCE).read("val"), CPU, range(3))
    other = initial_network(tiny.NETWORK.model_copy(update={"embedding": 4}), 6, 1)
    other.encoder = start.encoder
    networks: list[nn.Module] = [start, other]
    together = instance_scores_each(networks, stacks, range(1, 6), [LOOSE, TIGHT])
    assert together == [
        instance_scores(start, stacks, range(1, 6), LOOSE),
        instance_scores(other, stacks, range(1, 6), TIGHT),
    ]


class Diverged(ByColour):
    """Embeddings are no numbers."""

    def __init__(self) -> None:
        super().__init__()
        head = self.own_heads["embeddings"]
        assert isinstance(head.bias, Tensor)
        nn.init.constant_(head.bias, torch.inf)


def test_a_network_that_diverged_does_not_end_the_others() -> None:
    stacks = stack_by_size(coloured(), CPU, range(2))
    good, bad = instance_scores_each([ByColour(), Diverged()], stacks, (1,), [ClusteringSpec()] * 2)
    assert isinstance(good, dict)
    assert good["sbd"] == 1
    assert isinstance(bad, InputError)
    assert "Embeddings are not finite" in str(bad)
    with pytest.raises(InputError, match="Embeddings are not finite"):
        instance_scores(Diverged(), stacks, (1,), ClusteringSpec())


def test_what_cannot_be_scored_is_told_before_a_training() -> None:
    check_objects(None, ())
    check_objects(ClusteringSpec(), (1,))
    with pytest.raises(DatasetError, match="the dataset tells none apart: take a dataset that"):
        check_objects(ClusteringSpec(), ())
    with pytest.raises(InputError, match="border needs one thing class"):
        check_objects(ClusteringSpec(method="border"), (1, 2))
    bare = replace(coloured(), instances=None)
    stacks = stack_by_size(bare, CPU, range(2))
    with pytest.raises(DatasetError, match="no objects to score"):
        instance_scores(ByColour(), stacks, (1,), ClusteringSpec())
