"""Presets fill in single fields of what is given in part."""

from typing import Any

import pytest

from search_service.presets import QUICK_SCORING
from search_service.retrainings.request import RetrainingRequest
from search_service.searches.request import SearchRequest
from workers.tasks.hold_out import SHARE, HoldOut
from workers.tasks.instances import ClusteringSpec
from workers.tasks.scoring import ScoringSpec


@pytest.mark.parametrize(
    ("preset", "given", "share", "images"),
    [
        ("quick", {"groups": None}, 0.25, None),
        ("quick", {"groups": None, "share": None}, 0.25, None),
        ("quick", {"groups": None, "share": 0.1}, 0.1, None),
        ("quick", {"images": 12}, None, 12),
        ("quick", {"split": "val"}, None, None),
        ("standard", {"groups": None}, SHARE, None),
    ],
)
def test_a_hold_out_set_without_a_share_has_the_presets(
    preset: str, given: dict[str, Any], share: float | None, images: int | None
) -> None:
    body = {"metric": "miou", "dataset": "shapes", "preset": preset, "hold_out": given}
    found = SearchRequest.model_validate(body).hold_out
    assert (found.share, found.images) == (share, images)


def test_what_is_said_of_scoring_leaves_the_rest_to_the_preset() -> None:
    body = {"loss": "dice", "dataset": "shapes", "preset": "quick"}
    clustering = {"clustering": {"method": "components"}}
    scoring = RetrainingRequest.model_validate(body | {"scoring": clustering}).scoring
    assert scoring.clustering == ClusteringSpec(method="components")
    assert scoring.tolerance == QUICK_SCORING.tolerance
    voc = {"preset": "semeda-321", "scoring": {"tolerance": 3}}
    scoring = RetrainingRequest.model_validate(body | voc).scoring
    assert (scoring.tolerance, scoring.exclude_background) == (3, True)
    whole = body | {"scoring": ScoringSpec(tolerance=7)}
    assert RetrainingRequest.model_validate(whole).scoring.tolerance == 7


def test_the_schema_says_the_plain_forms() -> None:
    number, written = HoldOut.model_json_schema()["anyOf"]
    assert number["type"] == "number"
    groups = written["properties"]["groups"]["anyOf"]
    assert [form["type"] for form in groups if "type" in form] == ["null", "string"]
    number, _ = SearchRequest.model_json_schema()["$defs"]["HoldOut"]["anyOf"]
    assert number["type"] == "number"
