"""Calls of Ray: connecting, calls past a running training, waiting, results."""

import logging
import os
import time
from collections.abc import Iterable
from typing import Any

import ray
from ray.exceptions import RayError

POLL = 0.05  # seconds between two looks at running trainings
OBJECT_STORE = 256 * 2**20  # bytes; only losses and outcomes travel
CONTROL = "control"  # concurrency group of calls that pass a running training
Reference = Any  # ray.ObjectRef is untyped


def connect(address: str | None, cpus: int) -> bool:
    """Connect to Ray or start it here; return whether this process started it."""
    if ray.is_initialized():
        return False
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.WARNING}
    if address is not None:
        ray.init(address, **quiet)
        return True
    ray.init(
        "local",
        num_cpus=max(cpus, os.cpu_count() or 1),
        include_dashboard=False,
        object_store_memory=OBJECT_STORE,
        **quiet,
    )
    return True


def control(method: Any, *arguments: object) -> Reference:
    """Call a method of an actor past what it is training."""
    return method.options(concurrency_group=CONTROL).remote(*arguments)


def finished(references: Iterable[Reference], timeout: float = POLL) -> list[Reference]:
    """References whose work has ended, waiting up to ``timeout`` seconds for the first."""
    waiting = list(references)
    if not waiting:
        time.sleep(timeout)
        return []
    ready, _ = ray.wait(waiting, num_returns=1, timeout=timeout)
    return list(ready)


def result_of(reference: Reference) -> Any:
    """The result of finished work; a text, which no actor returns, where the actor was lost."""
    try:
        return ray.get(reference)
    except RayError as error:
        return f"{type(error).__name__}: {error}".splitlines()[0]
