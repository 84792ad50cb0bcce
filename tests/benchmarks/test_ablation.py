"""What the ablation of the standard search asks for."""

from benchmarks.ablation import compared, parse, requests
from search_service.searches.request import SearchRequest

WORDS = ["--root", "/data", "--metrics", "miou", "bf1"]


def test_each_way_lacks_one_thing() -> None:
    bodies = requests(parse(WORDS), "camvid-96x128")
    asked = {name: SearchRequest.model_validate(body) for name, body in bodies.items()}
    standard = asked["all"]
    assert (standard.frozen_encoder, standard.hold_out.groups) == (True, "auto")
    assert not asked["whole"].frozen_encoder
    assert asked["images"].hold_out.groups is None
    assert [
        name for name, one in asked.items() if getattr(one.space, "mixtures", None) is False
    ] == ["single"]
    for name in ("all", "whole", "images", "single"):
        assert asked[name].objectives == ("miou", "bf1")
    spaces = {name: request.space.model_dump() for name, request in asked.items()}
    assert spaces["paper-bf1"] == {"name": "curves", "scaled": False, "rates": None}
    assert spaces["scaled-bf1"] == {"name": "curves", "scaled": True, "rates": None}
    assert spaces["rated-bf1"] == {"name": "curves", "scaled": True, "rates": (0.1, 10.0)}


def test_what_was_found_is_compared_with_the_start_at_its_own_rate() -> None:
    for words in (WORDS, WORDS[:-1]):
        bodies = requests(parse(words), "camvid-96x128")
        names = compared(bodies, "miou")
        published = {
            request.name_for(metric)
            for body in bodies.values()
            for request in [SearchRequest.model_validate(body)]
            for metric in request.objectives
        }
        assert names[0] == "all-miou"
        assert set(names) - published == {"raceless-miou", "naive-miou", "cross-entropy"}
        assert not [name for name in names if "bf1" in name]
