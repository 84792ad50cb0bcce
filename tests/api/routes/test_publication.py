"""Publishing a trial over REST; what can be published, ``tests/search_service`` tells."""

from search_service.jobs import ledger
from tests.api.conftest import Live
from tests.api.requests import SEARCH
from tests.api.routes.test_searches import move, submit, trial
from tests.api.test_problems import is_problem


def test_a_trial_is_published_once_the_search_is_over(live: Live) -> None:
    job_id = submit(live)["id"]
    path, body = f"/v1/searches/{job_id}/publish", {"trial": 0, "name": "mine"}
    with live.sessions.begin() as session:
        ledger.record_trial(session, trial(job_id, 0))
    is_problem(live.http.post(path, json=body), 409)
    move(live, job_id, "queued", "cancelled")
    first, again = live.http.post(path, json=body), live.http.post(path, json=body)
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    loss = live.http.get(first.headers["location"]).json()
    assert (loss["name"], loss["version"], loss["versions"]) == ("mine", 1, [1])
    assert loss["document"]["provenance"]["chosen"]["trial"] == 0
    assert "no trial 9" in is_problem(live.http.post(path, json=body | {"trial": 9}), 422).detail
    is_problem(live.http.post(path, json=body | {"name": "dice"}), 422)
    is_problem(live.http.post(f"/v1/retrainings/{job_id}/publish", json=body), 404)


def test_a_trade_off_needs_two_metrics(live: Live) -> None:
    asked = SEARCH | {"sampler": {"name": "nsga-ii", "trials": 4, "population": 2}}
    refused = is_problem(live.http.post("/v1/searches", json=asked), 422)
    assert "join several with +" in refused.detail
    assert live.http.post("/v1/searches", json=asked | {"metric": "macc+bf1"}).status_code == 201
