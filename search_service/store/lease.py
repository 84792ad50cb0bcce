"""One controller a database, even where one was stopped, cut off or thought dead and comes back.

A row says who the controller is: its term, a number that only grows, and when its heart last beat by the
database's own clock. Whoever finds no beat for :data:`LASTS_SECONDS`, or the holder's process gone from
this machine, begins the next term. Every transaction in which a controller writes looks at the term
first (:meth:`Lease.fence`), and holds it in place until it ends: what an earlier controller still wants
to write is refused, whenever it wakes up.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, event, func, literal_column, select, update
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.sql import ColumnElement

from search_service.store.database import AWAY, read_sessions, sessions
from search_service.store.tables import Controller
from surrogate_zoo.errors import ConflictError

LASTS_SECONDS: Final = 10.0
"""A controller is thought dead after so long without a beat; a busy machine may hold one up for a while."""
BEATS_SECONDS: Final = 2.0

_IDLE: Final = ("idle_in_transaction_session_timeout", f"{LASTS_SECONDS:g}s", True)
"""PostgreSQL ends a transaction in which nothing happens for so long; for this transaction alone."""

_PATIENCE_SECONDS = 2 * LASTS_SECONDS
_RETRY_SECONDS = 0.2

_CLOCKS: Final = {
    "sqlite": "((julianday('now') - 2440587.5) * 86400.0)",
    "postgresql": "extract(epoch from clock_timestamp())",
}
"""Seconds since 1970 by the database's clock: machines need not agree on theirs."""


class LeaseLostError(BaseException):
    """Another controller has begun its term: this one writes nothing any more.

    Not an :class:`Exception`, as ``search_service.jobs.run.Interrupted``: a run that ends by it is the
    next controller's.
    """


@dataclass(frozen=True)
class Lease:
    """A term as the controller of a database.

    Attributes:
        engine: The database.
        term: Its number.
        lost: Set once another controller has begun its own.
    """

    engine: Engine
    term: int
    lost: threading.Event = field(default_factory=threading.Event)

    def fence(self, writing: sessionmaker[Session]) -> sessionmaker[Session]:
        """Let sessions write only while the term lasts.

        Raises:
            LeaseLostError: From a session's first statement, where it is over.
        """
        # A share of the key alone: heart beats do not wait for it, and the next term does.
        query = select(Controller.term).with_for_update(read=True, key_share=True)
        if self.engine.dialect.name == "postgresql":
            # Nor does it wait for ever, for one who was stopped in the middle.
            query = query.add_columns(func.set_config(*_IDLE))

        def look(_session: Session, _transaction: Any, connection: Connection) -> None:
            if connection.scalar(query) != self.term:
                self.lost.set()
                raise LeaseLostError(f"Term {self.term} as the controller is over.")

        event.listen(writing, "after_begin", look)
        return writing

    def beat(self) -> None:
        """Tell that the controller is alive; sets ``lost`` where its term is over."""
        change = (
            update(Controller).where(Controller.term == self.term).values(beat=_now(self.engine))
        )
        with self.engine.begin() as connection:
            if not connection.execute(change).rowcount:
                self.lost.set()

    def give_back(self) -> None:
        """Let the next controller begin at once."""
        change = update(Controller).where(Controller.term == self.term).values(beat=0.0)
        with self.engine.begin() as connection:
            connection.execute(change)


@contextmanager
def hold_lease(engine: Engine) -> Iterator[Lease]:
    """Be the only controller of a database while the context lasts; its heart beats in a thread.

    Waits for a holder that does not beat any more. The schema must be the newest.

    Raises:
        ConflictError: Another controller runs on it.
    """
    lease = Lease(engine, _insist(lambda: _begun(engine)))
    over = threading.Event()
    heart = threading.Thread(target=_beat, args=(lease, over), name="heart", daemon=True)
    heart.start()
    try:
        yield lease
    finally:
        over.set()
        heart.join()
        _quietly(lease.give_back)


def controller_runs(engine: Engine) -> bool:
    """Whether a controller's heart beats."""
    with read_sessions(engine)() as session:
        return is_beating(session)


def is_beating(session: Session) -> bool:
    """As :func:`controller_runs`, in a session that is there."""
    return silence(session) < LASTS_SECONDS


def term(session: Session) -> int:
    """Number of the newest controller's term."""
    return int(session.scalars(select(Controller.term)).one())


def silence(session: Session) -> float:
    """Seconds since a controller's heart beat last, by the database's clock."""
    return float(session.scalars(select(_now(session.get_bind()) - Controller.beat)).one())


def _begun(engine: Engine) -> int | None:
    """Begin the next term; None while a controller is there."""
    query = select(Controller, (Controller.beat > _now(engine) - LASTS_SECONDS).label("beats"))
    with sessions(engine).begin() as session:
        row, beats = session.execute(query.with_for_update()).one()
        if beats and not _is_gone(row.place, row.pid):
            return None
        term = int(row.term) + 1
        session.execute(
            update(Controller).values(term=term, beat=_now(engine), place=_place(), pid=os.getpid())
        )
        return term


def _beat(lease: Lease, over: threading.Event) -> None:
    while not over.wait(BEATS_SECONDS) and not lease.lost.is_set():
        _quietly(lease.beat)


def _quietly(change: Callable[[], None]) -> None:
    """Leave out what a database that is away does not take: the next beat will tell."""
    with suppress(*AWAY):
        change()


def _now(bind: Engine | Connection) -> ColumnElement[float]:
    return literal_column(_CLOCKS[bind.dialect.name])


def _place() -> str:
    """Where a process's number means something: a machine since it was started, a container of it."""
    parts = [socket.gethostname()]
    with suppress(OSError):  # no Linux
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(parts)


def _is_gone(place: str, pid: int) -> bool:
    """Whether a process certainly runs no more; of another place nobody can tell."""
    if place != _place() or pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _insist(attempt: Callable[[], int | None]) -> int:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (term := attempt()) is None:
        if time.monotonic() > deadline:
            raise ConflictError("Another controller runs on this database: stop it first.")
        time.sleep(_RETRY_SECONDS)
    return term
