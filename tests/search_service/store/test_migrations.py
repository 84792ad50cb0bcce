"""Migrations are only added, and a database of any earlier schema arrives at the newest with its rows.

A new migration brings two things here: its digest in :data:`WRITTEN`, and ``rows/<revision>.sql`` with
rows for every table as that revision knows them.
"""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, MetaData, inspect, select, text

from search_service.catalogue.built_in import prepare
from search_service.settings import Settings
from search_service.store import database
from search_service.store.database import is_current, make_engine, read_sessions
from search_service.store.tables import Job
from surrogate_zoo.store.tables import Base, Loss

MIGRATIONS = Path(database.__file__).with_name("migrations")
ROWS = Path(__file__).with_name("rows")

WRITTEN = {
    "0001_first_tables.py": "58ee9dd5513b7ca0505e2c76a66cbb13469b848ea1fb2ba1d22aca09172a8493",
    "0002_scales.py": "3333fe55c531928115c14d2bff3c9bffa4ca50ba42b642694df88acac0807e46",
    "0003_controller.py": "1eda262831b0b2f58b62ea10831b4148976a332d8938675a60531526658de00a",
    "0004_assignments.py": "c343570c3e159db818601fd739d039fd2a46cda2e56e8b9db9f0ef0b9300632b",
    "0005_access.py": "8e475de3f3528200a047ca87a194561fadb4e733fd830e092217a649f5f6b0b6",
    "0006_lists.py": "013d02417faffb6507e02cdcf47ecbc5ed0f43070aea2c5af8da34fe6a98d05c",
    "0007_operation.py": "d5c8409c039a749133bc66219b75282b6d9f207a2cf987e035a9e247e5487737",
    "0008_failures.py": "f74c292eadf70675905ef916b57488b565792e2d01efdc34d918641dd7221381",
    "0009_curves.py": "49a7f2b0a6b0468ff67a7d1845374b0a44aeb72b08f423ddb8a80caca25d3b0f",
    "0010_annotations.py": "04acfaad3d9c15fe8357194a1c8eab74817d75a9f466f1f918bc7a214f6c0fc1",
    "0011_loss_annotations.py": "304e372b6b0b9cdc52d04685c4181227c8368d1a406bf6f3ebf7435e613d10cf",
    "0012_running.py": "1f166ce86a4d32c62b8752c28a8ce4a8bbc7f004cb3153084ed4cf8f2256a327",
}
"""Migration -> SHA-256 of its file. Databases have it behind them: add another, never change one."""


def alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


REVISIONS = [script.revision for script in ScriptDirectory.from_config(alembic()).walk_revisions()]


def build(engine: Engine, revision: str) -> None:
    """Make the tables of a revision, and fill them with its rows."""
    config = alembic()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        for statement in (ROWS / f"{revision}.sql").read_text().split(";\n"):
            if statement.strip():
                connection.execute(text(statement.replace(":", r"\:")))


def rows(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    """Table -> its rows, as the database itself describes its tables."""
    tables = MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        return {
            name: [dict(row) for row in connection.execute(select(table)).mappings()]
            for name, table in tables.tables.items()
            if name != "alembic_version"
        }


def comparable(value: object) -> object:
    """The value, a moment as an aware one: SQLite forgets the time zone, which is UTC."""
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value


def test_no_migration_is_changed_once_it_is_written() -> None:
    digests = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (MIGRATIONS / "versions").glob("*.py")
    }
    assert digests == WRITTEN


@pytest.mark.parametrize("revision", REVISIONS)
def test_the_rows_of_an_earlier_database_are_there_after_the_upgrade(
    revision: str, blank: Settings
) -> None:
    engine = make_engine(blank.database)
    build(engine, revision)
    before = rows(engine)
    assert [name for name, there in before.items() if not there] == []
    prepare(engine)
    assert is_current(engine)
    models = {mapper.class_.__tablename__: mapper.class_ for mapper in Base.registry.mappers}
    with read_sessions(engine)() as session:
        for table, there in before.items():
            columns = inspect(models[table]).column_attrs
            keys = [column.name for column in inspect(models[table]).primary_key]
            for row in there:
                read = session.get_one(models[table], tuple(row[key] for key in keys))
                values = {c.key: comparable(row[c.key]) for c in columns if c.key in row}
                assert {name: getattr(read, name) for name in values} == values
    engine.dispose()


def test_a_job_that_is_over_ran_from_its_start_to_its_end(blank: Settings) -> None:
    engine = make_engine(blank.database)
    build(engine, "0011")
    with engine.begin() as connection:
        connection.execute(text("UPDATE job SET state = 'running' WHERE kind = 'comparison'"))
    prepare(engine)
    with read_sessions(engine)() as session:
        jobs = {job.kind: job for job in session.scalars(select(Job))}
    engine.dispose()
    ran = {kind: job.ran_seconds for kind, job in jobs.items()}
    assert ran == {"search": 3300, "retraining": 1, "comparison": 0, "loss-network": 0}
    since = {kind: job.running_since for kind, job in jobs.items() if job.running_since}
    assert since == {"comparison": jobs["comparison"].started_at}


def test_a_loss_that_a_search_found_is_its_owners(blank: Settings) -> None:
    engine = make_engine(blank.database)
    build(engine, "0010")
    found = '{"name": "ours", "provenance": {"search": "00000000-0000-4000-8000-000000000001"}}'
    with engine.begin() as connection:
        update = text("UPDATE loss SET document = :document WHERE id = 1001")
        connection.execute(update, {"document": found})
    prepare(engine)
    with read_sessions(engine)() as session:
        owners = {loss.id: loss.owner for loss in session.scalars(select(Loss))}
    engine.dispose()
    assert {number for number, owner in owners.items() if owner != "operator"} == {1001}
    assert owners[1001] == "ada"
