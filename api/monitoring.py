"""Prometheus figures: this process's requests, the jobs in the database, what the controller tells."""

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.orm import Session, sessionmaker
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from search_service import reporting
from search_service.jobs import lifecycle, queue
from search_service.store import lease


class JobFigures(Collector):
    """Jobs by kind and state, the queue, and whether a controller is at work; looked up when asked."""

    def __init__(self, reading: sessionmaker[Session]) -> None:
        """Count in sessions of ``reading``."""
        self._reading = reading

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Count the jobs, and look at the queue and the controller."""
        family = GaugeMetricFamily(
            "lossfit_jobs", "Jobs by kind and state.", labels=("kind", "state")
        )
        with self._reading() as session:
            for labels, number in lifecycle.counts(session).items():
                family.add_metric(labels, number)
            oldest, silence, term = (
                queue.oldest(session),
                lease.silence(session),
                lease.term(session),
            )
        yield family
        yield GaugeMetricFamily(
            "lossfit_queue_oldest_seconds",
            "Since when the oldest waiting job waits; 0 where none does.",
            oldest,
        )
        yield GaugeMetricFamily(
            "lossfit_controller_silence_seconds",
            f"Since the controller's last heart beat; from {lease.LASTS_SECONDS:g} on none runs.",
            silence,
        )
        yield GaugeMetricFamily(
            "lossfit_controller_term", "Controllers that this database has had.", term
        )


class Figures:
    """All figures, in a registry of their own so that two apps in a process do not mix."""

    def __init__(self, reading: sessionmaker[Session]) -> None:
        """Register the figures."""
        self._reading = reading
        self.registry = CollectorRegistry()
        self.registry.register(JobFigures(reading))
        self.requests = Counter(
            "lossfit_http_requests",
            "Requests answered, by method, operation and status.",
            ("method", "operation", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "lossfit_http_response_seconds",
            "Seconds until the response began, by operation (streams are not held against it).",
            ("operation",),
            registry=self.registry,
        )

    def text(self) -> bytes:
        """All of them in Prometheus's text format, then those that the controller has told last."""
        with self._reading() as session:
            report = reporting.newest(session)
        told = b"" if report is None else report.figures.encode()
        return generate_latest(self.registry) + told


class MonitoringMiddleware:
    """Counts every request and times the start of its response."""

    def __init__(self, app: ASGIApp, figures: Figures) -> None:
        """Count the requests to ``app`` in ``figures``."""
        self._app = app
        self._figures = figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and count its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.monotonic()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                operation = getattr(scope.get("endpoint"), "__name__", "unmatched")
                seconds = time.monotonic() - started
                self._figures.requests.labels(
                    _known(scope["method"]), operation, message["status"]
                ).inc()
                self._figures.seconds.labels(operation).observe(seconds)
            await send(message)

        await self._app(scope, receive, counted)


def _known(method: str) -> str:
    """The method, or ``other``: a stranger must not be able to make labels without end."""
    methods = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    return method if method in methods else "other"
