"""Settings: from the environment, below the home folder, within their limits."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from search_service.settings import Settings
from search_service.store.artifacts import Root


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
