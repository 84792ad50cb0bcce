"""Adding losses over REST: entries with parameters, and whole loss files."""

import json
import math
from typing import Any

import jsonschema_rs
import pytest

from surrogate_zoo.losses.document import handmade_document, signed, surrogate_document
from surrogate_zoo.losses.entries import HANDMADE
from surrogate_zoo.losses.registry import LOSSES
from tests.api.conftest import Live
from tests.api.test_problems import is_problem

MADE: dict[str, Any] = {
    "name": "semeda-all",
    "loss": "semeda",
    "parameters": {"lambdas": [1, 0.5, 0.25]},
}
FILE = surrogate_document("mine", "macc", {}, provenance={"origin": "elsewhere"})


def add(live: Live, body: Any, status: int = 201, **query: Any) -> dict[str, Any]:
    """Add a loss; give the answer."""
    response = live.http.post("/v1/losses", json=body, params=query)
    assert response.status_code == status, response.text
    return dict(response.json())


def refused(live: Live, body: Any, **query: Any) -> str:
    """Why a loss is refused."""
    return is_problem(live.http.post("/v1/losses", json=body, params=query), 422).detail


def test_an_entry_with_parameters_becomes_a_loss(live: Live) -> None:
    response = live.http.post("/v1/losses", json=MADE)
    assert response.status_code == 201
    made = live.http.get(response.headers["location"]).json()
    assert (made["name"], made["version"], made["kind"]) == ("semeda-all", 1, "handmade")
    assert made["sha256"] == response.json()["sha256"] == made["document"]["sha256"]
    assert made["document"]["parameters"]["lambdas"] == [1, 0.5, 0.25]
    assert made["document"]["title"] == "SEMEDA (lambdas [1, 0.5, 0.25])"
    assert made["needs"]["facts"] == ["edge_network"]


def test_a_loss_file_is_added_as_it_is(live: Live) -> None:
    assert add(live, FILE)["sha256"] == FILE["sha256"]
    assert live.http.get("/v1/losses/mine/download").json() == FILE


@pytest.mark.parametrize("body", [MADE, FILE], ids=["entry", "file"])
def test_the_same_again_is_there_once(live: Live, body: dict[str, Any]) -> None:
    first = add(live, body)
    assert add(live, body, status=200) == first
    assert live.http.get(f"/v1/losses/{body['name']}").json()["versions"] == [1]


def test_other_content_is_the_next_version_and_old_content_the_old_one(live: Live) -> None:
    first, other = add(live, MADE), add(live, MADE | {"parameters": {}})
    assert (first["version"], other["version"]) == (1, 2)
    assert add(live, MADE, status=200)["version"] == 1
    assert live.http.get("/v1/losses/semeda-all").json()["version"] == 2


def test_tags_point_at_what_is_added(live: Live) -> None:
    first = add(live, MADE, tag=["best", "tried"])
    assert first["tags"] == ["best", "tried"]
    second = add(live, MADE | {"parameters": {}}, tag="best")
    assert second["tags"] == ["best"]
    shown = live.http.get("/v1/losses/semeda-all", params={"version": 1}).json()
    assert shown["tags"] == ["tried"]
    assert add(live, MADE, status=200, tag="best")["tags"] == ["best", "tried"]
    assert "service's own" in refused(live, MADE, tag="built-in")
    is_problem(live.http.post("/v1/losses", json=MADE, params={"tag": "No Tag"}), 422)


def test_what_is_written_to_a_version_stands_there_until_something_else_is(live: Live) -> None:
    add(live, MADE, tag=["best", "tried"])
    add(live, MADE | {"parameters": {}})

    def write(body: dict[str, Any], version: int | None = None) -> tuple[int, str, list[str]]:
        query = {} if version is None else {"version": version}
        path = "/v1/losses/semeda-all/annotate"
        answer = live.http.post(path, json=body, params=query).raise_for_status().json()
        return answer["version"], answer["note"], answer["tags"]

    assert write({"note": "Thin things.\nSlow."}) == (2, "Thin things.\nSlow.", [])
    assert write({"tags": ["lens-1", "best", "best"]}) == (
        2,
        "Thin things.\nSlow.",
        ["best", "lens-1"],
    )
    assert write({"note": "The first."}, 1) == (1, "The first.", ["tried"])
    assert write({"note": "", "tags": []}) == (2, "", [])
    (listed,) = live.http.get("/v1/losses?tag=tried").json()["items"]
    assert (listed["version"], listed["note"]) == (1, "The first.")
    path = "/v1/losses/dice/annotate"
    assert live.http.post(path, json={"tags": ["thin"]}).json()["tags"] == ["built-in", "thin"]
    assert live.http.post(path, json={"tags": ["built-in"]}).json()["tags"] == ["built-in"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"tags": ["two words"]},
        {"tags": ["<b>"]},
        {"tags": ["a"] * 17},
        {"tags": ["built-in"]},
        {"note": "x" * 2001},
        {"note": "a \x1b[2J terminal"},
        {"note": "turned \u202e round"},
        {"name": "x"},
    ],
)
def test_what_cannot_be_written_to_a_loss_is_refused(live: Live, wrong: dict[str, Any]) -> None:
    add(live, MADE)
    is_problem(live.http.post("/v1/losses/semeda-all/annotate", json=wrong), 422)
    is_problem(live.http.post("/v1/losses/nonsense/annotate", json={}), 404)


