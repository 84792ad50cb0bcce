"""Ways to make objects have a first and names of their own, and look at one hold-out set."""

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from tests.workers import tiny
from workers.instances.oracles import ORACLES
from workers.tasks.instances import ClusteringSpec
from workers.tasks.objects import ClusteringTuning, ObjectOptions, OracleName
from workers.tasks.retraining import RetrainingTask
from workers.tasks.scoring import ScoringSpec

COMPONENTS = ClusteringSpec(method="components")
WATERSHED = ClusteringSpec(method="watershed")
FIRST = {"clustering": {"method": "watershed"}}


def options(**changes: Any) -> ObjectOptions:
    return ObjectOptions.model_validate({"scoring": FIRST} | changes)


def task(**changes: Any) -> RetrainingTask:
    return tiny.retraining_task(scoring=ScoringSpec(clustering=WATERSHED), **changes)


def test_the_oracles_are_those_that_there_are() -> None:
    assert get_args(OracleName) == tuple(ORACLES)


def test_ways_are_named_the_first_by_its_method() -> None:
    assert ObjectOptions().ways == {}
    further = options(clusterings={"plain": COMPONENTS})
    assert further.ways == {"watershed": WATERSHED, "plain": COMPONENTS}
    assert [*further.ways] == ["watershed", "plain"]
    named = options(clusterings={"watershed": COMPONENTS}, clustering_name="cut")
    assert named.ways == {"cut": WATERSHED, "watershed": COMPONENTS}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"clusterings": {"watershed": COMPONENTS}},
            "two ways to make objects are called 'watershed'",
        ),
        ({"clusterings": {"oracle-centres": COMPONENTS}}, "called 'oracle-centres': rename"),
        ({"clusterings": {"Plain": COMPONENTS}}, "pattern"),
        ({"oracles": ["oracle-centres"]}, "oracle-centres needs the radius of mean-shift"),
        ({"clustering_name": "oracle-semantic"}, "called 'oracle-semantic'"),
        ({"scoring": {}, "clustering_name": "cut"}, "clustering_name goes with objects"),
        ({"scoring": {}, "clusterings": {"plain": COMPONENTS}}, "set scoring.clustering too"),
        ({"scoring": {}, "oracles": ["oracle-semantic"]}, "oracles goes with objects"),
        ({"scoring": {}, "tune_clustering": {}}, "tune_clustering goes with objects"),
        ({"tune_clustering": {"score": "dic-signed"}}, "not by 'dic-signed'"),
        ({"tune_clustering": {"score": "miou"}}, "one of sbd, dic, ap, .* not by 'miou'"),
    ],
)
def test_what_says_nothing_is_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        options(**changes)


def test_radii_are_multiples_of_a_ways_own() -> None:
    tuning = ClusteringTuning(factors=(0.5, 1.0, 2.0))
    assert tuning.radii(ClusteringSpec(radius=3.0)) == (1.5, 3.0, 6.0)
    assert tuning.radii(ClusteringSpec(radius=900.0)) == (450.0, 900.0, 1000.0)
    assert tuning.radii(ClusteringSpec(method="watershed", radius=1)) == (1.0, 2.0)
    assert tuning.radii(COMPONENTS) == ()


def test_one_hold_out_set_is_looked_at() -> None:
    tuned = task(tune_clustering={"hold_out": 0.25})
    assert tuned.held_out is not None
    assert tuned.held_out.share == 0.25
    assert task().held_out is None
    assert task(early_stop={}, tune_clustering={}).held_out is not None
    with pytest.raises(ValidationError, match="look at one hold-out set"):
        task(early_stop={}, tune_clustering={"hold_out": 0.25})
    with pytest.raises(ValidationError, match=r"tune_clustering\.hold_out looks at the split val"):
        task(tune_clustering={"hold_out": {"split": "val"}})


def test_every_way_needs_what_it_groups() -> None:
    with pytest.raises(ValidationError, match="threshold needs embeddings: set network"):
        task(clusterings={"near": ClusteringSpec(method="threshold")})
