"""What is asked of a job of whatever kind: its log, and that it goes; and what of the service itself."""

from collections.abc import Callable
from typing import Any

from httpx import Response
from pydantic import SecretStr

from search_service.access import tokens
from search_service.jobs import ledger
from search_service.metering import Meter
from search_service.reporting import write
from search_service.settings import OwnerLimits
from search_service.store.lease import hold_lease
from tests.api.conftest import Live
from tests.api.requests import COMPARISON, RETRAINING, SEARCH
from tests.api.routes.test_searches import move, submit, trial
from tests.api.test_problems import is_problem


def test_the_log_tells_what_a_person_wants_to_know(live: Live) -> None:
    job_id = submit(live)["id"]
    move(live, job_id, "queued", "running")
    good, bad = trial(job_id, 0), trial(job_id, 1)
    bad.score, bad.error, bad.ending = None, "The loss is not finite.", "failed"
    with live.sessions.begin() as session:
        ledger.append_event(session, job_id, "stage", {"stage": "generation 0", "trainings": 2})
        ledger.record_trial(session, good)
        ledger.record_trial(session, bad)
        ledger.append_event(session, job_id, "continued", {"attempt": 0})
        ledger.move(session, job_id, {"running": "queued"}, reason="The disk is full.")
        ledger.append_event(session, job_id, "error", {"error": "It {broke}."})
    told = live.http.get(f"/v1/jobs/{job_id}/log").json()
    assert [(entry["level"], entry["message"]) for entry in told["items"]] == [
        ("info", "It is queued."),
        ("info", "Run 1 began."),
        ("info", "Generation 0: 2 to train."),
        ("warning", "Trial 1 has no score: The loss is not finite."),
        ("warning", "Run 1 went on after its controller had ended."),
        ("warning", "It is queued: The disk is full."),
        ("error", "It {broke}."),
    ]
    page = live.http.get(f"/v1/jobs/{job_id}/log", params={"after": 3, "limit": 1}).json()
    assert (page["items"][0]["sequence"], page["next"]) == (5, 5)
    job = live.http.get(f"/v1/searches/{job_id}").json()
    assert (job["spent_trainings"], job["spent_seconds"]) == (2, 2.0)


def test_what_is_written_to_a_job_stands_there_until_something_else_is(live: Live) -> None:
    job_id = submit(live)["id"]
    path = f"/v1/jobs/{job_id}/annotate"
    first = {"note": "Before the lens\nwas cleaned.", "tags": ["lens-1", "baseline", "lens-1"]}
    assert annotations(live.http.post(path, json=first)) == (first["note"], ["lens-1", "baseline"])
    assert annotations(live.http.post(path, json={"tags": ["paper"]})) == (first["note"], ["paper"])
    live.http.post(f"/v1/searches/{job_id}/cancel")
    assert annotations(live.http.post(path, json={"note": ""})) == ("", ["paper"])
    assert annotations(live.http.get(f"/v1/searches/{job_id}")) == ("", ["paper"])
    for wrong in (
        {"tags": ["two words"]},
        {"tags": ["a"] * 17},
        {"note": "x" * 2001},
        {"note": "a \x1b[2J terminal"},
        {"name": "x"},
    ):
        is_problem(live.http.post(path, json=wrong), 422)
    assert annotations(live.http.post(path, json={"tags": []})) == ("", [])
    again = live.http.post("/v1/jobs/nonsense/annotate", json=first)
    is_problem(again, 404)


def annotations(answer: Response) -> tuple[str, list[str]]:
    """Note and tags of the job that was answered."""
    assert answer.status_code == 200, answer.text
    return answer.json()["note"], answer.json()["tags"]


