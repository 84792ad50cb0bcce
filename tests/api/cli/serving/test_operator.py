"""A service that starts while its database does not answer yet."""

import threading
from pathlib import Path

import pytest

from api.cli.serving import operator
from search_service.settings import Settings
from search_service.store.database import is_current, make_engine
from surrogate_zoo.errors import StorageAwayError


def test_it_waits_for_the_database(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(home=tmp_path)
    in_the_way = tmp_path / "lossfit.db"
    in_the_way.mkdir()
    threading.Timer(operator.RETRY_S, in_the_way.rmdir).start()
    operator.migrate(settings)
    engine = make_engine(settings.database)
    assert is_current(engine)
    engine.dispose()
    told = capsys.readouterr().err
    assert told.count("The database does not answer, trying again: ") == 1


@pytest.mark.postgresql
def test_it_says_so_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator, "PATIENCE_S", 0.0)
    away = Settings(home=tmp_path, database_url="postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(StorageAwayError, match="The database does not answer: connection failed"):
        operator.migrate(away)
