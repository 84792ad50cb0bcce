"""The card of every loss tells what it is, with front matter that a hub can read."""

import pytest
import yaml

from surrogate_zoo.losses.card import card
from surrogate_zoo.losses.document import surrogate_document
from surrogate_zoo.losses.registry import LOSSES, needs_of


@pytest.mark.parametrize("name", LOSSES)
def test_a_card_tells_the_loss(name: str) -> None:
    document = LOSSES[name].document()
    _, front, text = card(document).split("---\n", 2)
    assert yaml.safe_load(front)["library_name"] == "lossfit"
    assert f"\n# {name}\n" in text
    assert document["title"] in text
    assert document["sha256"] in text
    assert all(needed in text for needed in (*needs_of(name).inputs, *needs_of(name).facts))
    for parameter in document.get("parameters", {}):
        assert f"| {parameter} |" in text


def test_a_card_tells_the_parameters_of_ones_own() -> None:
    text = card(LOSSES["semeda"].with_parameters("mine", {"lambdas": [1, 0.5, 0.25]}))
    assert "| lambdas | [1, 0.5, 0.25] |" in text
    assert '| norm | "l1" |' in text


def test_a_card_tells_licence_and_provenance() -> None:
    told = {"licence": "Apache-2.0", "notes": "```\n---\n# no heading"}
    text = card(surrogate_document("mine", "macc", {}, provenance=told))
    _, front, rest = text.split("---\n", 2)
    assert yaml.safe_load(front)["license"] == "apache-2.0"
    assert "\n# no heading" not in rest
