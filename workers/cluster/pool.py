"""Workers on Ray: actors that stay alive, evaluate packs and train.

Only this file and ``workers.cluster.calls`` know Ray. It is replaceable: nothing is kept in it. The work of
a lost actor is run again on another one.
"""

import logging
import math
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, TypeVar, cast

import ray

from surrogate_zoo.errors import InputError, WorkerError
from workers.cluster.actor import TrainingActor
from workers.cluster.calls import CONTROL, POLL, Reference, connect, control, finished, result_of
from workers.cluster.fair_shares import Call, FairShares
from workers.cluster.packs import ATTEMPTS, Pack, cut_packs, retry
from workers.cluster.refusal import Refusal
from workers.cluster.timer import Timer
from workers.tasks.base import FolderTask, Stopped
from workers.tasks.proxy import Candidate, Outcome, ProxyTask

STOP_POLL = 0.2  # seconds between two calls of should_stop, and of a training's progress
STOP_GRACE = 5.0  # seconds a worker has to stop before it is killed; it looks at every step
FROZEN_PACK = 12  # candidates that share the features of a frozen encoder, where there are as many
PATIENCE = 60.0  # seconds without any worker before the log says so

log = logging.getLogger(__name__)
Actor = Any  # ray.actor.ActorHandle is untyped
Stop = Callable[[], bool]
Progress = Callable[[int, float], None]
Result = TypeVar("Result")


@dataclass(frozen=True)
class _Flight:
    actor: Actor
    ticket: str
    reference: Reference


