"""What the authors' presets take from the dataset, where the caller leaves it open."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from search_service.searches import papers
from search_service.searches.request import SearchRequest
from search_service.store.tables import Dataset
from tests.search_service.service import Desk, create
from workers.tasks.hold_out import HoldOut


def dataset(layout: str, images: int, **source: Any) -> Dataset:
    report = {"images": {"train": images, "val": 1}}
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return Dataset(
        name="mine", source={"layout": layout, **source}, report=report, created_at=moment
    )


def resolved(found: Dataset, **fields: Any) -> SearchRequest:
    body = {"metric": "bf1", "dataset": "mine", "preset": "paper"} | fields
    return papers.resolved(SearchRequest.model_validate(body), found)


@pytest.mark.parametrize("preset", ["paper", "released"])
@pytest.mark.parametrize(
    ("found", "images", "excluded"),
    [
        (dataset("voc", 10_582, train="trainaug"), 1500, True),
        (dataset("voc-sbd", 10_582), 1500, True),
        (dataset("voc", 1464, train="train"), 244, True),
        (dataset("cityscapes", 2975), 500, False),
        (dataset("ade20k", 20_210), 3368, False),
        (dataset("folder", 200), 50, False),
        (dataset("folder", 90), 30, False),
        (dataset("folder", 2), 1, False),
    ],
)
def test_the_dataset_says_how_much_is_held_out_and_whether_class_0_counts(
    preset: str, found: Dataset, images: int, excluded: bool
) -> None:
    request = resolved(found, preset=preset)
    assert request.hold_out == HoldOut(images=images)
    assert request.scoring.exclude_background is excluded
    again = SearchRequest.model_validate(request.model_dump(mode="json"))
    assert papers.resolved(again, found) == request


def test_groups_alone_leave_open_how_much_is_held_out() -> None:
    voc = dataset("voc", 10_582, train="trainaug")
    assert resolved(voc, hold_out={"groups": None}).hold_out == HoldOut(images=1500, groups=None)
    assert resolved(voc, hold_out={"share": 0.2}).hold_out == HoldOut(share=0.2)
    assert resolved(voc, hold_out={"split": "val"}).hold_out == HoldOut(split="val")


def test_what_is_given_stays() -> None:
    voc = dataset("voc", 10_582, train="trainaug")
    request = resolved(voc, hold_out=0.3, scoring={"exclude_background": False})
    assert (request.hold_out, request.scoring.exclude_background) == (HoldOut(share=0.3), False)
    assert resolved(voc, scoring={"tolerance": 3}).scoring.model_dump() == {
        "tolerance": 3,
        "exclude_background": True,
        "clustering": None,
    }


@pytest.mark.parametrize("preset", ["standard", "quick"])
def test_other_presets_are_left_alone(preset: str) -> None:
    body = {"metric": "bf1", "dataset": "mine", "preset": preset}
    asked = SearchRequest.model_validate(body)
    assert papers.resolved(asked, dataset("voc-sbd", 10_582)) is asked


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_the_stored_request_says_it_and_a_repeated_key_finds_it(engine: Engine) -> None:
    asked = SearchRequest.model_validate(
        {"metric": "bf1", "dataset": "shapes", "preset": "paper", "sampler": {"name": "random"}}
    )
    with Desk(engine).writing() as session:
        job = create(session, asked, idempotency_key="one")
        assert job.request["hold_out"]["images"] == 50
        assert create(session, asked, idempotency_key="one").id == job.id
