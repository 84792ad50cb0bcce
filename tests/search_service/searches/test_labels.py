"""What a trial tried, in a few words."""

from search_service.searches.labels import label_of
from search_service.searches.request import SearchRequest
from search_service.searches.space import space_of
from search_service.spaces.curves import CurveSpace
from search_service.spaces.zoo import ZooSpace

ASKED = {"metric": "miou", "dataset": "shapes"}


def test_a_point_of_the_zoo_is_its_loss_share_and_rate() -> None:
    space = space_of(SearchRequest.model_validate(ASKED))
    assert isinstance(space, ZooSpace)
    labels = [label_of(space, theta) for theta in space.portfolio((1.0, 3.0))]
    assert "top-k-cross-entropy, rate x 1" in labels
    assert labels[:2] == ["cross-entropy, rate x 1", "cross-entropy, rate x 3"]
    kind = next(number for number, one in enumerate(space.kinds) if one.name == "dice")
    assert label_of(space, [kind, 0.5, 0.25]) == "dice with 0.25 of cross entropy, rate x 0.5"


def test_a_point_of_curves_is_told_by_its_rate_alone() -> None:
    asked = ASKED | {"sampler": {"name": "random", "trials": 4, "batch": 2}}
    space = space_of(SearchRequest.model_validate(asked))
    assert isinstance(space, CurveSpace)
    assert label_of(space, [0.5] * space.dimension) == "curves"


def test_a_point_that_the_space_does_not_hold_has_none() -> None:
    space = space_of(SearchRequest.model_validate(ASKED))
    assert [label_of(space, theta) for theta in ([], [0.0, 1.0, 2.0], [10_000.0, 1.0])] == [""] * 3