class WorkerPool:
    """Actors that evaluate candidates, retrain networks and train loss networks.

    Use it as a context manager. What trains blocks and may be called from several threads at once;
    callers share the actors fairly. Every actor trains one thing at a time, with a fixed number of
    CPU threads, so that results repeat.

    Args:
        address: Of a Ray cluster (``auto`` or ``host:port``); None starts Ray on this machine, or
            uses the Ray that this process is connected to already.
        actors: How many; None takes as many as the cluster has room for.
        cpus_per_actor: CPUs that Ray reserves for an actor; its whole part is the thread count.
        gpus_per_actor: GPUs that Ray reserves for an actor; None takes one each where the cluster
            has GPUs, 0 trains on CPUs.
        pack_size: Candidates that an actor trains side by side on shared batches.
    """

    def __init__(
        self,
        *,
        address: str | None = None,
        actors: int | None = None,
        cpus_per_actor: float = 1,
        gpus_per_actor: float | None = None,
        pack_size: int = 1,
    ) -> None:
        if (actors is not None and actors < 1) or pack_size < 1:
            raise InputError("actors and pack_size must be at least 1.")
        if cpus_per_actor <= 0 or (gpus_per_actor or 0) < 0:
            raise InputError("cpus_per_actor must be above 0 and gpus_per_actor not below 0.")
        self._address = address
        self._wanted = actors
        self._cpus = cpus_per_actor
        self._gpus = gpus_per_actor
        self._pack_size = pack_size
        self._shares: FairShares[Actor] = FairShares()
        self._lock = threading.Lock()  # guards the four below
        self._starting: dict[Reference, Actor] = {}
        self._alive: set[Actor] = set()
        self._failed_starts = 0
        self._last_failure = ""
        self._owns_ray = False
        self._complaint = Timer(PATIENCE, first=PATIENCE)

    def __enter__(self) -> "WorkerPool":
        """Connect to Ray, or start it, and create the actors."""
        self._owns_ray = connect(self._address, math.ceil((self._wanted or 0) * self._cpus))
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        if self._gpus is None:
            self._gpus = 1.0 if resources.get("GPU", 0) >= 1 else 0.0
        if self._wanted is None:
            room = resources.get("CPU", 0) / self._cpus
            if self._gpus:
                room = min(room, resources.get("GPU", 0) / self._gpus)
            self._wanted = max(1, math.floor(room))
        for _ in range(self._wanted):
            self._create()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Kill the actors, and stop Ray if this pool started it."""
        with self._lock:
            for actor in self._alive:
                ray.kill(actor)
            self._alive.clear()
            self._starting.clear()
        if self._owns_ray:
            ray.shutdown()

    @property
    def actors(self) -> int:
        """How many actors this pool keeps up."""
        if self._wanted is None:
            raise InputError("The pool is not open: use it in a with statement.")
        return self._wanted

    def workers(self) -> list[dict[str, str | int]]:
        """The state of every actor: starting, idle, busy or silent.

        Of those that answer in time also host, pid, device, threads and torch version.
        """
        with self._lock:
            starting = set(self._starting.values())
            asked = {control(actor.facts): actor for actor in self._alive - starting}
        idle = self._shares.idle()
        told: list[dict[str, str | int]] = [{"state": "starting"} for _ in starting]
        if asked:
            references = list(asked)
            ready, silent = ray.wait(references, num_returns=len(asked), timeout=STOP_GRACE)
            for reference in ready:
                facts = result_of(reference)
                state = "idle" if asked[reference] in idle else "busy"
                told.append(
                    {**facts, "state": state} if isinstance(facts, dict) else {"state": "silent"}
                )
            told += [{"state": "silent"} for _ in silent]
        return told

    def evaluate(
        self,
        task: ProxyTask,
        candidates: Sequence[Candidate],
        *,
        on_outcome: Callable[[Outcome], None],
        should_stop: Stop = lambda: False,
    ) -> None:
        """Evaluate ``candidates``, in packs, on the actors.

        When an actor is lost, its candidates are run again elsewhere, one by one, so that one that
        kills its worker takes no other along; one that lost three workers fails.

        Args:
            task: The proxy task.
            candidates: The losses.
            on_outcome: Called in this thread as outcomes come in, in any order, once each.
            should_stop: Looked at five times a second.

        Raises:
            Stopped: ``should_stop`` became true. Running trainings are given up within seconds.
            InputError: The task is wrong, so that no candidate can run.
            WorkerError: No worker can be started.
        """
        packs = cut_packs(candidates, self._size_of_packs(task, len(candidates)))
        running: dict[Reference, tuple[_Flight, Pack]] = {}
        stop = Timer(STOP_POLL)
        with self._shares.call() as call:
            try:
                while packs or running:
                    if stop.due() and should_stop():
                        _stopped()
                    while packs and (actor := self._claim(call)) is not None:
                        pack = packs.popleft()
                        ticket = uuid.uuid4().hex
                        reference = actor.evaluate.remote(ticket, task, pack.candidates)
                        running[reference] = (_Flight(actor, ticket, reference), pack)
                    if not packs:
                        self._shares.rest(call)
                    for reference in finished(running):
                        run, pack = running.pop(reference)
                        outcomes = self._collect(call, run)
                        if isinstance(outcomes, str):
                            packs.extendleft(retry(pack, outcomes, on_outcome))
                        else:
                            for outcome in outcomes:
                                on_outcome(outcome)
            finally:
                self._halt(call, [run for run, _ in running.values()])

    def run(
        self,
        task: FolderTask[Result],
        folder: Path,
        *,
        on_progress: Progress = lambda _steps, _loss: None,
        should_stop: Stop = lambda: False,
    ) -> Result:
        """Do a task in ``folder`` on one actor.

        ``folder`` must be on a disk that this process and the actors share. When the actor is lost,
        another one goes on from the last checkpoint, or begins anew where the task keeps none.

        Args:
            task: What to do; :data:`workers.cluster.worker.FUNCTIONS` names what does it.
            folder: For checkpoints and results.
            on_progress: Called in this thread with steps taken and recent loss, as they come.
            should_stop: Looked at five times a second.

        Raises:
            Stopped: ``should_stop`` became true; a checkpoint was written before.
            InputError: The task is wrong.
            WorkerError: The training diverged, or three workers were lost without progress.
        """
        lost, best = 0, -1

        def progressed(steps: int, loss: float) -> None:
            nonlocal lost, best
            if steps > best:
                lost, best = 0, steps
                on_progress(steps, loss)

        with self._shares.call() as call:
            while True:
                actor, ticket = self._wait_for_actor(call, should_stop), uuid.uuid4().hex
                reference = actor.run.remote(ticket, task, str(folder.resolve()))
                run = _Flight(actor, ticket, reference)
                try:
                    self._watch(run, progressed, should_stop)
                except BaseException:
                    self._halt(call, [run])
                    raise
                result = self._collect(call, run)
                if not isinstance(result, str):
                    return cast("Result", result)
                if (lost := lost + 1) >= ATTEMPTS:
                    raise WorkerError(f"worker lost {lost} times: {result}")

    def _size_of_packs(self, task: ProxyTask, candidates: int) -> int:
        """As it was asked for; larger on a frozen encoder, whose features a pack computes once."""
        if not task.frozen_encoder:
            return self._pack_size
        return max(self._pack_size, min(FROZEN_PACK, math.ceil(candidates / self.actors)))

    def _wait_for_actor(self, call: Call, should_stop: Stop) -> Actor:
        stop = Timer(STOP_POLL)
        while (actor := self._claim(call)) is None:
            if stop.due() and should_stop():
                _stopped()
            time.sleep(POLL)
        return actor

    def _watch(self, run: _Flight, on_progress: Progress, should_stop: Stop) -> None:
        """Report progress until the training ends, well or not; raise Stopped if asked to."""
        look = Timer(STOP_POLL)
        while not finished([run.reference]):
            if not look.due():
                continue
            if should_stop():
                _stopped()
            reference = control(run.actor.progress, run.ticket)
            if ray.wait([reference], timeout=STOP_GRACE)[0] and isinstance(
                progress := result_of(reference), tuple
            ):
                on_progress(*progress)

    def _claim(self, call: Call) -> Actor | None:
        """Take an idle actor that answers; replace those that do not."""
        self._welcome()
        while (actor := self._shares.claim(call)) is not None:
            answer = control(actor.facts)
            if ray.wait([answer], timeout=STOP_GRACE)[0] and isinstance(result_of(answer), dict):
                return actor
            log.warning("A worker died while it was idle.")
            self._shares.give_back(call, None)
            self._replace(actor)
        return None

    def _welcome(self) -> None:
        """Move actors that finished starting to the idle ones; give up if none can start."""
        with self._lock:
            ready = finished(self._starting, timeout=0)
            started = [(self._starting.pop(reference), result_of(reference)) for reference in ready]
        for actor, facts in started:
            if isinstance(facts, str):
                self._failed_starts += 1
                self._last_failure = facts
                self._replace(actor)
            else:
                self._failed_starts = 0
                self._shares.add(actor)
        if self._failed_starts >= ATTEMPTS * self.actors:
            raise WorkerError(f"No worker can be started: {self._last_failure}")
        if len(self._starting) == self.actors and self._complaint.due():
            log.warning("Waiting for Ray to start %d workers.", self.actors)

    def _collect(self, call: Call, run: _Flight) -> Any:
        """Give the actor of a finished run back; return its result, or why it was lost (str)."""
        result = result_of(run.reference)
        if isinstance(result, Refusal) and not result.kind:
            result = result.message  # nobody raised it on purpose: the process may be damaged
        if isinstance(result, str):
            log.warning("Lost a worker: %s", result)
            self._shares.give_back(call, None)
            self._replace(run.actor)
            return result
        self._shares.give_back(call, run.actor)
        if isinstance(result, Refusal):
            result.throw()
        return result

    def _halt(self, call: Call, runs: Sequence[_Flight]) -> None:
        """Stop runs and give their actors back; one that does not listen is replaced."""
        for run in runs:
            control(run.actor.stop, run.ticket)
        deadline = time.monotonic() + STOP_GRACE
        for run in runs:
            patience = max(0.0, deadline - time.monotonic())
            ready, _ = ray.wait([run.reference], timeout=patience)
            well = bool(ready) and not isinstance(result_of(run.reference), str)
            self._shares.give_back(call, run.actor if well else None)
            if not well:
                self._replace(run.actor)

    def _create(self) -> None:
        """Ask Ray for one more actor; it counts as idle once it has answered."""
        options: dict[str, Any] = {
            "num_cpus": self._cpus,
            "num_gpus": self._gpus,
            "concurrency_groups": {CONTROL: 1},
        }
        threads = max(1, int(self._cpus))
        actor_class: Any = ray.remote(**options)(TrainingActor)
        actor = actor_class.remote(threads, "cuda" if self._gpus else "cpu")
        with self._lock:
            self._alive.add(actor)
            self._starting[control(actor.facts)] = actor

    def _replace(self, actor: Actor) -> None:
        with self._lock:
            self._alive.discard(actor)
        ray.kill(actor)
        self._create()


def _stopped() -> NoReturn:
    raise Stopped("Stopped as requested.")
