"""A line an event, as text or as JSON, with the job it is about."""

import json
import logging
from collections.abc import Iterator

import pytest

from search_service import logs


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_of_json_tells_the_job_and_the_trace(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    log = logging.getLogger("search_service.test")
    with logs.about("a-job"):
        try:
            int('with "quotes"\nand lines')
        except ValueError:
            log.exception("It %s.", "failed")
    log.info("after")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert (first["level"], first["logger"], first["message"]) == ("error", log.name, "It failed.")
    assert first["job"] == "a-job"
    assert first["trace"].startswith("Traceback")
    assert "job" not in second
    assert second["at"].endswith("+00:00")


def test_a_line_of_text_tells_the_job(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("text")
    with logs.about("a-job"):
        logging.getLogger("test").info("begins")
    logging.getLogger("test").info("after")
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("INFO test [a-job]: begins")
    assert second.endswith("INFO test: after")
