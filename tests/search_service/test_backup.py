"""A backup of a service at work, restored elsewhere, ends with the same results."""

import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import column, func, select, table, update

from search_service import backup
from search_service.catalogue.built_in import prepare
from search_service.settings import Settings
from search_service.store import artifacts
from search_service.store.database import make_engine, read_sessions
from search_service.store.tables import Artifact, Job, Trial
from surrogate_zoo.errors import ConflictError, InputError, StorageError
from surrogate_zoo.store.tables import Base, Loss
from tests.search_service.bowl import BowlPool, expected
from tests.search_service.service import Desk, small, working

pytestmark = pytest.mark.usefixtures("brief_reports")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "elsewhere")


@pytest.fixture
def desk_of() -> Iterator[Callable[[Settings], Desk]]:
    engines = []

    def make(settings: Settings) -> Desk:
        engines.append(make_engine(settings.database))
        return Desk(engines[-1])

    yield make
    for engine in engines:
        engine.dispose()


def test_what_ran_goes_on_elsewhere_to_the_same_end(
    settings: Settings, elsewhere: Settings, tmp_path: Path, desk_of: Callable[[Settings], Desk]
) -> None:
    desk, request, file = desk_of(settings), small(seed=1), tmp_path / "backup.tar"
    with working(settings, BowlPool(0.1)):
        done = desk.submit(small(seed=2))
        desk.wait_for(done)
        job_id = desk.submit(request)
        desk.wait_for_trials(job_id, 5)
        files = backup.save(settings, file)
    assert backup.load(elsewhere, file) == files > 0
    there = desk_of(elsewhere)
    assert 5 <= len(there.trials(job_id)) < 12
    assert there.trials(done) == desk.trials(done)
    assert there.published(done) == desk.published(done)
    with working(elsewhere, BowlPool()):
        assert there.wait_for(job_id).state == "succeeded"
    trials, points = expected(request)
    assert there.trials(job_id) == trials
    assert there.published(job_id)["control_points"] == points
    with there.reading() as session:
        for sha256 in session.scalars(select(Artifact.sha256)):
            assert artifacts.is_stored(elsewhere.artifacts_root, sha256)


def test_all_rows_come_back_into_either_database(settings: Settings, tmp_path: Path) -> None:
    engine = make_engine(settings.database)
    desk = Desk(engine)
    with working(settings, BowlPool()):
        desk.wait_for(desk.submit(small()))
    backup.save(settings, tmp_path / "backup.tar")
    before = counts(settings)
    with desk.writing.begin() as session:
        for table in (Artifact, Trial, Job):
            for row in session.scalars(select(table)):
                session.delete(row)
    backup.load(settings, tmp_path / "backup.tar")
    assert counts(settings) == before
    with desk.writing.begin() as session:  # numbers go on after those that were brought
        last = session.scalar(select(func.max(Loss.id)))
        loss = Loss(name="new", version=1, kind="handmade", document={}, sha256="0" * 64)
        session.add(loss)
        session.flush()
        assert last is not None
        assert loss.id > last
    engine.dispose()


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
@pytest.mark.parametrize("revision", ["0009", "0099"])
def test_a_database_of_another_version_is_told_before_anything_is_written(
    settings: Settings, tmp_path: Path, revision: str
) -> None:
    engine = make_engine(settings.database)
    with engine.begin() as connection:
        connection.execute(
            update(table("alembic_version", column("version_num"))).values([revision])
        )
    with pytest.raises(
        InputError, match="of another version of lossfit: make the backup with that"
    ):
        backup.save(settings, tmp_path / "backup.tar")
    if revision == "0099":
        with pytest.raises(InputError, match="of a newer version of lossfit"):
            prepare(engine)
    engine.dispose()
    assert not (tmp_path / "backup.tar").exists()


def test_a_home_without_a_service_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no service in .*: .*lossfit\.db is missing"):
        backup.save(Settings(home=tmp_path / "nowhere"), tmp_path / "backup.tar")
    assert list(tmp_path.iterdir()) == []


def counts(settings: Settings) -> dict[str, int | None]:
    engine = make_engine(settings.database)
    with read_sessions(engine)() as session:
        found = {
            table.name: session.scalar(select(func.count()).select_from(table))
            for table in Base.metadata.sorted_tables
            if table.name != "controller"
        }
    engine.dispose()
    return found


def test_a_service_with_jobs_is_not_written_over(elsewhere: Settings, tmp_path: Path) -> None:
    file = tmp_path / "backup.tar"
    backup.load(elsewhere, empty(tmp_path, file))
    desk = Desk(engine := make_engine(elsewhere.database))
    job_id = desk.submit(small())
    with pytest.raises(ConflictError, match="has 1 jobs already"):
        backup.load(elsewhere, file)
    assert desk.job(job_id).state == "queued"
    engine.dispose()


def empty(tmp_path: Path, file: Path) -> Path:
    """A backup of a service that has done nothing."""
    blank = Settings(home=tmp_path / "blank")
    engine = make_engine(blank.database)
    prepare(engine)
    engine.dispose()
    backup.save(blank, file)
    return file


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({}, "has no lossfit.db"),
        ({"../lossfit.db": b""}, "it holds '../lossfit.db'"),
        ({"lossfit.db": b"no database" * 100}, "is no backup"),
    ],
)
def test_what_is_no_backup_changes_nothing(
    elsewhere: Settings, tmp_path: Path, members: dict[str, bytes], told: str
) -> None:
    file = tmp_path / "backup.tar"
    with tarfile.open(file, "w") as tar:
        for name, content in members.items():
            (tmp_path / "member").write_bytes(content)
            tar.add(tmp_path / "member", name)
    with pytest.raises(InputError, match=told):
        backup.load(elsewhere, file)
    (tmp_path / "text.tar").write_text("no tar")
    with pytest.raises(InputError, match="is no backup"):
        backup.load(elsewhere, tmp_path / "text.tar")
    assert not (elsewhere.home / "lossfit.db").exists()


def test_a_damaged_file_is_told(elsewhere: Settings, tmp_path: Path) -> None:
    file = empty(tmp_path, tmp_path / "backup.tar")
    (tmp_path / "member").write_text("other content")
    with tarfile.open(file, "a") as tar:
        tar.add(tmp_path / "member", f"artifacts/{'a' * 64}")
    with pytest.raises(InputError, match=r"is damaged: a{64}"):
        backup.load(elsewhere, file)


def test_a_backup_that_cannot_be_written_leaves_the_old_one(
    settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(StorageError, match="Cannot write"):
        backup.save(settings, tmp_path / "no" / "folder" / "backup.tar")
    assert list(tmp_path.glob("**/*backup.tar*")) == []
