"""A metric of objects goes with a clustering, and a clustering of embeddings with a network of them."""

import pytest
from pydantic import ValidationError

from tests.workers import tiny
from workers.tasks.instances import ClusteringSpec
from workers.tasks.proxy import RejectionSpec
from workers.tasks.retraining import EarlyStopSpec
from workers.tasks.scoring import ScoringSpec, names_objects

WATERSHED = ScoringSpec(clustering=ClusteringSpec(method="watershed"))
MEAN_SHIFT = ScoringSpec(clustering=ClusteringSpec())


def test_scores_of_objects_are_found_in_a_metric() -> None:
    assert names_objects("sbd") == ("sbd",)
    assert names_objects("0.5*miou+0.5*ap50") == ("ap50",)
    assert names_objects("miou") == names_objects("no-metric") == ()


def test_the_options_of_labels_are_without_the_clustering() -> None:
    assert WATERSHED.of_labels == ScoringSpec().of_labels
    assert [*WATERSHED.of_labels] == ["tolerance", "exclude_background"]


def test_a_metric_of_objects_needs_a_clustering() -> None:
    with pytest.raises(ValidationError, match="sbd scores objects, and none are made: set scoring"):
        tiny.proxy_task(metric="sbd")
    with pytest.raises(ValidationError, match="pq scores objects"):
        tiny.retraining_task(early_stop=EarlyStopSpec(metric="miou+pq"))
    assert tiny.proxy_task(metric="sbd", scoring=WATERSHED).scoring == WATERSHED


def test_a_clustering_of_embeddings_needs_a_network_of_them() -> None:
    for task in (tiny.proxy_task, tiny.retraining_task):
        with pytest.raises(ValidationError, match="mean-shift needs embeddings: set network"):
            task(scoring=MEAN_SHIFT)
        task(scoring=MEAN_SHIFT, network=tiny.NETWORK.model_copy(update={"embedding": 4}))


def test_objects_cannot_be_tested_on_labels_alone() -> None:
    with pytest.raises(ValidationError, match="rejection tests predicted labels, and sbd scores"):
        tiny.proxy_task(metric="sbd", scoring=WATERSHED, rejection=RejectionSpec())
    tiny.proxy_task(metric="miou", scoring=WATERSHED, rejection=RejectionSpec())
