"""Settings: from the environment, below the home folder, within their limits."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from search_service.settings import Settings
from search_service.store.artifacts import Root
from search_service.store.database import make_engine


def test_everything_lies_below_home_unless_set_apart(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert settings.database == f"sqlite:///{tmp_path / 'lossfit.db'}"
    assert settings.artifacts_root == Root(str(tmp_path / "artifacts"), tmp_path / "cache")
    apart = Settings(home=tmp_path, artifacts="s3://a/b", database_url="postgresql://h/d")
    assert apart.artifacts_root == Root("s3://a/b", tmp_path / "cache")
    assert apart.database == "postgresql://h/d"


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOSSFIT_HOME", "here")
    monkeypatch.setenv("LOSSFIT_TOKEN", "secret")
    monkeypatch.setenv("LOSSFIT_DATASET_ROOTS", '["/data", "/more"]')
    settings = Settings()
    assert settings.home == tmp_path / "here"
    assert settings.dataset_roots == (Path("/data"), Path("/more"))
    assert "secret" not in repr(settings)


def test_the_tilde_is_the_users_home() -> None:
    assert Settings(home=Path("~/x")).home == Path.home() / "x"


@pytest.mark.parametrize(
    "fields", [{"port": -1}, {"concurrent_jobs": 0}, {"actors": 0}, {"pack_size": 0}]
)
def test_what_cannot_be_is_refused(fields: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(fields)


@pytest.mark.parametrize("token", ["", "  "])
def test_an_empty_token_is_none_that_somebody_meant(token: str) -> None:
    with pytest.raises(ValidationError, match="is empty: set it to a secret"):
        Settings.model_validate({"token": token})


def test_a_token_is_what_a_mounted_file_holds() -> None:
    token = Settings.model_validate({"token": "secret\n"}).token
    assert token is not None
    assert token.get_secret_value() == "secret"


def test_a_database_is_a_url() -> None:
    with pytest.raises(ValidationError, match=r"is no URL of a database: write postgresql"):
        Settings(database_url="foo")


@pytest.mark.parametrize("folder", ["a?b", "p%41", "a#b", "a b"])
def test_a_home_may_have_any_name(folder: str, tmp_path: Path) -> None:
    home = tmp_path / folder
    home.mkdir()
    engine = make_engine(Settings(home=home).database)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE there (number INTEGER)")
    engine.dispose()
    assert (home / "lossfit.db").stat().st_size > 0


@pytest.mark.parametrize(
    ("host", "is_open"),
    [("127.0.0.1", False), ("127.8.8.8", False), ("::1", False), ("LocalHost", False)]
    + [(host, True) for host in ("0.0.0.0", "::", "10.0.0.7", "lab.example")],  # noqa: S104
)
def test_a_service_that_others_reach_is_open_without_a_token(host: str, is_open: bool) -> None:
    assert Settings(host=host).is_open is is_open
    assert not Settings.model_validate({"host": host, "token": "a secret"}).is_open
