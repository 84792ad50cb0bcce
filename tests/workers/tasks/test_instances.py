"""What a clustering may say: radii by method, and nothing that its method would not look at."""

from typing import Any

import pytest
from pydantic import ValidationError

from workers.tasks.instances import BORDER, RADII, ClusteringSpec


@pytest.mark.parametrize("method", ["mean-shift", "threshold", "components", "watershed", "border"])
def test_a_spec_of_a_method_is_whole_and_survives_json(method: Any) -> None:
    spec = ClusteringSpec(method=method)
    assert spec.radius == RADII.get(method)
    assert spec.border == (BORDER if method == "border" else None)
    assert ClusteringSpec.model_validate_json(spec.model_dump_json()) == spec


def test_the_plain_spec_is_the_papers_mean_shift_over_the_image() -> None:
    spec = ClusteringSpec()
    assert (spec.method, spec.radius, spec.within, spec.min_pixels) == (
        "mean-shift",
        1.5,
        "image",
        1,
    )
    assert ClusteringSpec(radius=2).radius == 2


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"method": "components", "radius": 1.0}, "components has no radius"),
        ({"method": "border", "radius": 1.0}, "border has no radius"),
        ({"method": "watershed", "radius": 2.5}, "whole pixels"),
        ({"method": "watershed", "radius": 0.5}, "whole pixels"),
        ({"method": "watershed", "within": "components"}, "belongs to mean-shift and threshold"),
        ({"method": "threshold", "merge": True}, "merge belongs to mean-shift"),
        ({"border": 2}, "for the method border"),
        ({"radius": 0}, "greater than 0"),
        ({"radius": float("inf")}, "finite"),
        ({"min_pixels": 0}, "greater than or equal to 1"),
        ({"min_pixels": True}, "takes no true or false"),
        ({"method": "k-means"}, "Input should be"),
        ({"method": ["threshold"]}, "Input should be"),
        ({"bandwidth": 1.0}, "no field named 'bandwidth'"),
    ],
)
def test_what_would_be_in_vain_or_cannot_be_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ClusteringSpec.model_validate(given)
