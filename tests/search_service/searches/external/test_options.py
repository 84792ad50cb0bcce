"""What a request says where the user's own code trains, and what it may not say."""

from typing import Any

import pytest
from pydantic import ValidationError

from search_service.searches.external.options import SERVICE_ONLY
from search_service.searches.halving import HalvingSpec
from search_service.searches.racing.rules import RaceSpec
from search_service.searches.request import SearchRequest
from search_service.searches.space import space_of
from search_service.spaces.zoo import ZooSpace
from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.registry import needs_of

OWN = {"metric": "miou", "trainer": "external", "num_classes": 4}
SERVICE = {"metric": "miou", "dataset": "shapes"}


def request(**fields: Any) -> SearchRequest:
    return SearchRequest.model_validate(OWN | fields)


def test_a_search_of_ones_own_names_no_dataset_and_no_network() -> None:
    own = request()
    assert (own.dataset, own.loss_name) == ("own-data", "asl-miou-own-data")
    assert (own.sampler.name, own.space.name, own.race) == ("portfolio", "zoo", RaceSpec())
    assert (own.halving, own.proxy_size, own.frozen_encoder) == (None, None, False)
    assert own.training.learning_rate == 1  # a candidate's rate is a factor
    assert own.scoring.tolerance == SearchRequest.model_validate(SERVICE).scoring.tolerance


def test_steps_bring_the_presets_halving() -> None:
    assert request(steps=80).halving == HalvingSpec(rungs=(0.5,), keep=0.5)
    assert (request(steps=80).whole, request().whole) == (80, 1)
    assert request(steps=80, halving=None).halving is None


def test_a_stored_request_reads_as_it_was_asked() -> None:
    for fields in ({}, {"steps": 80}, {"preset": "quick"}, {"dataset": "streets", "name": "ours"}):
        asked = request(**fields)
        assert SearchRequest.model_validate(asked.model_dump(mode="json")) == asked


GIVEN: dict[str, Any] = {
    "network": {"architecture": "Linknet", "encoder": "tu-resnet18"},
    "training": {"iterations": 10},
    "hold_out": 0.25,
    "rejection": {},
    "frozen_encoder": True,
    "proxy_size": 64,
    "warm_up": 10,
    "reshuffle": True,
}


@pytest.mark.parametrize("field", SERVICE_ONLY)
def test_what_is_of_the_services_training_is_refused(field: str) -> None:
    with pytest.raises(ValidationError, match=f"{field}.*(leave it out|pretrained)"):
        request(**{field: GIVEN[field]})


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"num_classes": None}, "needs num_classes"),
    ({"halving": {"rungs": [0.5]}}, "halving needs steps"),
    ({"space": {"name": "margins"}}, "the space margins changes the network"),
    ({"preset": "released"}, "take standard or quick"),
    ({"class_pixels": [1, 2, 3]}, "class_pixels must be 4 counts"),
    ({"class_image_pixels": [0, 0, 0, 0]}, "not all of them 0"),
]


@pytest.mark.parametrize(("fields", "message"), REFUSED)
def test_what_makes_no_sense_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        request(**fields)


@pytest.mark.parametrize("fields", [{"num_classes": 4}, {"steps": 8}, {"class_pixels": [1, 2]}])
def test_a_search_that_the_service_trains_takes_nothing_of_it(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="is of trainer external: leave it out"):
        SearchRequest.model_validate(SERVICE | fields)


def kinds(**fields: Any) -> set[str]:
    space = space_of(request(**fields))
    assert isinstance(space, ZooSpace)
    return {kind.name for kind in space.kinds}


def test_losses_that_weigh_classes_take_part_where_their_counts_are_told() -> None:
    weighted = {"inverse-frequency-cross-entropy", "median-frequency-cross-entropy"}
    counts = [10, 20, 30, 40]
    assert not kinds() & weighted
    told = {name for name in weighted if set(needs_of(name).facts) <= {"class_pixels"}}
    assert kinds(class_pixels=counts) & weighted == told
    assert kinds(class_pixels=counts, class_image_pixels=counts) & weighted == weighted
    asked = {"name": "zoo", "losses": ["median-frequency-cross-entropy"]}
    with pytest.raises(InputError, match="needs class_image_pixels, class_pixels of your data"):
        kinds(space=asked)
