"""What a hold-out set may be asked to be: shapes of the field, and patterns that are refused."""

import re
import time
from typing import Any

import pytest
from pydantic import ValidationError

from workers.learning.groups import MOST_CHARACTERS
from workers.tasks.hold_out import Blocks, GroupFile, HoldOut, Pattern


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, HoldOut(share=0.2, groups="auto")),
        (0.25, HoldOut(share=0.25)),
        ({"images": 1500}, HoldOut(images=1500)),
        ({"groups": None}, HoldOut(share=0.2, groups=None)),
        ({"groups": r"(\w+)_"}, HoldOut(groups=Pattern(pattern=r"(\w+)_"))),
        ({"groups": {"file": "groups.csv"}}, HoldOut(groups=GroupFile(file="groups.csv"))),
        ({"groups": {"blocks": 8}}, HoldOut(groups=Blocks(blocks=8, gap=1))),
        ({"split": "val"}, HoldOut(split="val")),
    ],
)
def test_what_may_be_given_and_survives_json(given: object, wanted: HoldOut) -> None:
    spec = HoldOut.model_validate(given)
    assert spec == wanted
    assert HoldOut.model_validate_json(spec.model_dump_json()) == spec


def test_a_split_holds_out_nothing() -> None:
    spec = HoldOut(split="val")
    assert (spec.share, spec.images, spec.groups) == (None, None, None)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (0, "between 0 and 1"),
        (2, "between 0 and 1"),
        (float("nan"), "between 0 and 1"),
        (True, "dictionary"),
        ("auto", "dictionary"),
        ({"share": 0.2, "images": 3}, "in two ways"),
        ({"split": "val", "share": 0.2}, "holds out nothing"),
        ({"split": "val", "groups": "auto"}, "holds out nothing"),
        ({"split": "test"}, "'val'"),
        ({"groups": 3}, 'groups is "auto"'),
        ({"groups": {"blocks": 1}}, "greater than or equal to 2"),
        ({"groups": {"blocks": 4, "pattern": "a"}}, "no field named 'blocks'"),
        ({"groups": "("}, "no regular expression"),
        ({"groups": "a" * 201}, "200 characters"),
        ({"groups": "(a+)+b"}, "repeats a group"),
        ({"groups": "(?:a|aa){30}b"}, "repeats a group"),
        ({"groups": "a*a*a*a*a*b"}, "more than 4 repetitions"),
        ({"groups": "(a|a)(a|a)(a|a)(a|a)(a|a)b"}, "more than 4 repetitions"),
    ],
)
def test_what_cannot_be_is_refused(given: Any, why: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(why)):
        HoldOut.model_validate(given)


@pytest.mark.parametrize("pattern", [r"^([a-z]+)_\d{6}", r"(?P<x>\w+?)_", r"[|+*()]\+([^_]+)_x{2}"])
def test_patterns_of_everyday_are_taken(pattern: str) -> None:
    assert Pattern(pattern=pattern).pattern == pattern


@pytest.mark.parametrize("pattern", ["a*a*a*a*b", ".*.*.*.*b", "(a*|a*)a*b", "(?:a*a*)?a*b"])
def test_the_slowest_patterns_end_in_seconds(pattern: str) -> None:
    began = time.monotonic()
    assert re.search(Pattern(pattern=pattern).pattern, "a" * MOST_CHARACTERS) is None
    assert time.monotonic() - began < 20
