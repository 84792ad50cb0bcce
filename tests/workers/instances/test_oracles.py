"""Oracles use the part of the truth that their name tells, and nothing else of it."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from surrogate_zoo.errors import InputError
from tests.workers.instances.made_up import Perfect, as_image, drawn, perfects, same_partition
from workers.instances.cluster import cluster
from workers.instances.found import Prediction
from workers.instances.oracles import ORACLES, Truth
from workers.tasks.instances import ClusteringSpec


@given(made=perfects(), share=st.floats(0, 1))
def test_true_centres_find_what_costs_nothing_with_every_radius_of_their_range(
    made: Perfect, share: float
) -> None:
    embeddings, classes, instances = as_image(made)
    spec = ClusteringSpec(radius=made.mean_radius(share))
    for name in ("oracle-centres", "oracle-semantic-centres"):
        found = ORACLES[name](
            Prediction(embeddings, classes), Truth(classes, instances), (1,), spec, 0
        )
        assert same_partition(found.instances, instances)
        assert torch.equal(found.instances > 0, instances > 0)


def test_true_classes_take_the_place_of_those_predicted() -> None:
    embeddings = torch.tensor([[[0.0, 0.0, 9.0, 9.0, 9.0]]])
    truth = Truth(drawn("11110").where(drawn("11101") > 0, 255), drawn("11200"))
    predicted = drawn("10001")
    found = ORACLES["oracle-semantic"](
        Prediction(embeddings, predicted), truth, (1,), ClusteringSpec(), 3
    )
    assert found.instances.gt(0).tolist() == [[True, True, True, False, False]]
    again = cluster(embeddings, truth.target, (1,), ClusteringSpec(), seed=3)
    assert torch.equal(found.instances, again.instances)


def test_true_centres_look_at_predicted_classes_and_radius() -> None:
    embeddings = torch.tensor([[[0.0, 2.0, 5.0, 5.0, 2.6]]])
    prediction = Prediction(embeddings, drawn("11112"))
    truth = Truth(drawn("11220"), drawn("11330"))
    spec = ClusteringSpec(radius=1.5)
    found = ORACLES["oracle-centres"](prediction, truth, (1, 2), spec, 0)
    # The mean of 1 is 1.0, that of 3 is 5.0 and of class 2, where only the last pixel was predicted.
    assert found.instances.tolist() == [[1, 1, 0, 0, 0]]
    assert found.labels.tolist() == [1]
    both = ORACLES["oracle-semantic-centres"](prediction, truth, (1, 2), spec, 0)
    assert both.instances.tolist() == [[1, 1, 2, 2, 0]]
    assert both.labels.tolist() == [1, 2]


@pytest.mark.parametrize("name", ORACLES)
def test_an_image_without_objects_has_none(name: str) -> None:
    truth = Truth(drawn("00"), drawn("00"))
    prediction = Prediction(torch.zeros(2, 1, 2), drawn("00"))
    found = ORACLES[name](prediction, truth, (1,), ClusteringSpec(), 0)
    assert not found.instances.any()
    assert found.labels.shape == (0,)


@pytest.mark.parametrize("method", ["components", "watershed", "border"])
def test_rivals_have_no_true_centres(method: Any) -> None:
    truth = Truth(drawn("11"), drawn("11"))
    prediction = Prediction(torch.zeros(2, 1, 2), drawn("11"))
    with pytest.raises(InputError, match="True centres need the radius"):
        ORACLES["oracle-centres"](prediction, truth, (1,), ClusteringSpec(method=method), 0)


def test_small_objects_are_left_out() -> None:
    truth = Truth(drawn("1111"), drawn("1222"))
    embeddings = torch.tensor([[[0.0, 9.0, 9.0, 9.0]]])
    spec = ClusteringSpec(min_pixels=2)
    found = ORACLES["oracle-centres"](Prediction(embeddings, truth.target), truth, (1,), spec, 0)
    assert found.instances.tolist() == [[0, 1, 1, 1]]
