"""A search as a job of an SQLite file of its own: what is asked for, where it lies, how it is run."""

import hashlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from search_service.jobs import lifecycle
from search_service.jobs.assignments import Held
from search_service.jobs.pool import IdlePool
from search_service.jobs.run import Run, claim
from search_service.kinds import KINDS
from search_service.samplers.specs import PortfolioSpec
from search_service.searches.external.trial import Handout
from search_service.searches.request import SearchRequest
from search_service.settings import Settings, sqlite_url
from search_service.store.database import read_sessions
from search_service.store.tables import Job
from surrogate_zoo.errors import InputError
from surrogate_zoo.metrics.targets import Target

Result = TypeVar("Result")

_BATCH = PortfolioSpec().batch


def request_of(
    metric: str | Sequence[str],
    *,
    num_classes: int,
    trials: int | None,
    sampler: str | Mapping[str, Any] | None,
    seed: int,
    fields: Mapping[str, Any],
) -> SearchRequest:
    """The request of a search that the user's code trains; arguments as of :func:`lossfit.search`.

    Raises:
        InputError: That is no search.
    """
    sought = {"metric": metric} if isinstance(metric, str) else {"metrics": list(metric)}
    spec = {} if sampler is None and trials is None else {"sampler": _sampler(sampler, trials)}
    told = {"trainer": "external", "num_classes": num_classes, "seed": seed}
    try:
        return SearchRequest.model_validate({**sought, **spec, **told, **fields})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        message = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{place}: {message}." if place else f"{message}.") from error


def _sampler(sampler: str | Mapping[str, Any] | None, trials: int | None) -> dict[str, Any]:
    named = sampler or "portfolio"
    spec: dict[str, Any] = {"name": named} if isinstance(named, str) else dict(named)
    if trials is None:
        return spec
    if (name := spec.setdefault("name", "portfolio")) == "ppo2":
        raise InputError(
            "ppo2 counts in steps and samples: leave trials out, and say them in sampler."
        )
    if name == "portfolio" and trials and "batch" not in spec:
        spec["batch"] = max(n for n in range(1, _BATCH + 1) if trials % n == 0)
    return {**spec, "trials": trials}


def settings_of(storage: Path) -> Settings:
    """Settings that nothing of the environment gets into, with the report's files beside the storage."""
    path = storage.expanduser().absolute()
    home = path.with_name(f"{path.name}.files")
    url = sqlite_url(path)
    return Settings(home=home, database_url=url, artifacts=str(home / "artifacts"))


def job_of(writing: sessionmaker[Session], settings: Settings, request: SearchRequest) -> Job:
    """The search of that request; a file may hold several."""
    body = json.dumps(request.model_dump(mode="json"), sort_keys=True)
    key = hashlib.sha256(body.encode()).hexdigest()
    with writing.begin() as session:
        return lifecycle.create(session, settings, KINDS["search"], request, idempotency_key=key)


def run_of(
    engine: Engine,
    writing: sessionmaker[Session],
    settings: Settings,
    job: Job,
    train: Callable[[], None],
) -> Run:
    """A run of a job, which calls ``train`` while there is something to train.

    Args:
        engine: The database.
        writing: Sessions that write.
        settings: Where files lie.
        job: The search.
        train: See :class:`search_service.jobs.run.Run`.

    Raises:
        InputError: It was paused, cancelled, or has failed.
    """
    with writing.begin() as session:
        claimed = claim(session, job.id, job.attempt)
    if claimed is None:  # nobody pauses or cancels it here
        raise InputError(f"The search {job.id} of this storage is {job.state}: take another file.")
    return Run(
        job=claimed,
        settings=settings,
        writing=writing,
        reading=read_sessions(engine),
        pool=IdlePool(),
        step=_step,
        stopping=threading.Event(),
        train=train,
    )


def handout_of(request: SearchRequest, held: Held) -> Handout:
    """What whoever holds a lease is to train."""
    assignment, lease = held
    return Handout(
        lease.id,
        assignment.stage,
        assignment.number,
        assignment.seed,
        assignment.rate,
        assignment.loss,
        request.classes,
        request.facts,
        Target(request.metric).metrics,
    )


def _step(name: str, function: Callable[[], Result]) -> Result:  # noqa: ARG001 - recorded is recorded
    return function()
