"""The papers' tables are admitted by the service: losses first, then one comparison."""

import json

import pytest
from sqlalchemy import Engine

from benchmarks.paper_tables import REQUESTS, TABLES
from search_service.catalogue import losses
from search_service.catalogue.loss_requests import EntryRequest
from search_service.comparisons.request import ComparisonRequest
from search_service.store.database import sessions
from tests.search_service.service import create

pytestmark = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_admitted(engine: Engine, name: str) -> None:
    body = json.loads((REQUESTS / f"{name}.json").read_text(encoding="utf-8"))
    with sessions(engine).begin() as session:
        for loss in body["losses"]:
            losses.add(session, EntryRequest.model_validate(loss))
        asked = ComparisonRequest.model_validate(body["comparison"] | {"dataset": "shapes"})
        job = create(session, asked)
        assert job.request["losses"] == body["comparison"]["losses"]
        assert ComparisonRequest.model_validate(job.request).loss_networks == asked.loss_networks