def test_names_of_built_in_losses_are_taken(live: Live) -> None:
    assert "'dice' is a built-in loss" in refused(live, MADE | {"name": "dice"})
    mine = handmade_document("dice", "dice", {"smooth": 1.0})
    assert "'dice' is a built-in loss" in refused(live, mine)
    # The very loss that is built in is there already.
    assert add(live, LOSSES["dice"].document(), status=200)["tags"] == ["built-in"]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (
            {"parameters": {"lambdas": [1, -1, 0]}},
            "lambdas must be 3 numbers of at least 0, not [1,",
        ),
        (
            {"parameters": {"lambda": 1}},
            "no parameter 'lambda': it takes lambdas, norm, over_features",
        ),
        ({"loss": "naive-miou", "parameters": {}}, "'naive-miou' is no handmade loss"),
        ({"loss": "nothing"}, "There is no loss named 'nothing'."),
        ({"name": "A/B"}, "entry.name"),
        ({"scale": 0}, "entry.scale"),
        ({"more": 1}, "entry.more"),
    ],
)
def test_a_wrong_entry_is_refused_with_a_sentence(
    live: Live, changed: dict[str, Any], sentence: str
) -> None:
    assert sentence in refused(live, MADE | changed)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (FILE | {"title": "changed"}, "sha256 does not match its content"),
        (signed(FILE | {"metric": "nothing"}), "no metric named 'nothing'"),
        (signed(FILE | {"code": "import os"}), "unknown fields ['code']"),
        (FILE | {"schema": "lossfit/loss/v9"}, "file.schema"),
        (FILE | {"kind": "pickle"}, "file.kind"),
        (handmade_document("mine", "ssim", {"window": 10**9 + 1}), "window must be an odd whole"),
        (handmade_document("mine", "os.system", {}), "There is no loss named 'os.system'"),
    ],
)
def test_a_wrong_file_is_refused_with_a_sentence(
    live: Live, body: dict[str, Any], sentence: str
) -> None:
    assert sentence in refused(live, body)


def test_a_file_that_is_too_large_is_refused(live: Live) -> None:
    large = surrogate_document("mine", "macc", {}, provenance={"notes": "x" * 2**20})
    is_problem(live.http.post("/v1/losses", json=large), 413)


@pytest.mark.parametrize("name", [entry.name for entry in HANDMADE])
def test_a_handmade_loss_tells_what_its_parameters_may_be(live: Live, name: str) -> None:
    shown = live.http.get(f"/v1/losses/{name}").json()
    entry = LOSSES[name]
    assert shown["parameter_schema"] == json.loads(json.dumps(entry.schema()))
    assert jsonschema_rs.is_valid(shown["parameter_schema"], shown["document"]["parameters"])
    told = {row["name"]: row for row in shown["parameters"]}
    assert tuple(told) == entry.takes.names
    for parameter in entry.takes.each:
        row = told[parameter.name]
        assert (row["range"], row["meaning"]) == (parameter.range, parameter.meaning)
        assert row["value"] == row["default"] == entry.parameters.get(parameter.name)


def test_a_loss_of_ones_own_tells_its_values_beside_the_defaults(live: Live) -> None:
    add(live, MADE)
    (lambdas, *_) = live.http.get("/v1/losses/semeda-all").json()["parameters"]
    assert (lambdas["value"], lambdas["default"]) == ([1, 0.5, 0.25], [0, 1, 0])


def test_a_surrogate_and_a_sum_have_no_parameters_to_choose(live: Live) -> None:
    for name in ("asl-miou-voc", "jdt"):
        shown = live.http.get(f"/v1/losses/{name}").json()
        assert (shown["parameters"], shown["parameter_schema"]) == ([], None)


def test_a_loss_is_tried_on_a_drawn_example(live: Live) -> None:
    example = {"truth": [[0, 0], [1, 1]], "scores": [[0.5, 0.5], [0.5, 0.5]], "steps": 2}
    found = live.http.post("/v1/losses/cross-entropy/try", json=example).json()
    assert found["value"] == pytest.approx(math.log(2))
    assert found["gradient"][0][0] > 0 > found["gradient"][1][0]
    assert [len(row) for row in found["surface"]] == [2, 2]
    refusal = live.http.post("/v1/losses/inverse-form/try", json=example)
    assert "inverse_network" in is_problem(refusal, 422).detail
    uneven = example | {"truth": [[0, 0], [1, 1, 1]]}
    is_problem(live.http.post("/v1/losses/dice/try", json=uneven), 422)
