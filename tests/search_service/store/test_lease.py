"""One controller at a time: whoever was cut off, stopped or killed writes nothing once another has begun."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.exc import DBAPIError

from search_service.settings import Settings
from search_service.store import lease
from search_service.store.database import make_engine, sessions
from search_service.store.tables import Controller
from surrogate_zoo.errors import ConflictError
from tests.conftest import CHECKOUT, DEADLINE

HOLDER = """
import sys, time
from search_service.store.database import make_engine
from search_service.store.lease import hold_lease
with hold_lease(make_engine(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def other(settings: Settings, engine: Engine) -> Iterator[Engine]:
    """Another machine's way to the same database."""
    elsewhere = make_engine(settings.database)
    yield elsewhere
    elsewhere.dispose()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_PATIENCE_SECONDS", 0.3)


@pytest.fixture
def heartless(monkeypatch: pytest.MonkeyPatch) -> None:
    """No heart beats, as of a process that was stopped; and nobody waits long for one."""
    monkeypatch.setattr(lease, "LASTS_SECONDS", 0.5)
    monkeypatch.setattr(lease, "BEATS_SECONDS", DEADLINE)


@contextmanager
def holder(settings: Settings) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lease."""
    command = [sys.executable, "-c", HOLDER, settings.database]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def term_of(engine: Engine) -> int:
    with sessions(engine)() as session:
        return session.scalars(select(Controller.term)).one()


@pytest.mark.usefixtures("impatient")
def test_a_second_controller_is_refused_while_the_first_one_is_there(
    engine: Engine, other: Engine
) -> None:
    with (
        lease.hold_lease(engine) as first,
        pytest.raises(ConflictError, match="Another controller"),
        lease.hold_lease(other),
    ):
        pass
    assert not first.lost.is_set()
    with lease.hold_lease(other) as second:  # at once, since the first has ended in order
        assert second.term == first.term + 1


def test_its_heart_beats(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "BEATS_SECONDS", 0.05)

    def beat() -> float:
        with sessions(engine)() as session:
            return session.scalars(select(Controller.beat)).one()

    assert not lease.controller_runs(engine)
    with lease.hold_lease(engine):
        first, deadline = beat(), time.monotonic() + DEADLINE
        assert abs(first - time.time()) < DEADLINE  # one machine, so one clock
        while beat() == first:
            assert time.monotonic() < deadline
        assert lease.controller_runs(engine)
    assert not lease.controller_runs(engine)


@pytest.mark.usefixtures("impatient")
def test_a_killed_controller_of_this_machine_is_not_waited_for(
    engine: Engine, settings: Settings
) -> None:
    with holder(settings) as process:
        process.send_signal(signal.SIGKILL)
        process.wait(DEADLINE)
        assert lease.controller_runs(engine)  # its last beat is fresh
        with lease.hold_lease(engine):
            pass


@pytest.mark.usefixtures("impatient")
def test_one_of_another_machine_is(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with holder(settings) as process:
        process.send_signal(signal.SIGKILL)
        process.wait(DEADLINE)
        monkeypatch.setattr(lease, "_place", lambda: "elsewhere")
        with pytest.raises(ConflictError), lease.hold_lease(engine):
            pass


@pytest.mark.usefixtures("heartless")
def test_who_comes_back_after_another_has_begun_writes_nothing(
    engine: Engine, other: Engine
) -> None:
    writing = sessions(engine)
    with lease.hold_lease(engine) as first:
        first.fence(writing)
        with writing.begin() as session:
            assert session.scalars(select(Controller.term)).one() == first.term
        with lease.hold_lease(other) as second:  # waits until the first is thought dead
            with pytest.raises(lease.LeaseLostError), writing.begin() as session:
                session.execute(select(Controller.term))
            assert first.lost.is_set()
            first.beat()  # too late
            first.give_back()  # nor does it end another's term
            assert term_of(engine) == second.term
            assert lease.controller_runs(engine)


@pytest.mark.usefixtures("heartless")
def test_a_late_beat_keeps_a_term_that_nobody_ended(engine: Engine, other: Engine) -> None:
    with lease.hold_lease(engine) as first:
        deadline = time.monotonic() + DEADLINE
        while lease.controller_runs(other):
            assert time.monotonic() < deadline
        first.beat()
        assert not first.lost.is_set()
        assert lease.controller_runs(other)


@pytest.mark.postgresql
@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
@pytest.mark.usefixtures("heartless")
def test_one_who_was_stopped_in_a_transaction_is_cut_off(
    engine: Engine, other: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "_IDLE", ("idle_in_transaction_session_timeout", "500ms", True))
    writing = sessions(engine)
    with lease.hold_lease(engine) as first:
        first.fence(writing)
        session = writing()
        session.execute(select(Controller.term))  # and then nothing, as after SIGSTOP
        with lease.hold_lease(other) as second:
            assert second.term == first.term + 1
        with pytest.raises(DBAPIError):
            session.execute(select(Controller.term))
        session.close()


@pytest.mark.postgresql
@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
def test_a_transaction_of_the_term_and_its_beats_do_not_wait_for_each_other(
    engine: Engine,
) -> None:
    writing = sessions(engine)
    with lease.hold_lease(engine) as first:
        first.fence(writing)
        with writing.begin() as session:
            session.execute(select(Controller.term))
            beats = threading.Thread(target=first.beat)
            beats.start()
            beats.join(DEADLINE)
            assert not beats.is_alive()
