"""``lossfit trials`` on a real service: a whole search that a shell trains, and what is refused."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.cli.app import app
from search_service.jobs.pool import IdlePool
from search_service.settings import Settings
from surrogate_zoo import load_loss
from tests.api.conftest import running
from tests.conftest import DEADLINE
from tests.search_service.service import working

SEARCH = (
    *("search", "miou", "--trainer", "external", "--classes", "2"),
    *("--set", 'sampler={"name": "random", "trials": 6, "batch": 5}'),
    *("--set", "steps=2", "--set", "halving.rungs=[0.5]", "--set", "race=null"),
)
WAITS, OVER = 3, 4


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A service without workers, at work."""
    settings = Settings(home=tmp_path)
    with working(settings, IdlePool()), running(settings) as live:
        yield str(live.http.base_url)


def told(url: str, *command: str, code: int = 0) -> str:
    """What a command prints that exits with ``code``."""
    result = CliRunner().invoke(app, [*command, "--url", url])
    assert result.exit_code == code, result.output
    return result.stderr if code else result.stdout


def asked(url: str, *command: str) -> dict[str, Any]:
    """The next trial, once there is one."""
    deadline = time.monotonic() + DEADLINE
    while (result := CliRunner().invoke(app, [*command, "--url", url])).exit_code == WAITS:
        assert time.monotonic() < deadline, result.output
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


@pytest.mark.slow
def test_a_shell_trains_a_search(url: str, tmp_path: Path) -> None:
    search = told(url, *SEARCH).strip()
    ask = ("trials", "ask", search)
    first = asked(url, *ask, "--loss", str(tmp_path / "loss.json"), "--lease", "60")
    assert load_loss(str(tmp_path / "loss.json"), num_classes=2) is not None
    assert (first["number"], first["stage"]) == (0, "generation 0")
    assert "lapses_at" in told(url, "trials", "heartbeat", search, first["lease"])
    told(url, "trials", "tell", search, first["lease"], "--error", "out of memory")
    for _ in range(4):
        lease = asked(url, *ask, "--worker", "shell")["lease"]
        report = told(url, "trials", "report", search, lease, "1", "miou=0.5")
        assert json.loads(report)["stop"] is False
        told(url, "trials", "tell", search, lease, "miou=0.71", "macc=0.8")
    again = told(url, "trials", "tell", search, lease, "miou=0.72", code=1)
    assert "is over under this lease" in " ".join(again.split())
    last = asked(url, *ask)
    assert (last["number"], last["stage"]) == (5, "generation 1")
    assert "miou=0.71" in told(url, "trials", "tell", search, last["lease"], "miou", code=2)
    wrong = told(url, "trials", "tell", search, last["lease"], "miou=71", code=1)
    assert "divide percent by 100" in " ".join(wrong.split())
    told(url, "trials", "report", search, last["lease"], "1", "miou=0.1", code=WAITS)
    told(url, "jobs", "watch", search)
    assert "The search is succeeded" in told(url, *ask, code=OVER)
