"""The trials of a search that the user's own code trains, one after the other, with heartbeats."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Final

from api.client.answers import Answer
from api.client.errors import JobError, ServiceError
from api.client.transport import Transport
from api.job_schemas import JobDetail
from api.trial_schemas import Asked, HandedOutView, Prolonged, Reported, Told
from search_service.searches.external.trial import Handout, Record, Trial, TrialOver
from surrogate_zoo.metrics.targets import Target

PATIENCE_S: Final = 900.0
"""How long a vanished service may take to come back before a training's result is given up."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0
_BEATS: Final = 3
"""Heartbeats in the time that a lease lasts."""


class Trials:
    """The trials of one search, handed to this program until the search is over; iterate over it once.

    As many programs as there are machines may do so at the same time: each gets trials of its own.

    Args:
        transport: The service.
        path: Where the search is.
        search: Its id.
        lease_s: Seconds without a heartbeat after which a trial is handed to another.
        worker: What this program calls itself; host and process id if not given.
    """

    def __init__(
        self, transport: Transport, path: str, search: str, *, lease_s: float, worker: str | None
    ) -> None:
        self.search = search
        self._transport, self._path, self._lease_s = transport, path, lease_s
        self._worker = worker or f"{socket.gethostname()}:{os.getpid()}"
        self._record = Record()

    def __iter__(self) -> Iterator[Trial]:
        """Every trial that is handed to this program.

        Raises:
            JobError: The search failed or was cancelled.
            ServiceError: The service stayed away, or refused.
        """
        pause = _FIRST_PAUSE_S
        while True:
            asked = self._ask()
            for handed in asked.items:
                pause = _FIRST_PAUSE_S
                with _Heartbeat(self._transport, self._path, handed.lease, self._lease_s) as beat:
                    handout = _handout(asked, handed)
                    yield RemoteTrial(handout, self._record, self._transport, self._path, beat)
            if asked.over:
                self._check_succeeded()
                return
            if not asked.items:
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)

    def _ask(self) -> Asked:
        body = {"count": 1, "lease_seconds": self._lease_s, "worker": self._worker}
        return patiently(lambda: self._transport.post(Asked, f"{self._path}/ask", body))

    def _check_succeeded(self) -> None:
        job = patiently(lambda: self._transport.read(JobDetail, self._path))
        if job.state != "succeeded":
            raise JobError(job)


class RemoteTrial(Trial):
    """A trial that is told to a service."""

    def __init__(
        self,
        handout: Handout,
        record: Record,
        transport: Transport,
        path: str,
        beat: "_Heartbeat",
    ) -> None:
        super().__init__(handout, record)
        self._transport, self._path, self._beat = transport, path, beat

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        try:
            return super().__exit__(kind, error, trace)
        finally:
            self._beat.stop()

    def _report(self, step: int, score: float | None, metrics: dict[str, float]) -> bool:
        return self._send(Reported, "report", step=step, score=score, metrics=metrics).stop

    def _tell(self, score: float | None, metrics: dict[str, float], error: str | None) -> None:
        self._send(Told, "tell", score=score, metrics=metrics, error=error)

    def _send(self, model: type[Answer], what: str, **fields: Any) -> Answer:
        """Send what belongs to the lease; sent twice it is taken once, so that a restart is ridden out."""
        body: Mapping[str, object] = {"lease": self._handout.lease, **fields}
        try:
            return patiently(lambda: self._transport.post(model, f"{self._path}/{what}", body))
        except ServiceError as error:
            if error.status != 409:
                raise
            self._over = True
            raise TrialOver(str(error)) from error


class _Heartbeat:
    """Prolongs a lease from a thread of its own, until it is stopped or the lease is lost."""

    def __init__(self, transport: Transport, path: str, lease: str, lease_s: float) -> None:
        self._transport, self._path, self._lease = transport, path, lease
        self._every_s = lease_s / _BEATS
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lossfit heartbeat", daemon=True)

    def __enter__(self) -> "_Heartbeat":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Send no more."""
        self._stop.set()

    def _beat(self) -> None:
        if self._stop.wait(self._every_s):
            return  # a connection costs more than a short trial
        transport = self._transport.another()  # one is not shared between threads
        try:
            while True:
                try:
                    transport.post(Prolonged, f"{self._path}/heartbeat", {"lease": self._lease})
                except ServiceError as error:
                    if not error.may_pass:
                        return  # the next report or the end says why
                if self._stop.wait(self._every_s):
                    return
        finally:
            transport.close()


def patiently(send: Callable[[], Answer]) -> Answer:
    """Send again while the service is away, for :data:`PATIENCE_S`.

    Raises:
        ServiceError: It stayed away, or refused.
    """
    deadline, pause = time.monotonic() + PATIENCE_S, _FIRST_PAUSE_S
    while True:
        try:
            return send()
        except ServiceError as error:
            if not error.may_pass or time.monotonic() > deadline:
                raise
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_S)


def _handout(asked: Asked, handed: HandedOutView) -> Handout:
    return Handout(
        handed.lease,
        handed.stage,
        handed.number,
        handed.seed,
        handed.rate,
        handed.loss,
        asked.num_classes,
        asked.facts,
        Target(asked.metric).metrics,
    )
