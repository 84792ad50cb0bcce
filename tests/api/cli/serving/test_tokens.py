"""``lossfit tokens`` on the machine of the service: made once, listed without the secret, revoked."""

from pathlib import Path

from typer.testing import CliRunner

from api.cli.app import app
from search_service.access import tokens
from search_service.access.callers import Caller
from search_service.settings import Settings
from search_service.store.database import make_engine, read_sessions

RUNNER = CliRunner()


def run(home: Path, *arguments: str) -> tuple[int, str, str]:
    ended = RUNNER.invoke(app, ["tokens", *arguments, "--home", str(home)])
    return ended.exit_code, ended.stdout, ended.stderr


def caller_of(home: Path, secret: str) -> Caller | None:
    engine = make_engine(Settings(home=home).database)
    try:
        with read_sessions(engine)() as session:
            return tokens.caller_of(session, secret)
    finally:
        engine.dispose()


def test_the_life_of_a_token(tmp_path: Path) -> None:
    assert run(tmp_path, "list")[2].startswith("There are no tokens.")
    code, out, err = run(tmp_path, "add", "laptop", "--owner", "ada", "--days", "30")
    secret = out.strip()
    assert code == 0
    assert "scope submit" in err
    assert caller_of(tmp_path, secret) == Caller("ada", "submit", "laptop")
    _, listed, _ = run(tmp_path, "list")
    assert {"laptop", "ada", "submit", "valid"} <= set(listed.split())
    assert secret not in listed
    assert run(tmp_path, "revoke", "laptop")[0] == 0
    assert caller_of(tmp_path, secret) is None
    assert "revoked" in run(tmp_path, "list")[1]


def test_a_new_home_is_its_users_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert run(home, "list")[0] == 0
    assert home.stat().st_mode & 0o777 == 0o700


def test_what_cannot_be_is_told_in_a_sentence(tmp_path: Path) -> None:
    assert run(tmp_path, "add", "laptop", "--owner", "ada", "--scope", "write")[0] == 2
    code, _, err = run(tmp_path, "add", "lap top", "--owner", "ada")
    assert code == 1
    assert err.startswith("Error: 'lap top' cannot be the name of a token")
    assert run(tmp_path, "revoke", "laptop")[2] == "Error: There is no token 'laptop'.\n"
