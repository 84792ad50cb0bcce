"""The life of a job over REST; the part of the controller is played by the ledger that it uses."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from api.client.client import Client
from api.schemas import JobEvent, StateEvent, TrialEvent
from search_service.jobs import ledger
from search_service.searches.request import SearchRequest
from search_service.store.states import State
from search_service.store.tables import Evaluation, Trial
from surrogate_zoo.store.tables import now
from tests.api.conftest import Live
from tests.api.requests import COMPARISON, LOSS_NETWORK, RETRAINING, SEARCH
from tests.api.test_problems import is_problem
from tests.conftest import DEADLINE
from tests.search_service.bowl import curves_space

KINDS = {
    "searches": SEARCH,
    "retrainings": RETRAINING,
    "comparisons": COMPARISON,
    "loss-networks": LOSS_NETWORK,
}
TOTALS = {"searches": 4, "comparisons": 8}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def submit(live: Live, kind: str = "searches", **headers: str) -> dict[str, Any]:
    response = live.http.post(f"/v1/{kind}", json=KINDS[kind], headers=headers)
    assert response.status_code == 201, response.text
    assert response.headers["location"] == f"/v1/{kind}/{response.json()['id']}"
    job: dict[str, Any] = response.json()
    return job


def move(live: Live, job_id: object, before: State, after: State) -> None:
    with live.sessions.begin() as session:
        assert ledger.move(session, str(job_id), {before: after})


def trial(job_id: object, number: int) -> Trial:
    facts: dict[str, Any] = {"metrics": {"macc": 0.5}, "error": None, "seconds": 1.0}
    return Trial(
        job_id=str(job_id),
        number=number,
        generation=0,
        theta=curves_space(SearchRequest.model_validate(SEARCH)).start.tolist(),
        is_mean=number == 0,
        score=0.5,
        ending="trained",
        finished_at=now(),
        worker={"threads": 1},
        **facts,
    )


def test_a_submitted_job_is_queued_with_every_default_filled_in(live: Live, kind: str) -> None:
    job = submit(live, kind)
    assert job["state"] == "queued"
    read = live.http.get(f"/v1/{kind}/{job['id']}").json()
    assert (read["request"]["seed"], read["request"]["priority"]) == (0, 0)
    schedule = read["request"]["network" if kind == "loss-networks" else "training"]
    assert schedule["learning_rate"] > 0
    assert read["progress"]["done"] == 0
    assert read["progress"]["total"] == TOTALS.get(kind, 10)


def test_a_retraining_fixes_the_version_of_its_loss(live: Live) -> None:
    assert submit(live, "retrainings")["request"]["version"] == 1


def test_a_retraining_fixes_the_versions_of_a_sums_terms(live: Live) -> None:
    asked = RETRAINING | {"loss": "0.5 * cross-entropy + dice"}
    made = live.http.post("/v1/retrainings", json=asked).json()["request"]
    assert made["loss"] == "0.5*cross-entropy+dice"
    assert made["versions"] == {"cross-entropy": 1, "dice": 1}


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"loss": "0.5*nonsense+dice"}, "no loss 'nonsense'"),
        ({"loss": "0.5*+dice"}, "is no weighted sum"),
        ({"loss": "-1*dice"}, "is no weighted sum"),
        ({"loss": "Dice"}, "a loss's name must match"),
        ({"loss": "dice+lovasz", "version": 1}, "version is of a single loss"),
        ({"loss": "dice+lovasz", "versions": {"focal": 1}}, "no term of a weighted sum: focal"),
        ({"loss": "dice+lovasz", "versions": {"dice": 9}}, "no loss 'dice' version 9"),
    ],
)
def test_a_sum_that_cannot_be_is_refused_with_the_reason(
    live: Live, fields: dict[str, object], told: str
) -> None:
    refused = live.http.post("/v1/retrainings", json=RETRAINING | fields)
    assert told in is_problem(refused, 422).detail


def test_one_key_makes_one_job_also_at_the_same_moment(live: Live, kind: str) -> None:
    headers = {"Idempotency-Key": "one"}
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: submit(live, kind, **headers)["id"], range(16)))
    assert len(set(made)) == 1
    assert len(live.http.get(f"/v1/{kind}").json()["items"]) == 1


def test_a_key_of_another_request_is_refused(live: Live) -> None:
    submit(live, **{"Idempotency-Key": "one"})
    other = live.http.post(
        "/v1/searches", json=SEARCH | {"seed": 1}, headers={"Idempotency-Key": "one"}
    )
    is_problem(other, 422)


def test_pages_hold_every_job_once_the_newest_first(live: Live, kind: str) -> None:
    made = [submit(live, kind)["id"] for _ in range(7)]
    pages = list(pages_of(live.http, f"/v1/{kind}", limit=3))
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [job["id"] for page in pages for job in page] == made[::-1]


def pages_of(http: httpx.Client, path: str, **query: str | int) -> Iterator[list[dict[str, Any]]]:
    after: dict[str, str] = {}
    while True:
        page = http.get(path, params={**query, **after}).json()
        yield page["items"]
        if page["next"] is None:
            return
        after = {"after": page["next"]}


def test_jobs_can_be_listed_by_state(live: Live) -> None:
    first, second = submit(live), submit(live)
    live.http.post(f"/v1/searches/{first['id']}/cancel")
    queued = live.http.get("/v1/searches", params={"state": "queued"}).json()["items"]
    assert [job["id"] for job in queued] == [second["id"]]


def test_one_kind_does_not_show_the_other(live: Live) -> None:
    search = submit(live)
    assert live.http.get("/v1/retrainings").json()["items"] == []
    is_problem(live.http.get(f"/v1/retrainings/{search['id']}"), 404)
    is_problem(live.http.post(f"/v1/retrainings/{search['id']}/cancel"), 404)


def test_pause_resume_cancel_change_the_state_and_refuse_what_makes_no_sense(
    live: Live, kind: str
) -> None:
    path = f"/v1/{kind}/{submit(live, kind)['id']}"

    def ask(action: str) -> httpx.Response:
        return live.http.post(f"{path}/{action}")

    is_problem(ask("resume"), 409)
    assert ask("pause").json()["state"] == "paused"
    is_problem(ask("pause"), 409)
    assert ask("resume").json()["state"] == "queued"
    assert ask("cancel").json()["state"] == "cancelled"
    for action in ("cancel", "pause", "resume"):
        is_problem(ask(action), 409)


def test_a_running_job_goes_through_the_states_on_the_way(live: Live) -> None:
    job = submit(live)
    move(live, job["id"], "queued", "running")
    assert live.http.post(f"/v1/searches/{job['id']}/pause").json()["state"] == "pausing"
    assert live.http.post(f"/v1/searches/{job['id']}/cancel").json()["state"] == "cancelling"


def test_trials_come_in_pages_by_number(live: Live) -> None:
    job = submit(live)
    with live.sessions.begin() as session:
        for number in range(5):
            ledger.record_trial(session, trial(job["id"], number))
    pages = list(pages_of(live.http, f"/v1/searches/{job['id']}/trials", limit=2))
    assert [row["number"] for page in pages for row in page] == [0, 1, 2, 3, 4]
    progress = live.http.get(f"/v1/searches/{job['id']}").json()["progress"]
    assert (progress["done"], progress["best_score"]) == (5, 0.5)


def test_events_arrive_as_they_happen_and_end_with_the_job(live: Live) -> None:
    job = submit(live)
    arrived = threading.Event()
    events: list[JobEvent] = []

    def watch() -> None:
        with Client(str(live.http.base_url)) as client:
            for event in client.searches.events(job["id"]):
                events.append(event)
                if isinstance(event, TrialEvent):
                    arrived.set()

    watching = threading.Thread(target=watch)
    watching.start()
    with live.sessions.begin() as session:
        ledger.record_trial(session, trial(job["id"], 0))
    assert arrived.wait(DEADLINE)
    move(live, job["id"], "queued", "cancelled")
    watching.join(DEADLINE)
    assert not watching.is_alive()
    assert [event.sequence for event in events] == [1, 2, 3]
    _, scored, ended = events
    assert isinstance(scored, TrialEvent)
    assert scored.score == 0.5
    assert isinstance(ended, StateEvent)
    assert ended.state == "cancelled"


def test_events_go_on_after_the_last_one_that_arrived(live: Live) -> None:
    job = submit(live)
    live.http.post(f"/v1/searches/{job['id']}/cancel")
    path = f"/v1/searches/{job['id']}/events"
    everything = live.http.get(path)
    assert everything.headers["content-type"].startswith("text/event-stream")
    assert [line for line in everything.text.splitlines() if line.startswith("id:")] == [
        "id: 1",
        "id: 2",
    ]
    rest = live.http.get(path, headers={"Last-Event-ID": "1"})
    assert [line for line in rest.text.splitlines() if line.startswith("id:")] == ["id: 2"]
    assert live.http.get(path, headers={"Last-Event-ID": "2"}).status_code == 204
    is_problem(live.http.get(path, headers={"Last-Event-ID": "x"}), 422)


def test_an_open_stream_holds_up_nobody(live: Live) -> None:
    job = submit(live)
    with (
        ThreadPoolExecutor(50) as pool,
        live.http.stream("GET", f"/v1/searches/{job['id']}/events") as stream,
    ):
        next(stream.iter_lines())
        answers = list(pool.map(lambda _: live.http.get("/livez").status_code, range(50)))
    assert answers == [200] * 50


def test_a_trial_tells_its_parameters_its_curve_and_what_else_was_trained_for_it(
    live: Live,
) -> None:
    job = submit(live)
    recorded = trial(job["id"], 1)
    recorded.curve = [[1, 1.5], [2, 1.25]]
    rung = Evaluation(job_id=job["id"], stage="rung 10", number=1, finished_at=now())
    rung.outcome = {"score": 0.25, "error": None, "seconds": 2.0}
    other = Evaluation(job_id=job["id"], stage="scales", number=1, finished_at=now(), outcome={})
    with live.sessions.begin() as session:
        assert ledger.record_trial(session, recorded)
        assert ledger.record_evaluation(session, rung)
        session.add(other)
    told = live.http.get(f"/v1/searches/{job['id']}/trials/1").json()
    assert told["curve"] == [[1, 1.5], [2, 1.25]]
    assert [(one["stage"], one["score"]) for one in told["evaluations"]] == [("rung 10", 0.25)]
    space = curves_space(SearchRequest.model_validate(SEARCH))
    assert list(told["parameters"]) == list(space.names)
    (listed,) = live.http.get(f"/v1/searches/{job['id']}/trials").json()["items"]
    assert listed == {name: told[name] for name in listed}
    is_problem(live.http.get(f"/v1/searches/{job['id']}/trials/2"), 404)
