"""What ``lossfit serve`` says when it cannot serve, and the socket that it listens on."""

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from api.cli.serving.processes import _listening
from search_service.settings import Settings
from tests.conftest import DEADLINE


def serve(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "api.cli", "serve", *arguments],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
        env={**os.environ, **environment},
    )


def test_a_taken_port_is_told_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = serve("--home", str(tmp_path), "--port", str(port))
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"Error: Cannot listen on 127.0.0.1:{port}")


def test_a_wrong_setting_is_told_with_its_name(tmp_path: Path) -> None:
    ended = serve("--home", str(tmp_path), LOSSFIT_CONCURRENT_JOBS="none")
    assert ended.returncode == 1
    assert "concurrent_jobs" in ended.stderr


@pytest.mark.parametrize(
    ("environment", "why"),
    [
        ({"LOSSFIT_DATASET_ROOTS": "/data"}, 'dataset_roots".* as JSON, such as ["/data"].'),
        ({"LOSSFIT_DATABASE_URL": "foo"}, "database_url: .* is no URL of a database"),
        ({"LOSSFIT_HOME": "/dev/null/below"}, "Cannot make /dev/null/below: Not a directory."),
    ],
)
def test_what_the_environment_has_wrong_is_told_in_a_line(
    environment: dict[str, str], why: str
) -> None:
    ended = serve(**environment)
    assert ended.returncode == 1
    told = " ".join(ended.stderr.split())
    assert told.startswith("Error: ")
    assert "Traceback" not in told
    assert all(part in told for part in why.split(".*"))


def test_a_service_without_a_token_is_not_opened_to_other_machines(tmp_path: Path) -> None:
    for role in ("all", "api"):
        ended = serve("--home", str(tmp_path), "--role", role, "--host", "0.0.0.0")  # noqa: S104
        assert ended.returncode == 1
        assert "set LOSSFIT_TOKEN to a secret, or listen on 127.0.0.1" in ended.stderr


def test_another_kind_of_database_is_refused(tmp_path: Path) -> None:
    ended = serve("--home", str(tmp_path), LOSSFIT_DATABASE_URL="mysql://localhost/x")
    assert ended.returncode == 1
    assert "use sqlite or postgresql" in ended.stderr


async def has_nodelay(listening: socket.socket) -> bool:
    """Whether a connection that asyncio accepts on a socket has Nagle's algorithm turned off."""
    option: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted = writer.get_extra_info("socket")
        option.set_result(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(accept, sock=listening):
        reader, writer = await asyncio.open_connection(*listening.getsockname()[:2])
        nodelay = await option
        await reader.read()
        writer.close()
        await writer.wait_closed()
    return bool(nodelay)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_answers_are_not_held_back(host: str, tmp_path: Path) -> None:
    if host == "::1" and not socket.has_ipv6:
        pytest.skip("this Python has no IPv6")
    with _listening(Settings(home=tmp_path, host=host, port=0)) as listening:
        assert asyncio.run(has_nodelay(listening))


def test_who_connects_before_the_api_is_up_waits_for_it(tmp_path: Path) -> None:
    with (
        _listening(Settings(home=tmp_path, host="127.0.0.1", port=0)) as listening,
        socket.create_connection(listening.getsockname()),
    ):
        pass
