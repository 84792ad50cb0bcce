"""The application: routes, what stands in front of them, and the database behind them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

import anyio
from anyio.to_thread import current_default_thread_limiter
from fastapi import APIRouter, FastAPI

from api.audit import AuditMiddleware
from api.auth import TokenMiddleware
from api.body import BodyMiddleware
from api.browsers import BrowserMiddleware, names_of
from api.dependencies import CONNECTIONS, THREADS, WRITERS, Service
from api.monitoring import Figures, MonitoringMiddleware
from api.openapi import add_openapi
from api.plain_errors import PlainErrorMiddleware
from api.problems import add_problem_handlers
from api.proxies import RootPathMiddleware
from api.routes import (
    aliases,
    any_job,
    audit,
    comparisons,
    curve_families,
    datasets,
    health,
    jobs,
    kinds,
    losses,
    metrics,
    networks,
    overview,
    page,
    reference,
    samplers,
    searches,
    workers,
)
from search_service.access.owners import bound
from search_service.kinds import KINDS
from search_service.settings import Settings
from search_service.store.database import make_engine, read_sessions, sessions


def create_app(settings: Settings | None = None) -> FastAPI:
    """Make the API on the database that ``settings`` name.

    The schema must be the newest (``search_service.store.database.upgrade``); ``/readyz`` tells.

    Args:
        settings: The operator's settings; read from the environment if not given.
    """
    settings = settings or Settings()
    service = _assemble(settings)
    app = FastAPI(
        title="lossfit",
        version=version("lossfit"),
        summary="Searches for the training loss that fits a segmentation metric.",
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,  # an answer says itself that it has all of its fields
        redirect_slashes=not settings.root_path,  # they would lead to paths without it
    )
    app.state.service = service
    v1 = APIRouter(prefix="/v1")
    for kind in KINDS.values():
        v1.include_router(jobs.router_of(kind))
    catalogues = (metrics, networks, curve_families, samplers, kinds)
    for routes in (
        overview,
        any_job,
        searches,
        comparisons,
        losses,
        aliases,
        datasets,
        workers,
        audit,
        *catalogues,
    ):
        v1.include_router(routes.router)
    app.include_router(v1)
    app.include_router(health.router)
    app.include_router(page.router)
    app.include_router(reference.router)
    # The last one added is the first that a request meets.
    app.add_middleware(PlainErrorMiddleware)
    app.add_middleware(BodyMiddleware, max_bytes=settings.max_body_bytes)
    app.add_middleware(AuditMiddleware, writing=service.writing, writers=service.writers)
    app.add_middleware(TokenMiddleware, token=settings.token, reading=service.reading)
    app.add_middleware(BrowserMiddleware, hosts=names_of(settings))
    app.add_middleware(MonitoringMiddleware, figures=service.figures)
    app.add_middleware(RootPathMiddleware, root_path=settings.root_path)
    add_problem_handlers(app)
    add_openapi(app, token=settings.token is not None, root_path=settings.root_path)
    return app


def _assemble(settings: Settings) -> Service:
    engine = make_engine(settings.database, connections=CONNECTIONS)
    reading, writing = bound(read_sessions(engine)), bound(sessions(engine))
    writers = anyio.Semaphore(1 if engine.dialect.name == "sqlite" else WRITERS)
    return Service(settings, engine, reading, writing, Figures(reading), writers)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    current_default_thread_limiter().total_tokens = THREADS
    yield
    app.state.service.engine.dispose()
