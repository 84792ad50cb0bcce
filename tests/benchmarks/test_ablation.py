"""What the ablation of the standard search asks for."""

from benchmarks.ablation import comparison, requests
from benchmarks.searches import parse
from search_service.comparisons.request import ComparisonRequest
from search_service.searches.request import SearchRequest


def test_each_way_lacks_one_thing() -> None:
    arguments = parse(["--root", "/data", "--metrics", "miou", "bf1"])
    bodies = requests(arguments, "camvid-96x128", "bf1")
    asked = {name: SearchRequest.model_validate(body) for name, body in bodies.items()}
    assert {request.objectives for request in asked.values()} == {("bf1",)}
    assert {name: request.name_for("bf1") for name, request in asked.items()} == {
        n: n for n in asked
    }
    standard = asked["all-bf1"]
    assert (standard.frozen_encoder, standard.hold_out.groups) == (True, "auto")
    assert not asked["whole-bf1"].frozen_encoder
    assert asked["images-bf1"].hold_out.groups is None
    spaces = {name: request.space.model_dump() for name, request in asked.items()}
    assert spaces["paper-bf1"] == {"name": "curves", "scaled": False, "rates": None}
    assert spaces["scaled-bf1"] == {"name": "curves", "scaled": True, "rates": None}
    assert spaces["rated-bf1"] == {"name": "curves", "scaled": True, "rates": (0.1, 10.0)}


def test_what_was_found_is_compared_with_the_start_at_its_own_rate() -> None:
    arguments = parse(["--root", "/data", "--metrics", "miou", "bf1"])
    body = comparison(arguments, "camvid-96x128", "bf1")
    losses = ComparisonRequest.model_validate(body).losses
    assert losses[0] == "all-bf1"
    assert {"raceless-bf1", "naive-bf1", "cross-entropy", "paper-bf1"} <= set(losses)
