"""Comparisons over REST: what they pin, what they refuse, and their cells."""

from typing import Any

import pytest

from search_service.comparisons.outcome import CellOutcome
from search_service.jobs import ledger
from search_service.store.states import CELL
from search_service.store.tables import Evaluation
from surrogate_zoo.store.tables import now
from tests.api.conftest import Live
from tests.api.requests import COMPARISON
from tests.api.test_problems import is_problem


def outcome(score: float | None) -> dict[str, Any]:
    if score is None:
        return CellOutcome(0.1, error="It diverged.").to_json()
    measures = {"worst_decile": 0.2}
    return CellOutcome(
        0.1, score, seconds=2.0, metrics={"miou": score}, measures=measures
    ).to_json()


def test_versions_of_all_losses_are_fixed(live: Live) -> None:
    job = live.http.post("/v1/comparisons", json=COMPARISON).json()
    assert job["kind"] == "comparison"
    assert job["request"]["versions"] == {"cross-entropy": 1, "dice": 1, "lovasz": 1}
    assert job["request"]["metric"] == "miou"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"losses": []}, "losses"),
        ({"losses": ["dice", "dice"]}, "losses names something twice"),
        ({"losses": ["dice", "no-such-loss"]}, "no-such-loss"),
        ({"losses": ["dice+"]}, "losses"),
        ({"versions": {"focal": 1}}, "what is not compared: focal"),
        ({"versions": {"dice": 7}}, "dice"),
        ({"metric": "no-such-metric"}, "no-such-metric"),
        ({"metric": "miou+bf1"}, "ranks by one metric"),
        ({"dataset": "no-such-set"}, "no-such-set"),
        ({"learning_rates": [0.1, 0.1]}, "learning_rates names something twice"),
        ({"learning_rates": [0.0]}, "learning_rates"),
        ({"rate_extensions": 17}, "rate_extensions"),
        ({"rate_refinements": -1}, "rate_refinements"),
        ({"networks": []}, "networks"),
        ({"networks": [{"architecture": "NoSuchNet"}]}, "NoSuchNet"),
        ({"networks": [{"weights_file": "/etc/passwd"}]}, "LOSSFIT_WEIGHTS_ROOTS"),
        ({"seeds": 0}, "seeds"),
    ],
)
def test_what_cannot_be_compared_is_refused(live: Live, changes: dict[str, Any], told: str) -> None:
    response = live.http.post("/v1/comparisons", json=COMPARISON | changes)
    assert is_problem(response, 422)
    assert told in response.text


def test_cells_are_listed_as_they_finish(live: Live) -> None:
    job_id = live.http.post("/v1/comparisons", json=COMPARISON).json()["id"]
    assert live.http.get(f"/v1/comparisons/{job_id}/cells").json() == {"items": [], "total": 4}
    rows = [(CELL, 3, 0.5), (CELL, 0, None), ("tune 0 0.1", 1, 0.4)]
    with live.sessions.begin() as session:
        for stage, number, score in rows:
            row = Evaluation(job_id=job_id, stage=stage, number=number, outcome=outcome(score))
            row.finished_at = now()
            ledger.record_evaluation(session, row)
    failed, other = live.http.get(f"/v1/comparisons/{job_id}/cells").json()["items"]
    assert (failed["loss"], failed["seed"], failed["error"]) == ("cross-entropy", 0, "It diverged.")
    assert (other["loss"], other["seed"]) == ("0.5*dice+0.5*lovasz", 1)
    assert other["metrics"] == {"miou": 0.5}
    scores = {"miou": 0.5, "worst_decile": 0.2}
    assert other["columns"] == {"learning_rate": 0.1, "seconds": 2.0, **scores}
    assert failed["columns"] == {"learning_rate": 0.1}
    progress = live.http.get(f"/v1/comparisons/{job_id}").json()["progress"]
    assert progress == {"done": 3, "total": 8}


def test_cells_of_another_kind_of_job_are_not_found(live: Live) -> None:
    body = {"loss": "dice", "dataset": "shapes"}
    job_id = live.http.post("/v1/retrainings", json=body).json()["id"]
    assert is_problem(live.http.get(f"/v1/comparisons/{job_id}/cells"), 404)
