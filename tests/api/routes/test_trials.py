"""Ask, heartbeat, report and tell over HTTP, and the client's loop over trials with its heartbeats."""

import threading
from typing import Any

import pytest
from sqlalchemy import select, update

from api.client.client import Client
from api.schemas import PROBLEM
from search_service.jobs import assignments
from search_service.searches.external.trial import Trial
from search_service.store.tables import Assignment, Job, Lease
from surrogate_zoo.losses.registry import LOSSES
from surrogate_zoo.store.tables import now
from tests.api.conftest import Live
from tests.conftest import DEADLINE
from tests.search_service.searches.external.scoring import REQUEST

OWN = {"trainer": "external", **REQUEST}


def begin(live: Live, *numbers: int) -> str:
    """A running search with trials of generation 0, as a controller would have posted them."""
    created = live.http.post("/v1/searches", json=OWN)
    assert created.status_code == 201, created.text
    job_id = str(created.json()["id"])
    with live.sessions.begin() as session:
        session.execute(update(Job).values(state="running"))
        for number in numbers:
            row = Assignment(job_id=job_id, stage="generation 0", number=number, seed=3, rate=3.0)
            row.loss, row.scales, row.posted_at = LOSSES["dice"].document(), [], now()
            assignments.post(session, row)
    return job_id


def test_a_trial_is_asked_for_and_told(live: Live) -> None:
    path = f"/v1/searches/{begin(live, 0, 1)}"
    asked = live.http.post(f"{path}/ask", json={"lease_seconds": 60}).json()
    assert (asked["state"], asked["over"], asked["num_classes"]) == ("running", False, 4)
    (trial,) = asked["items"]
    assert (trial["stage"], trial["number"], trial["seed"]) == ("generation 0", 0, 3)
    assert (trial["rate"], trial["loss"]) == (3.0, LOSSES["dice"].document())
    lease = {"lease": trial["lease"]}
    assert live.http.post(f"{path}/heartbeat", json=lease).json()["lapses_at"] > now().isoformat()
    reported = live.http.post(f"{path}/report", json=lease | {"step": 5, "score": 0.5})
    assert reported.json() == {"stop": False}
    for _ in range(2):
        told = live.http.post(f"{path}/tell", json=lease | {"score": 0.75})
        assert (told.status_code, told.json()) == (200, {"ending": "trained"})
    other = live.http.post(f"{path}/tell", json=lease | {"score": 0.8})
    assert (other.status_code, other.headers["content-type"]) == (409, PROBLEM)


@pytest.mark.parametrize(
    ("route", "body", "status", "message"),
    [
        ("tell", {"lease": "made-up", "score": 0.5}, 404, "There is no lease 'made-up'"),
        ("tell", {"lease": "made-up"}, 422, "tell score, metrics, or both"),
        ("tell", {"lease": "made-up", "score": 0.5, "error": "x"}, 422, "else error"),
        ("tell", {"lease": "made-up", "score": 50}, 422, "divide percent by 100"),
        ("report", {"lease": "made-up", "step": 1}, 422, "a report has score, metrics, or both"),
        ("report", {"lease": "made-up", "step": 0, "score": 0.5}, 422, "step"),
        ("ask", {"count": 0}, 422, "count"),
        ("ask", {"lease_seconds": 0.5}, 422, "lease_seconds"),
    ],
)
def test_what_cannot_be_taken_is_a_problem(
    live: Live, route: str, body: dict[str, Any], status: int, message: str
) -> None:
    answer = live.http.post(f"/v1/searches/{begin(live)}/{route}", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM)
    assert message in answer.json()["detail"]


def test_the_estimate_of_a_search_of_ones_own_tells_trainings_and_no_minutes(live: Live) -> None:
    estimate = live.http.post("/v1/searches?dry_run=true", json=OWN).json()
    assert estimate["trainings"] > 8
    assert estimate["minutes"] is None


def test_the_loop_tells_errors_and_is_kept_alive_while_it_trains(live: Live) -> None:
    job_id = begin(live, 0, 1, 2)
    address = str(live.http.base_url)
    seen: list[tuple[int, float]] = []
    with Client(address) as client:
        for trial in client.searches.train(job_id, lease_s=1.0, worker="me"):
            with trial:
                seen.append((trial.number, trial.rate))
                assert trial.loss() is not None
                if trial.number == 1:
                    raise RuntimeError("no memory")
                wait_for_heartbeats(live, trial)
                trial.tell(0.5, metrics={"macc": 0.25})
            if trial.number == 2:
                with live.sessions.begin() as session:
                    session.execute(update(Job).values(state="succeeded"))
    assert seen == [(0, 3.0), (1, 3.0), (2, 3.0)]
    with live.sessions() as session:
        told = assignments.outcomes(session, job_id, "generation 0", range(3))
        assert {lease.worker for lease in session.scalars(select(Lease))} == {"me"}
    assert [told[n]["score"] for n in range(3)] == [0.5, None, 0.5]
    assert told[1]["error"] == "RuntimeError: no memory"


def wait_for_heartbeats(live: Live, trial: Trial) -> None:
    """Wait until the newest lease was prolonged beyond its first end."""
    query = select(Lease).where(Lease.number == trial.number)
    pause = threading.Event()
    for _ in range(int(DEADLINE / 0.1)):
        with live.sessions() as session:
            lease = session.scalars(query).one()
            if (lease.lapses_at - lease.begun_at).total_seconds() > 1.2:
                return
        pause.wait(0.1)
    raise AssertionError("no heartbeat came")


def test_a_first_error_passes_through_and_nothing_is_told(live: Live) -> None:
    job_id = begin(live, 0)
    with Client(str(live.http.base_url)) as client:
        trials = iter(client.searches.train(job_id))
        with pytest.raises(RuntimeError, match="a typo"), next(trials):
            raise RuntimeError("a typo")
    with live.sessions() as session:
        assert assignments.outcomes(session, job_id, "generation 0", [0]) == {}


def test_a_trial_that_is_over_elsewhere_ends_its_training_quietly(live: Live) -> None:
    job_id = begin(live, 0)
    with (
        Client(str(live.http.base_url)) as client,
        next(iter(client.searches.train(job_id))) as trial,
    ):
        with live.sessions.begin() as session:
            session.execute(update(Job).values(state="cancelled"))
        trial.report(1, 0.5)
        raise AssertionError("went on")
    with live.sessions() as session:
        assert assignments.outcomes(session, job_id, "generation 0", [0]) == {}
