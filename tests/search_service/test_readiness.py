"""What ``/readyz`` tells of: disks that take nothing or little, a home that is gone, silent workers."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from search_service import readiness
from search_service.metering import Meter
from search_service.readiness import warnings
from search_service.reporting import write
from search_service.settings import Settings
from search_service.store.database import make_engine, sessions
from search_service.store.lease import Lease, hold_lease
from surrogate_zoo.errors import StorageAwayError, StorageError

pytestmark = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)


@pytest.fixture
def lease(engine: Engine) -> Iterator[Lease]:
    with hold_lease(engine) as lease:
        yield lease


def test_a_store_that_takes_nothing_is_told_until_it_does(
    engine: Engine, settings: Settings, lease: Lease
) -> None:
    assert lease.term > 0
    store = Path(settings.artifacts_root.location)
    store.write_text("A file is where the folder should be.")
    with pytest.raises(StorageAwayError, match=r"Cannot store anything under .*artifacts"):
        warnings(engine, settings)
    store.unlink()
    assert warnings(engine, settings) == []
    assert [path for path in store.rglob("*") if path.is_file()] == []


def test_a_home_that_is_gone_is_told_and_takes_nothing_until_it_is_back(
    engine: Engine, settings: Settings
) -> None:
    kept = settings.home.with_name("kept")
    settings.home.rename(kept)
    for _ in range(2):  # nothing is made anew where it was
        with pytest.raises(StorageAwayError, match=r"The home .* is gone: put it back"):
            warnings(engine, settings)
    assert not settings.home.exists()
    kept.rename(settings.home)
    assert warnings(engine, settings) == ["No controller runs: jobs wait until one is started."]


def test_little_space_is_told(
    engine: Engine, settings: Settings, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lease.term > 0
    most = shutil.disk_usage(settings.home).total
    monkeypatch.setattr(readiness, "LEAST_FREE_BYTES", most + 1)
    told = warnings(engine, settings)
    assert [line.partition(" has ")[0] for line in told] == [
        "The disk of the home",
        "The disk of the artifact store",
    ]
    assert "MiB left: make room." in told[0]


def test_workers_that_do_not_answer_and_nodes_aside_are_told(
    engine: Engine, settings: Settings, lease: Lease
) -> None:
    writing, meter = lease.fence(sessions(engine)), Meter()
    silent: dict[str, str | int] = {"state": "silent", "host": "here", "pid": 1}
    aside: dict[str, str | int] = {
        "state": "set-aside",
        "node": "f00",
        "reason": "3 packs failed in a row: it is sick",
    }
    write(lease.term, writing, [silent, aside], meter)
    assert warnings(engine, settings) == [
        "No worker answers: jobs wait until one does; GET /v1/workers tells of each.",
        "The node f00 is set aside: 3 packs failed in a row: it is sick",
    ]
    write(lease.term, writing, [silent, {"state": "idle"}], meter)
    assert warnings(engine, settings) == []


def test_a_schema_that_is_not_the_newest_is_told(tmp_path: Path, settings: Settings) -> None:
    old = settings.model_copy(update={"home": tmp_path / "old"})
    old.home.mkdir()
    with pytest.raises(StorageError, match="not the newest"):
        warnings(make_engine(old.database), old)
