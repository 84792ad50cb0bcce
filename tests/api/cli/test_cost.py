"""What is said of a job's cost before it is submitted, where no worker has a GPU."""

from typing import Any

import pytest
from fastapi import FastAPI

from api.cli.cost import warn_without_gpu
from api.client.client import Client
from tests.api.client.scripted import NOW
from tests.api.conftest import listening


def service(devices: list[str | None], minutes: float | None) -> FastAPI:
    """One with such workers, and one estimate for all jobs."""
    app = FastAPI()
    workers = [{"state": "idle", "device": device, "at": NOW} for device in devices]
    estimate = {"trainings": 40, "parts": {}, "steps": 6000, "minutes": minutes, "measured_on": 9}

    @app.get("/v1/workers")
    def list_workers() -> dict[str, Any]:
        return {"items": workers}

    @app.post("/v1/searches")
    def ask(dry_run: bool) -> dict[str, Any]:
        assert dry_run
        return estimate

    return app


@pytest.mark.parametrize(
    ("devices", "minutes", "body", "told"),
    [
        (["cpu", "cpu"], 180, {}, "40 trainings, 6,000 steps take about 1 h 30 min on 2 workers"),
        (["cpu"], None, {}, "nothing like this was trained here yet: 40 trainings, 6,000 steps"),
        (["cpu", None], 5, {}, ""),
        (["cpu", "cuda:0"], 180, {}, ""),
        ([], 180, {}, ""),
        (["cpu"], 180, {"preset": "quick"}, ""),
        (["cpu"], 180, {"trainer": "external"}, ""),
    ],
)
def test_a_long_job_without_a_gpu_is_told(
    devices: list[str | None],
    minutes: float | None,
    body: dict[str, object],
    told: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with listening(service(devices, minutes)) as url, Client(url) as client:
        warn_without_gpu(client, client.searches, body)
    said = capsys.readouterr().err
    assert told in said
    assert bool(told) == bool(said)
