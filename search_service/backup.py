"""The whole service in one file, while it runs; and back, into another home or another kind of database.

The file is a tar of ``lossfit.db``, an SQLite database with all rows as they were at one moment, and of
every file that they name, ``artifacts/<SHA-256>``. Checkpoints are not in it: what was running goes on
from its recorded trials, and a retraining begins anew.
"""

import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

from sqlalchemy import Connection, Engine, delete, func, insert, make_url, select, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from search_service.catalogue.built_in import prepare
from search_service.settings import Settings, sqlite_url
from search_service.store import artifacts
from search_service.store.database import is_current, make_engine, read_only, upgrade
from search_service.store.tables import Artifact, Controller, ControllerReport, Dataset, Job
from surrogate_zoo.errors import ConflictError, InputError, StorageError
from surrogate_zoo.store.tables import Base, LossNetwork

_ROWS: Final = "lossfit.db"
_FILE: Final = re.compile(r"artifacts/([0-9a-f]{64})")
_BATCH: Final = 1000

_RUNS: Final = (Controller.__table__, ControllerReport.__table__)
_TABLES: Final = [table for table in Base.metadata.sorted_tables if table not in _RUNS]
"""All but who runs the jobs, which is another one there; those that others refer to first."""


def save(settings: Settings, path: Path) -> int:
    """Write a backup, whole or not at all.

    Args:
        settings: Of the service; it may be at work.
        path: The file; one that is there is replaced.

    Returns:
        How many files are in it.

    Raises:
        InputError: There is no service, or its database is of another version.
        StorageError: It cannot be written, or one of the files cannot be had.
    """
    _check_current(settings)
    partial = path.with_name(f".{path.name}.{uuid4().hex}")
    with tempfile.TemporaryDirectory() as folder, _engine(settings.database) as engine:
        rows = Path(folder) / _ROWS
        with _engine(sqlite_url(rows)) as copy:
            upgrade(copy, _nothing)
            with _one_moment(engine) as source, copy.begin() as target:
                _copy(source, target)
            with Session(copy) as session:
                names = _names_of_files(session)
        try:
            with _told(f"Cannot write {path}"):
                _pack(settings, partial, rows, names)
                partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    return len(names)


def load(settings: Settings, path: Path) -> int:
    """Fill a service with a backup, of this or of an earlier version.

    Args:
        settings: Of the service, which has no jobs, and of whose own rows none is kept.
        path: The backup.

    Returns:
        How many files it brought.

    Raises:
        InputError: It is no backup, or damaged; nothing is changed then.
        ConflictError: The service has jobs.
        StorageError: Something cannot be written.
    """
    with tempfile.TemporaryDirectory() as folder, _engine(settings.database) as engine:
        rows, files = _unpacked(path, Path(folder))
        with _engine(sqlite_url(rows)) as copy:
            try:
                upgrade(copy, _nothing)
            except DatabaseError as error:
                raise InputError(f"{path} is no backup of lossfit: {error.orig}.") from error
            for file in files:
                _bring(settings, path, file)
            upgrade(engine, _nothing)
            with _one_moment(copy) as source, engine.begin() as target:
                _refuse_full(target)
                for table in reversed(_TABLES):
                    target.execute(delete(table))
                _copy(source, target)
                _count_on(target)
        prepare(engine)
    return len(files)


def _check_current(settings: Settings) -> None:
    file = make_url(settings.database).database
    if settings.database.startswith("sqlite") and not Path(str(file)).is_file():
        raise InputError(f"There is no service in {settings.home}: {file} is missing.")
    with _engine(settings.database) as engine:
        if not is_current(engine):
            raise InputError(
                "The database is of another version of lossfit: make the backup with that version, or "
                "start this one once, which brings an older database up to date."
            )


def _nothing(_session: Session) -> None:
    """What is put into a database that is to hold the rows of another one."""


@contextmanager
def _engine(url: str) -> Iterator[Engine]:
    engine = make_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _one_moment(engine: Engine) -> Iterator[Connection]:
    """A connection that sees the rows as they are now, whatever is written meanwhile."""
    if engine.dialect.name == "postgresql":
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with read_only(engine).begin() as connection:
        yield connection


def _copy(source: Connection, target: Connection) -> None:
    for table in _TABLES:
        found = source.execution_options(yield_per=_BATCH).execute(select(table)).mappings()
        for batch in found.partitions():
            target.execute(insert(table), [dict(row) for row in batch])


def _refuse_full(target: Connection) -> None:
    jobs = target.scalar(select(func.count()).select_from(Job))
    if jobs:
        raise ConflictError(
            f"The service has {jobs} jobs already: restore into a home, or a database, that is new."
        )


def _count_on(target: Connection) -> None:
    """Let PostgreSQL go on after the numbers that were brought."""
    if target.dialect.name != "postgresql":
        return
    for table in _TABLES:
        column = table.autoincrement_column
        if column is not None:
            last = select(func.coalesce(func.max(column), 0) + 1).scalar_subquery()
            sequence = func.pg_get_serial_sequence(table.name, column.name)
            target.execute(select(func.setval(sequence, last, text("false"))))


def _names_of_files(session: Session) -> list[str]:
    found = {
        *session.scalars(select(Artifact.sha256)),
        *session.scalars(select(LossNetwork.sha256)),
    }
    reports = session.scalars(select(Dataset.report))
    return sorted(found | {report["picture"] for report in reports if report.get("picture")})


def _pack(settings: Settings, path: Path, rows: Path, names: list[str]) -> None:
    path.touch(mode=0o600)
    with tarfile.open(path, "w") as tar:
        tar.add(rows, _ROWS)
        for sha256 in names:
            tar.add(artifacts.open_artifact(settings.artifacts_root, sha256), f"artifacts/{sha256}")


def _unpacked(path: Path, folder: Path) -> tuple[Path, list[Path]]:
    """The parts of a backup, taken out by their names alone."""
    files = []
    try:
        with tarfile.open(path) as tar:
            for member in tar:
                name = _FILE.fullmatch(member.name)
                content = tar.extractfile(member) if member.isfile() else None
                if content is None or not (name or member.name == _ROWS):
                    raise InputError(f"{path} is no backup of lossfit: it holds {member.name!r}.")
                file = folder / (name.group(1) if name else _ROWS)
                with file.open("wb") as target:
                    shutil.copyfileobj(content, target)
                files += [file] if name else []
    except (tarfile.TarError, FileNotFoundError, IsADirectoryError) as error:
        raise InputError(f"{path} is no backup of lossfit: {error}.") from error
    if not (folder / _ROWS).is_file():
        raise InputError(f"{path} is no backup of lossfit: it has no {_ROWS}.")
    return folder / _ROWS, files


def _bring(settings: Settings, path: Path, file: Path) -> None:
    sha256, _bytes = artifacts.store(settings.artifacts_root, file)
    if sha256 != file.name:
        raise InputError(f"{path} is damaged: {file.name} is not the file of that SHA-256.")


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"{what}: {error.strerror or error}.") from error
