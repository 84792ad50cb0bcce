"""The database that is measured against, what is counted as late, and the indices that are timed."""

import asyncio
from pathlib import Path

from api.app import create_app
from benchmarks import indices
from benchmarks.filling import fill
from benchmarks.load import BARS, TURNS, Load, missed, quantile, table
from benchmarks.request_cost import measure
from search_service.jobs import lifecycle
from search_service.searches.admission import progress, trials
from search_service.settings import Settings
from search_service.store.database import make_engine, read_sessions
from search_service.store.tables import Job


def test_a_filled_database_is_one_that_the_service_reads(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'lossfit.db'}")
    searches = fill(engine, 40, 200)
    with read_sessions(engine)() as session:
        assert sum(lifecycle.counts(session).values()) == 40
        assert len(lifecycle.page(session, "search")[0]) == len(searches) == 32
        told = progress(session, session.get_one(Job, searches[0]))
        assert len(trials(session, searches[0])) == told["done"] > 20
    names = [name for name, *_ in indices.measure(engine, searches[0], 100)]
    assert names == list(indices.statements(searches[0]))
    engine.dispose()
    app, load = create_app(Settings(home=tmp_path)), Load("", searches)
    costs = [asyncio.run(measure(app, load, kind, 1)) for kind in BARS]
    assert all(cost > 0 for cost in costs)


def test_what_is_late_failed_or_grew_is_told() -> None:
    load = Load("http://127.0.0.1", ["some"])
    load.took["status"] = [0.01] * 98 + [0.2, 0.3]
    load.took["list"] = [0.01] * 100
    load.failed["list"] = 2
    sizes = {"API": [100.0, 110.0, 112.0], "controller": [900.0, 900.0, 950.0]}
    told = ["status is late", "list failed", "the controller grew by 50 MiB"]
    assert missed(load, sizes) == told
    assert "| status | 100 | 0 | 10.0 | 200.0 | 300.0 | 50 |" in list(table(load))
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert TURNS.count("status") == 16
