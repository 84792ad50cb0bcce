"""Extending a search over REST, with the client, and on the command line."""

from typing import Any

import pytest
from typer.testing import CliRunner

from api.cli.app import app
from api.client.client import Client
from api.client.errors import ServiceError
from search_service.jobs import ledger
from tests.api.conftest import Live
from tests.api.routes.test_searches import move, submit, trial
from tests.api.test_problems import is_problem


def over(live: Live) -> dict[str, Any]:
    """A search that has succeeded."""
    job = submit(live, **{"Idempotency-Key": "one"})
    with live.sessions.begin() as session:
        for number in range(4):
            ledger.record_trial(session, trial(job["id"], number))
    move(live, job["id"], "queued", "succeeded")
    return job


def test_a_search_is_queued_again_with_a_larger_budget(live: Live) -> None:
    job = over(live)
    path = f"/v1/searches/{job['id']}"
    assert live.http.get(path).json()["finished_at"] is not None
    answer = live.http.post(f"{path}/extend", json={"trials": 3})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["state"], told["finished_at"]) == ("queued", None)
    assert (told["request"]["sampler"]["trials"], told["request"]["extended_by"]) == (7, 3)
    progress = live.http.get(path).json()["progress"]
    assert (progress["done"], progress["total"]) == (4, 7)
    assert submit(live, **{"Idempotency-Key": "one"})["id"] == job["id"]
    again = is_problem(live.http.post(f"{path}/extend", json={"trials": 3}), 409)
    assert "is queued: only one that has succeeded" in again.detail


def test_what_cannot_be_extended_is_refused(live: Live) -> None:
    job = submit(live)
    path = f"/v1/searches/{job['id']}/extend"
    is_problem(live.http.post(path, json={"trials": 3}), 409)
    move(live, job["id"], "queued", "succeeded")
    for trials in (0, -1, True, "many"):
        is_problem(live.http.post(path, json={"trials": trials}), 422)
    most = is_problem(live.http.post(path, json={"trials": 1_000_000}), 422)
    assert "and takes no 1000000 more" in most.detail
    is_problem(live.http.post(f"/v1/retrainings/{job['id']}/extend", json={"trials": 3}), 404)


def test_events_of_one_who_has_seen_the_end_go_on(live: Live) -> None:
    job = over(live)
    with Client(str(live.http.base_url)) as client:
        before = list(client.searches.events(job["id"]))
        client.searches.extend(job["id"], 2)
        move(live, job["id"], "queued", "succeeded")
        after = list(client.searches.events(job["id"], after=before[-1].sequence))
        assert [event.model_dump()["state"] for event in after] == ["queued", "succeeded"]
        assert list(client.searches.events(job["id"])) == [*before, *after]
        with pytest.raises(ServiceError, match="There is no search"):
            client.searches.extend("00000000-0000-4000-8000-000000000000", 1)


def test_the_command_line_extends(live: Live) -> None:
    job = over(live)
    command = ["jobs", "extend", job["id"], "2", "--url", str(live.http.base_url)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "is queued and goes on with 2 more trials" in result.output
    assert live.http.get(f"/v1/searches/{job['id']}").json()["request"]["sampler"]["trials"] == 6
