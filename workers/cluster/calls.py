"""Calls of Ray: connecting, calls past a running training, waiting, results, ends of processes."""

import logging
import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray._private import ray_constants
from ray.exceptions import (
    NodeDiedError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RaySystemError,
)
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from surrogate_zoo.errors import WorkersAwayError
from workers.tasks.failures import Failure

POLL = 0.05  # seconds between two looks at running trainings
OBJECT_STORE = 256 * 2**20  # bytes; only losses and outcomes travel
CONTROL = "control"  # concurrency group of calls that pass a running training
NODE_IS_GONE = "node has died"  # in what Ray tells of an actor whose machine is lost
WORKERS_TITLE = b"ray::"
_TELLS_OF_TOKENS = "ray._private.authentication.authentication_token_setup"
Reference = Any  # ray.ObjectRef is untyped


@dataclass(frozen=True)
class Lost:
    """What comes back of a call whose actor was lost.

    Attributes:
        failure: Of which class: ``lost``, ``memory``, or ``infrastructure`` with its machine.
        reason: In a line.
    """

    failure: Failure
    reason: str


def connect(address: str | None, cpus: int) -> bool:
    """Connect to Ray or start it here, for this machine alone; return whether this process did.

    Raises:
        WorkersAwayError: No cluster answers there, or Ray does not start here.
    """
    if ray.is_initialized():
        return False
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address is not None:
        _init(f"No Ray cluster answers at {address}", address)
        return True
    # Without a cluster all of Ray's processes listen on loopback alone. Ray reads the variable when it
    # is imported: here for the processes that it starts, which inherit it.
    os.environ[ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR] = "0"
    ray_constants.ENABLE_RAY_CLUSTER = False
    logging.getLogger(_TELLS_OF_TOKENS).setLevel(logging.ERROR)  # asks nothing of anybody here
    _init(
        "Ray does not start on this machine, which may be too busy, or out of memory or of disk",
        "local",
        num_cpus=cpus or os.cpu_count(),
        include_dashboard=False,
        object_store_memory=OBJECT_STORE,
        _node_ip_address="127.0.0.1",
    )
    return True


def _init(refusal: str, address: str, **options: Any) -> None:
    """``ray.init``; where it fails, in whichever way, ``refusal`` says so with Ray's reason."""
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.WARNING, **options)
    except Exception as error:
        reason = next(iter(str(error).strip().splitlines()), "")
        raise WorkersAwayError(f"{refusal}: {type(error).__name__}: {reason}") from error


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
    """The result of finished work; :class:`Lost` where the actor was lost."""
    try:
        return ray.get(reference)
    except RayError as error:
        return Lost(_failure(error), _reason(error))


def _reason(error: RayError) -> str:
    """What Ray says, in a line: the first one, or what was raised while a worker started, the last."""
    lines = str(error).strip().splitlines()
    begins = isinstance(error, RayActorError) and error.actor_init_failed
    return f"{type(error).__name__}: {lines[-1 if begins else 0] if lines else ''}"


def _failure(error: RayError) -> Failure:
    if isinstance(error, OutOfMemoryError):
        return "memory"
    if isinstance(error, NodeDiedError | RaySystemError) or NODE_IS_GONE in str(error):
        return "infrastructure"
    return "lost"


def this_node() -> str:
    """Id of the Ray node that this process belongs to."""
    return str(ray.get_runtime_context().get_node_id())


def address_of(node: str) -> str:
    """IP address of a Ray node; Ray knows it as long as it knows the node."""
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return next(str(one["NodeManagerAddress"]) for one in nodes if one["NodeID"] == node)


def end_worker(node: str, pid: int) -> None:
    """End a worker's process for good, also one that is stopped or hangs, on whatever machine it is."""
    if node == this_node():
        end_process(pid)
        return
    there = NodeAffinitySchedulingStrategy(node, soft=False)
    options: dict[str, Any] = {"num_cpus": 0, "max_retries": 0, "scheduling_strategy": there}
    ray.remote(**options)(end_process).remote(pid)


def end_process(pid: int) -> None:
    """SIGKILL to a process of this machine if it is a worker of Ray: numbers are given out again."""
    with suppress(OSError):
        if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(WORKERS_TITLE):
            os.kill(pid, signal.SIGKILL)
