"""What entries declare is what their classes take: schema, check and constructor agree on every value."""

from importlib import import_module
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from surrogate_zoo.errors import InputError, LossFileError
from surrogate_zoo.losses.document import handmade_document, sum_document
from surrogate_zoo.losses.entries import HANDMADE
from surrogate_zoo.losses.entry import LossEntry
from surrogate_zoo.losses.parameters import Choice, Flag, List, Number, Parameter, Row
from surrogate_zoo.losses.registry import LOSSES, checked
from tests.surrogate_zoo.losses.supplies import CLASSES, loss_networks
from tests.surrogate_zoo.losses.test_entries import arguments

every_entry = pytest.mark.parametrize("entry", HANDMADE, ids=lambda entry: entry.name)
every_parameter = pytest.mark.parametrize(
    ("entry", "parameter"),
    [
        pytest.param(entry, parameter, id=f"{entry.name}-{parameter.name}")
        for entry in HANDMADE
        for parameter in entry.takes.each
    ],
)


def build(entry: LossEntry, parameters: dict[str, Any]) -> None:
    """Call the constructor itself."""
    module, _, name = entry.built_by.partition(":")
    networks = {kind: loss_networks()[kind] for kind in entry.needs.loss_networks}
    getattr(import_module(module), name)(num_classes=CLASSES, **parameters, **networks)


def refusal(entry: LossEntry, parameters: dict[str, Any]) -> str:
    """Why an entry refuses parameters; empty if it takes them."""
    try:
        entry.check(parameters)
    except InputError as error:
        return str(error)
    return ""


def numbers(each: Number) -> st.SearchStrategy[float]:
    """Numbers in and out of a range, many of them at its ends.

    Of those that are equal to whole numbers only these themselves: to JSON, 2.0 is whole.
    """
    ends = [end for end in (each.low, each.high) if end is not None]
    near = st.sampled_from(ends).flatmap(lambda end: st.sampled_from([end - 1, end, end + 1]))
    broken = st.floats(-5, 300, allow_nan=False).filter(lambda value: not value.is_integer())
    return near.map(int) | st.integers(-5, 300) | broken


def values(parameter: Parameter) -> st.SearchStrategy[Any]:
    """Values of a parameter's kind, in and out of its range, and of other kinds."""
    strange: st.SearchStrategy[Any] = st.sampled_from([None, True, "", "l3", [], {}, [1], "1"])
    match parameter:
        case Number():
            return numbers(parameter) | strange
        case Row():
            size = st.integers(parameter.length - 1, parameter.length + 1)
            rows = size.flatmap(lambda n: st.lists(numbers(parameter.each), min_size=n, max_size=n))
            return rows | strange
        case List():  # of as many classes as the tests have, one of which counts
            rest = st.lists(numbers(parameter.each), min_size=CLASSES - 1, max_size=CLASSES - 1)
            odd: st.SearchStrategy[Any] = st.sampled_from([None, True, "", [], {}, "1", ["1"]])
            return rest.map(lambda row: [1, *row]) | odd
        case Choice():
            return st.sampled_from(parameter.options) | strange
        case _:
            return st.booleans() | strange


@every_entry
def test_an_entry_declares_what_its_constructor_takes(entry: LossEntry) -> None:
    assert set(entry.takes.names) == arguments(entry).keys()
    assert len(set(entry.takes.names)) == len(entry.takes.names)
    assert all(parameter.meaning.endswith(".") for parameter in entry.takes.each)


@every_entry
def test_the_schema_takes_the_defaults_and_tells_them(entry: LossEntry) -> None:
    schema = entry.schema()
    jsonschema_rs.meta.validate(schema)
    assert jsonschema_rs.is_valid(schema, dict(entry.parameters))
    assert jsonschema_rs.is_valid(schema, {})
    assert refusal(entry, {}) == ""
    told = {name: row["default"] for name, row in schema["properties"].items() if "default" in row}
    assert told == entry.parameters
    assert not jsonschema_rs.is_valid(schema, {"strange": 1})


@every_entry
def test_what_is_searched_lies_in_the_declared_range(entry: LossEntry) -> None:
    declared = {parameter.name: parameter for parameter in entry.takes.each}
    for dimension in entry.searched:
        assert declared[dimension.name].holds(dimension.low)
        assert declared[dimension.name].holds(dimension.high)
        assert dimension.holds(entry.parameters[dimension.name])


