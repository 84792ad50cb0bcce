"""Commands of whoever runs the service: the queue, a job's log, workers, deleting."""

from datetime import timedelta

import pytest
from typer.testing import CliRunner

from api.cli.app import app
from search_service.store.tables import Job
from surrogate_zoo.store.tables import now
from tests.api.conftest import Live
from tests.api.routes.test_searches import submit


def run(live: Live, *arguments: str, code: int = 0) -> tuple[str, str]:
    """What a command prints to its two outputs."""
    ended = CliRunner().invoke(app, list(arguments), env={"LOSSFIT_URL": str(live.http.base_url)})
    assert ended.exit_code == code, ended.output
    return ended.stdout, ended.stderr


def test_a_job_is_looked_at_and_deleted(live: Live) -> None:
    job_id = submit(live)["id"]
    listed, _ = run(live, "jobs", "list")
    assert f"{job_id}  search mAcc on shapes" in listed
    assert f"{job_id}: Place 1: No controller runs: start one." in listed
    shown, _ = run(live, "jobs", "show", job_id[:6])
    assert "place 1: No controller runs" in shown
    assert "created_at" in run(live, "jobs", "show", job_id, "--json")[0]
    log, _ = run(live, "jobs", "log", job_id[:6])
    assert "It is queued." in log
    assert "is queued; cancel it first" in run(live, "jobs", "delete", job_id, code=1)[1]
    run(live, "jobs", "cancel", job_id[:6])
    assert "would be deleted" in run(live, "jobs", "delete", job_id, "--dry-run")[1]
    assert "is deleted" in run(live, "jobs", "delete", job_id)[1]
    assert "There is no job" in run(live, "jobs", "log", job_id, code=1)[1]
    assert run(live, "workers")[1].startswith("There are no workers")


def test_what_is_old_is_cleaned_beside_the_service(live: Live) -> None:
    old, young = (submit(live)["id"] for _ in range(2))
    for job_id in (old, young):
        run(live, "jobs", "cancel", job_id)
    with live.sessions.begin() as session:
        session.get_one(Job, old).finished_at = now() - timedelta(days=8)
    home = ["--home", str(live.settings.home)]
    for dry_run, would in ((["--dry-run"], "would be"), ([], "are")):
        gone, told = run(live, "clean", "--older-than", "1w", *dry_run, *home)
        assert gone == f"job {old}\n"
        assert told.startswith("Jobs: 1, datasets: 0, losses: 0, files: 0 ")
        assert f"{would} deleted" in told
    assert run(live, "clean", "--older-than", "1w", *home)[0] == ""
    listed, _ = run(live, "jobs", "list")
    assert young in listed
    assert old not in listed


@pytest.mark.parametrize("age", ["", "7", "d", "-1d", "1.5d", "1y"])
def test_an_age_is_a_number_with_its_unit(age: str) -> None:
    ended = CliRunner().invoke(app, ["clean", f"--older-than={age}"])
    assert ended.exit_code == 1
    assert "is no age" in ended.stderr
