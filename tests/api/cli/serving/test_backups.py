"""``lossfit backup`` and ``restore``, as an operator types them."""

from pathlib import Path

from typer.testing import CliRunner

from api.cli.app import app

RUNNER = CliRunner()


def run(*arguments: str) -> tuple[int, str]:
    ended = RUNNER.invoke(app, list(arguments))
    return ended.exit_code, ended.stderr


def test_tokens_come_along(tmp_path: Path) -> None:
    file, old, new = (
        str(tmp_path / "service.tar"),
        f"--home={tmp_path}/old",
        f"--home={tmp_path}/new",
    )
    assert run("tokens", "add", "laptop", "--owner", "ada", old)[0] == 0
    assert run("backup", file, old) == (0, f"{file} holds all rows and 0 files.\n")
    assert run("restore", file, new) == (0, f"All rows and 0 files are back in {tmp_path}/new.\n")
    assert (
        "There is a token 'laptop' already" in run("tokens", "add", "laptop", "--owner=eve", new)[1]
    )
    code, told = run("restore", str(tmp_path / "none.tar"), new)
    assert code == 1
    assert told.startswith("Error: ")
