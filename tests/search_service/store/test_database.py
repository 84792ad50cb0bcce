"""The database: migrations, transactions that write, readers beside them, and what is refused."""

import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import OperationalError

from search_service.catalogue.built_in import prepare
from search_service.settings import Settings
from search_service.store.database import (
    is_current,
    make_engine,
    read_sessions,
    refuse_old_sqlite,
    sessions,
)
from search_service.store.tables import Dataset
from surrogate_zoo.errors import InputError, StorageError
from surrogate_zoo.losses.registry import LOSSES
from surrogate_zoo.store.tables import Base, Loss
from tests.conftest import DEADLINE


def test_migrations_make_the_tables_that_the_models_describe(blank: Settings) -> None:
    engine = make_engine(blank.database)
    prepare(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_upgrade_repeats_and_puts_in_what_the_product_ships_with(engine: Engine) -> None:
    prepare(engine)
    assert is_current(engine)
    with read_sessions(engine)() as session:
        assert session.scalar(select(func.count()).select_from(Loss)) == len(LOSSES)
        assert session.scalars(select(Dataset.name)).all() == ["shapes"]


def test_two_processes_may_upgrade_at_once(blank: Settings) -> None:
    errors: list[BaseException] = []

    def run() -> None:
        engine = make_engine(blank.database)
        try:
            prepare(engine)
        except BaseException as error:  # noqa: BLE001  (a thread hands it to the test)
            errors.append(error)
        finally:
            engine.dispose()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_connections_that_find_a_new_file_at_once_all_get_it(tmp_path: Path) -> None:
    errors: list[BaseException] = []

    def connect(url: str, together: threading.Barrier) -> None:
        engine = make_engine(url)
        try:
            together.wait(DEADLINE)
            with engine.connect() as connection:
                assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        except BaseException as error:  # noqa: BLE001  (a thread hands it to the test)
            errors.append(error)
        finally:
            engine.dispose()

    for number in range(50):
        together = threading.Barrier(6)
        arguments = f"sqlite:///{tmp_path}/{number}.db", together
        threads = [threading.Thread(target=connect, args=arguments) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert errors == []


def test_a_database_without_tables_is_not_current(blank: Settings) -> None:
    engine = make_engine(blank.database)
    assert not is_current(engine)
    engine.dispose()


def test_moments_come_back_aware_in_utc(engine: Engine) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678901, timezone(timedelta(hours=5)))
    with sessions(engine).begin() as session:
        session.add(Dataset(name="d", source={}, report={}, created_at=moment))
    with read_sessions(engine)() as session:
        stored = session.get_one(Dataset, "d").created_at
    assert stored == moment
    assert stored.tzinfo == UTC


def test_writers_that_read_first_wait_for_each_other(engine: Engine) -> None:
    def rename() -> None:
        for _ in range(20):
            with sessions(engine).begin() as session:
                row = session.get_one(Dataset, "shapes", with_for_update=True)
                row.report = {"count": row.report.get("count", 0) + 1}

    threads = [threading.Thread(target=rename) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with read_sessions(engine)() as session:
        assert session.get_one(Dataset, "shapes").report == {"count": 80}


def test_a_reader_neither_waits_for_a_writer_nor_writes(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'a.db'}")
    prepare(engine)
    with sessions(engine).begin() as writer:
        writer.get_one(Dataset, "shapes").report = {}
        writer.flush()
        with read_sessions(engine)() as reader:
            assert reader.get_one(Dataset, "shapes").report != {}
    engine.dispose()


@pytest.mark.parametrize("url", ["mysql://localhost/a", "sqlite://", "sqlite:///:memory:"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(InputError):
        make_engine(url)


def test_an_absent_server_is_an_error_of_the_database() -> None:
    engine = make_engine("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(OperationalError):
        is_current(engine)
    engine.dispose()


@pytest.mark.parametrize(
    ("python", "library", "refused"),
    [
        ((3, 11, 9), (3, 40, 1), False),
        ((3, 12, 1), (3, 40, 1), True),
        ((3, 12, 1), (3, 42, 0), False),
        ((3, 14, 0), (3, 41, 2), True),
    ],
)
def test_a_library_that_tells_no_times_is_refused_where_times_are_asked_for(
    python: tuple[int, ...], library: tuple[int, ...], refused: bool
) -> None:
    if refused:
        with pytest.raises(InputError, match="too old"):
            refuse_old_sqlite(python, library)
    else:
        refuse_old_sqlite(python, library)


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
@pytest.mark.parametrize("replaced", [False, True])
def test_nothing_is_written_into_a_database_that_was_deleted(
    engine: Engine, settings: Settings, *, replaced: bool
) -> None:
    path = Path(settings.database.removeprefix("sqlite:///"))
    writing = sessions(engine)
    with writing.begin() as session:
        before = session.scalar(select(func.count()).select_from(Loss))
    aside = path.rename(path.with_suffix(".aside"))
    if replaced:
        path.write_bytes(b"")
    with pytest.raises(StorageError, match="was deleted or replaced"), writing.begin() as session:
        session.scalar(select(func.count()).select_from(Loss))
    path.unlink(missing_ok=True)
    aside.rename(path)
    with writing.begin() as session:
        assert session.scalar(select(func.count()).select_from(Loss)) == before
