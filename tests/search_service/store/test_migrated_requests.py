"""Requests that a database of the first schema holds are read as this version's own."""

import json

import pytest
from sqlalchemy import text

from search_service.catalogue.built_in import prepare
from search_service.searches.request import SearchRequest
from search_service.settings import Settings
from search_service.store.database import make_engine, read_sessions
from search_service.store.tables import Job
from tests.search_service.store.test_migrations import build

JOB = "00000000-0000-4000-8000-000000000001"
REQUEST = {
    "priority": 2,
    "metric": "miou",
    "network": {"architecture": "Linknet", "encoder": "tu-resnet18", "weights": None},
    "training": {"iterations": 120, "batch_size": 8, "crop": [48, 48], "learning_rate": 0.2},
    "scoring": {"tolerance": 2, "exclude_background": False},
    "hold_out": 0.25,
    "rejection": None,
    "seed": 7,
    "name": "asl-miou-photos",
    "dataset": "photos",
    "family": "bezier",
    "segments": None,
    "preset": "quick",
    "sampler": {"name": "tpe", "trials": 8, "batch": 4, "startup": 4},
    "start": "line",
    "start_version": None,
    "companion": None,
    "companion_versions": {},
    "halving": {"rungs": [0.25, 0.5], "keep": 0.5},
    "warm_up": 10,
    "reshuffle": False,
    "repeats": 3,
}
"""As the first version stored it, with ``repeats``, which is the race's by now."""


@pytest.mark.parametrize("blank", ["sqlite"], indirect=True)
def test_a_search_with_repeats_is_read(blank: Settings) -> None:
    engine = make_engine(blank.database)
    build(engine, "0001")
    with engine.begin() as connection:
        update = text("UPDATE job SET request = :request WHERE id = :id")
        connection.execute(update, {"request": json.dumps(REQUEST), "id": JOB})
    prepare(engine)
    with read_sessions(engine)() as session:
        request = SearchRequest.model_validate(session.get_one(Job, JOB).request)
    engine.dispose()
    assert (request.hold_out.share, request.warm_up, request.seed) == (0.25, 10, 7)
    assert (request.sampler.name, request.sampler.trials) == ("tpe", 8)
    assert (request.race, request.space.name) == (None, "curves")
    assert SearchRequest.model_validate(request.model_dump(mode="json")) == request