def test_a_job_that_is_over_goes_and_one_that_is_not_stays(live: Live) -> None:
    job_id = submit(live)["id"]
    problem = is_problem(live.http.delete(f"/v1/jobs/{job_id}"), 409)
    assert "is queued; cancel it first" in problem.detail
    live.http.post(f"/v1/searches/{job_id}/cancel")
    for dry_run in (True, False):
        gone = live.http.delete(f"/v1/jobs/{job_id}", params={"dry_run": dry_run})
        assert (gone.json()["jobs"], gone.json()["dry_run"]) == ([job_id], dry_run)
    is_problem(live.http.get(f"/v1/jobs/{job_id}/log"), 404)
    is_problem(live.http.delete("/v1/jobs/nonsense"), 404)


def test_a_waiting_job_tells_its_place_whoever_is_before_it(serve: Callable[..., Live]) -> None:
    limits = {"ada": OwnerLimits(jobs=0)}
    live = serve(token=SecretStr("secret"), owner_limits=limits)
    with live.sessions.begin() as session:
        _, secret = tokens.add(session, "laptop", owner="ada", scope="submit")
    found: list[dict[str, Any]] = []
    with hold_lease(live.sessions.kw["bind"]):
        for owner in ("secret", secret, secret):
            headers = {"Authorization": f"Bearer {owner}"}
            job = live.http.post("/v1/searches", json=SEARCH, headers=headers).json()
            found.append(live.http.get(f"/v1/searches/{job['id']}", headers=headers).json())
        listed = live.http.get("/v1/searches", headers=headers).json()["items"]
    assert [one["waiting"]["position"] for one in found] == [1, 1, 3]
    assert found[0]["waiting"]["reason"] == "It begins in a moment."
    assert found[2]["waiting"]["reason"] == "ada has 0 running, and 0 at a time are allowed."
    assert [one["waiting"]["position"] for one in listed] == [3, 1]


def test_what_costs_too_much_is_refused_with_the_figures(serve: Callable[..., Live]) -> None:
    http = serve(most_trainings=7).http
    answer = http.post("/v1/comparisons", json=COMPARISON)
    problem = is_problem(answer, 422)
    assert "8 trainings (7 are allowed)" in problem.detail
    assert problem.figures == {
        **{"trainings": 8, "steps": 80},
        **dict.fromkeys(("hours", "disk_gb", "memory_gb")),
    }
    assert problem.limits["trainings"] == 7
    estimate = http.post("/v1/comparisons", json=COMPARISON, params={"dry_run": True}).json()
    assert estimate["trainings"] == 8


def test_more_devices_than_workers_are_refused(serve: Callable[..., Live]) -> None:
    http = serve(actors=2).http
    for path, body in (("/v1/retrainings", RETRAINING), ("/v1/comparisons", COMPARISON)):
        asked = {**body, "training": {"iterations": 10, "batch_size": 8}, "devices": 4}
        problem = is_problem(http.post(path, json=asked), 422)
        assert "asks for 4 devices, and the service has 2 workers" in problem.detail
        assert http.post(path, json=asked | {"devices": 2}).status_code == 201


def test_workers_and_figures_are_those_that_the_controller_told_last(live: Live) -> None:
    engine = live.sessions.kw["bind"]
    workers: list[dict[str, str | int]] = [
        {"state": "busy", "host": "node", "pid": 7, "torch": "2.9"},
        {"state": "starting"},
    ]
    with hold_lease(engine) as lease:
        write(lease.term, live.sessions, [], Meter())
        write(lease.term, live.sessions, workers, Meter())
        told = live.http.get("/v1/workers").json()["items"]
        text = live.http.get("/metrics").text
    assert [(one["state"], one["host"], one.get("torch")) for one in told] == [
        ("busy", "node", "2.9"),
        ("starting", None, None),
    ]
    assert 'lossfit_workers{state="busy"} 1.0' in text
    assert f"lossfit_controller_term {lease.term}.0" in text
    assert live.http.get("/v1/workers").json()["items"] == []


def test_the_oldest_waiting_job_is_among_the_figures(live: Live) -> None:
    def oldest() -> float:
        lines = live.http.get("/metrics").text.splitlines()
        (line,) = (line for line in lines if line.startswith("lossfit_queue_oldest_seconds "))
        return float(line.split()[1])

    assert oldest() == 0
    submit(live)
    assert oldest() > 0