@every_parameter
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_schema_check_and_constructor_agree(
    entry: LossEntry, parameter: Parameter, data: st.DataObject
) -> None:
    value = data.draw(values(parameter))
    asked = {**entry.parameters, parameter.name: value}
    in_range = jsonschema_rs.is_valid(entry.schema(), asked)
    assert parameter.holds(value) == in_range
    said = refusal(entry, {parameter.name: value})
    if not in_range:
        # One sentence that names the parameter, its range and what was given.
        expected = f"{entry.name}: {parameter.name} must be {parameter.range}, not {value!r}."
        assert said == expected
    elif said:
        assert any(rule.sentence in said for rule in entry.takes.rules)
    if not said:
        build(entry, asked)
        return
    with pytest.raises(InputError) as told:
        build(entry, asked)
    assert said == f"{entry.name}: {told.value}"


@given(st.floats())
@example(float("nan"))
@example(float("inf"))
def test_no_number_is_infinite(value: float) -> None:
    holds = Number("x", "").holds(value)
    assert holds == (0 <= value < float("inf"))
    assert not Number("x", "").holds(10**400)


@pytest.mark.parametrize(
    ("name", "parameters", "sentence"),
    [
        ("focal", {"gamma": -1}, "focal: gamma must be a number of at least 0, not -1."),
        ("tversky", {"exponent": 0}, "tversky: exponent must be a number above 0, not 0."),
        (
            "tversky",
            {"alpha": 0, "beta": 0},
            "tversky: alpha and beta must not both be 0, but alpha is 0 and beta is 0.",
        ),
        ("ssim", {"window": 8}, "an odd whole number of at least 3 and at most 255, not 8."),
        ("jaccard-metric", {"smoothing": 1}, "a number of at least 0 and below 1, not 1."),
        ("semeda", {"lambdas": [1, 1]}, "lambdas must be 3 numbers of at least 0, not [1, 1]."),
        (
            "inverse-form",
            {"tiles": [0, 1]},
            "2 whole numbers of at least 1 and at most 64, not [0, 1].",
        ),
        ("inverse-form", {"distance": "l1"}, "must be euclidean or geodesic, not 'l1'."),
        ("lovasz", {"reduction": "sum"}, "reduction must be batch or image, not 'sum'."),
        ("dice-squared", {"squared": 1}, "squared must be true or false, not 1."),
        (
            "focal",
            {"class_power": 2},
            "class_power must be a number of at least 0 and at most 1, not 2.",
        ),
        (
            "focal",
            {"class_weights": [1, -1]},
            "class_weights must be null or a list of numbers of at least 0, not [1, -1].",
        ),
        (
            "active-boundary",
            {"reduction": "image"},
            "no parameter 'reduction': it takes share, theta, smoothing, detach.",
        ),
    ],
)
def test_a_sentence_names_parameter_range_and_value(
    name: str, parameters: dict[str, Any], sentence: str
) -> None:
    assert refusal(LOSSES[name], parameters).endswith(sentence)
    with pytest.raises(LossFileError, match=r"must|no parameter"):
        checked(handmade_document("mine", name, parameters))
    term = handmade_document("mine", name, parameters)
    with pytest.raises(LossFileError, match=r"must|no parameter"):
        checked(sum_document("sum", [(1.0, LOSSES["dice"].document()), (1.0, term)]))


def test_a_document_with_parameters_of_ones_own_says_them_all() -> None:
    document = LOSSES["semeda"].with_parameters("mine", {"lambdas": [1, 0.5, 0.25]})
    assert document["parameters"] == {
        "lambdas": [1, 0.5, 0.25],
        "norm": "l1",
        "over_features": "mean",
        "after_relu": False,
    }
    assert (document["name"], document["title"]) == ("mine", "SEMEDA (lambdas [1, 0.5, 0.25])")
    assert checked(document) == document
    assert LOSSES["dice"].with_parameters("mine", {}, scale=2.0)["scale"] == 2
    with pytest.raises(InputError, match="'naive-miou' is no handmade loss"):
        LOSSES["naive-miou"].with_parameters("mine", {})


def test_a_loss_file_of_no_handmade_loss_is_refused() -> None:
    for name in ("nothing", "naive-miou"):
        with pytest.raises(LossFileError, match=name):
            checked(handmade_document("mine", name, {}))


def test_kinds_of_parameters_say_their_range() -> None:
    assert Flag("x", "").range == "true or false"
    assert Choice("x", "", (1, 2)).range == "1 or 2"
    assert Row(Number("x", "", whole=True), 2).range == "2 whole numbers of at least 0"
