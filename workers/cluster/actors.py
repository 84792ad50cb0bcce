"""The actors of a pool: started, handed to calls, replaced when they are lost, kept off bad machines.

It is replaceable: nothing is kept in it.
"""

import logging
import math
import threading
import time
from dataclasses import dataclass
from typing import Any

import ray

from surrogate_zoo.errors import InputError, WorkersAwayError
from workers.cluster.actor import TrainingActor
from workers.cluster.calls import (
    CONTROL,
    Lost,
    Reference,
    connect,
    control,
    end_worker,
    finished,
    result_of,
    this_node,
)
from workers.cluster.fair_shares import Call, FairShares
from workers.cluster.liveness import RayWatch
from workers.cluster.nodes import NodeHealth
from workers.cluster.packs import Ended

STOP_GRACE = 5.0  # seconds a worker has to answer or to stop before it is killed
START_SECONDS = 300.0  # seconds without any worker after which jobs wait elsewhere
START_TRIES = 3  # failed starts of each actor in a row after which they do too
NODE_LABEL = "ray.io/node-id"  # by which Ray tells nodes apart

log = logging.getLogger(__name__)
Actor = Any  # ray.actor.ActorHandle is untyped
Facts = dict[str, str | int]


class Worker(TrainingActor):
    """As an actor, which knows the node of Ray that it is on."""

    def facts(self) -> Facts:
        """Where this worker runs."""
        return {**super().facts(), "node": this_node()}


@dataclass(frozen=True)
class Seat:
    """An actor that has started.

    Attributes:
        actor: The actor.
        node: Id of its node of Ray.
        host: Name of its machine.
        pid: Of its process.
    """

    actor: Actor
    node: str
    host: str
    pid: int


class Actors:
    """Keeps a number of actors up; calls share them fairly. Every method may be called from any thread.

    Args:
        address: As of :class:`workers.cluster.pool.WorkerPool`, as the next three.
        wanted: How many; None takes as many as the cluster has room for.
        cpus: CPUs of each.
        gpus: GPUs of each.
    """

    def __init__(
        self, address: str | None, wanted: int | None, cpus: float, gpus: float | None
    ) -> None:
        self._address, self._wanted, self._cpus, self._gpus = address, wanted, cpus, gpus
        self.shares: FairShares[Seat] = FairShares(lambda seat: seat.node)
        self.nodes = NodeHealth()
        self._lock = threading.Lock()  # guards the six below
        self._starting: dict[Reference, Actor] = {}
        self._seats: dict[Actor, Seat] = {}
        self._failed_starts = 0
        self._last_failure = ""
        self._seen = time.monotonic()  # when there was a worker last
        self._none_comes = False
        self._owns_ray = False
        self._watch = RayWatch()

    def open(self) -> None:
        """Connect to Ray, or start it, and create the actors."""
        self._owns_ray = connect(self._address, math.ceil((self._wanted or 0) * self._cpus))
        self._watch.open()
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        if self._gpus is None:
            self._gpus = 1.0 if resources.get("GPU", 0) >= 1 else 0.0
        if self._wanted is None:
            room = resources.get("CPU", 0) / self._cpus
            if self._gpus:
                room = min(room, resources.get("GPU", 0) / self._gpus)
            self._wanted = max(1, math.floor(room))
        self._seen = time.monotonic()
        for _ in range(self._wanted):
            self._create()

    def close(self) -> None:
        """End the actors, and Ray if it was started here."""
        self._watch.close()
        with self._lock:
            actors = [*self._seats, *self._starting.values()]
            seats = list(self._seats.values())
            self._seats.clear()
            self._starting.clear()
        if self.lost is not None:  # Ray would not answer
            for seat in seats:
                self._end(seat)
            return
        for actor in actors:
            ray.kill(actor)
        for seat in seats:
            self._end(seat)
        if self._owns_ray:
            ray.shutdown()

    @property
    def number(self) -> int:
        """How many actors are kept up.

        Raises:
            InputError: They are not open.
        """
        if self._wanted is None:
            raise InputError("The pool is not open: use it in a with statement.")
        return self._wanted

    @property
    def up(self) -> int:
        """How many actors have started and are not known to be lost."""
        with self._lock:
            return len(self._seats)

    @property
    def share_gpus(self) -> bool:
        """Whether several of them train on one GPU."""
        return 0 < (self._gpus or 0) < 1

    @property
    def lost(self) -> str | None:
        """Why this Ray is of no use any more; None while it is well."""
        if self._none_comes and self._owns_ray:
            return f"Ray has started no worker for {START_SECONDS:g} s."
        return self._watch.lost

    def states(self) -> list[Facts]:
        """Each actor's ``state`` (starting, idle, busy, silent), and facts of those that answer.

        A node that is set aside is there as one with the state ``set-aside``, its ``node`` and ``reason``.
        """
        self._take_in()
        with self._lock:
            starting, seats = len(self._starting), list(self._seats.values())
        asked = {control(seat.actor.facts): seat for seat in seats}
        idle = self.shares.idle()
        told: list[Facts] = [{"state": "starting"} for _ in range(starting)]
        if asked:
            ready, silent = ray.wait(list(asked), num_returns=len(asked), timeout=STOP_GRACE)
            for reference in ready:
                seat, facts = asked[reference], result_of(reference)
                if isinstance(facts, dict):
                    told.append({**facts, "state": "idle" if seat in idle else "busy"})
                else:
                    told.append({"host": seat.host, "pid": seat.pid, "state": "silent"})
            for seat in (asked[reference] for reference in silent):
                told += [{"host": seat.host, "pid": seat.pid, "state": "silent"}]
        aside = self.nodes.aside.items()
        return told + [{"state": "set-aside", "node": node, "reason": why} for node, why in aside]

    def claim(self, call: Call, number: int = 1) -> list[Seat]:
        """Take so many idle actors that answer, or none; replace those that do not answer.

        Raises:
            WorkersAwayError: None can be had for now.
        """
        self._welcome()
        if self.up < number:  # nobody is to wait for a call that cannot have them anyway
            self.shares.rest(call)
            return []
        while seats := self.shares.claim(call, number):
            well = [seat for seat in seats if self._is_well(seat)]
            if len(well) == number:
                return well
            for seat in seats:
                if seat in well:
                    self.shares.give_back(call, seat)
                else:
                    self.discard(call, seat)
        return []

    def _is_well(self, seat: Seat) -> bool:
        if seat.node in self.nodes.aside:
            log.info("A worker leaves a machine that is set aside.")
            return False
        answer = control(seat.actor.facts)
        if ray.wait([answer], timeout=STOP_GRACE)[0] and isinstance(result_of(answer), dict):
            return True
        log.warning("A worker died while it was idle.")
        return False

    def give_back(self, call: Call, seat: Seat) -> None:
        """Return an actor that is well."""
        self.nodes.succeeded(seat.node)
        self.shares.give_back(call, seat)

    def discard(self, call: Call, seat: Seat) -> None:
        """Return an actor that is not: its process is gone soon, and another one is started."""
        self.shares.give_back(call, None)
        with self._lock:
            self._seats.pop(seat.actor, None)
        if self.lost is not None:
            return
        ray.kill(seat.actor)
        self._end(seat)
        self._create()

    def failed(self, seat: Seat, pack: str, ended: Ended) -> None:
        """Something failed on an actor's node; sets the node aside where it is one too many."""
        if not self.nodes.failed(seat.node, pack, ended.failure, ended.reason):
            return
        if self._others(seat.node):
            self.nodes.set_aside(seat.node)
            log.warning("%s is set aside: %s", seat.host, self.nodes.aside[seat.node])

    def check(self) -> None:
        """Raise if nothing can be trained for now.

        Raises:
            WorkersAwayError: Ray is gone, or starts no worker.
        """
        if (reason := self.lost) is not None:
            raise WorkersAwayError(reason)

    def _welcome(self) -> None:
        """Take in those that have started; give up for now if none comes."""
        self.check()
        self._take_in()
        with self._lock:
            if self._seats:
                self._seen = time.monotonic()
            tried = self._failed_starts >= START_TRIES * self.number
            waited = time.monotonic() - self._seen >= START_SECONDS
            if not tried and not waited:
                return
            self._failed_starts, self._seen = 0, time.monotonic()
            self._none_comes = self._none_comes or waited
        why = self._last_failure if tried else f"none has started for {START_SECONDS:g} s"
        raise WorkersAwayError(f"No worker can be started: {why}")

    def _take_in(self) -> None:
        """Move actors that finished starting to the idle ones, and replace those that could not."""
        if self.lost is not None:
            return
        with self._lock:
            ready = finished(self._starting, timeout=0)
            started = [(self._starting.pop(reference), result_of(reference)) for reference in ready]
        for actor, facts in started:
            self._seat(actor, facts)

    def _seat(self, actor: Actor, facts: Facts | Lost) -> None:
        if isinstance(facts, Lost):
            with self._lock:
                self._failed_starts += 1
                self._last_failure = facts.reason
            ray.kill(actor)
            self._create()
            return
        seat = Seat(actor, str(facts["node"]), str(facts["host"]), int(facts["pid"]))
        with self._lock:
            self._failed_starts = 0
            self._seats[actor] = seat
        self.shares.add(seat)

    def _others(self, node: str) -> bool:
        """Whether a node is left that has room for an actor, beside this one and those set aside."""
        out = {node, *self.nodes.aside}
        return any(
            one["Alive"] and one["NodeID"] not in out and self._fits(one["Resources"])
            for one in ray.nodes()  # type: ignore[no-untyped-call]
        )

    def _fits(self, resources: dict[str, float]) -> bool:
        gpus = self._gpus or 0.0
        return resources.get("CPU", 0) >= self._cpus and resources.get("GPU", 0) >= gpus

    def _create(self) -> None:
        """Ask Ray for one more actor; it counts as idle once it has answered."""
        options: dict[str, Any] = {
            "num_cpus": self._cpus,
            "num_gpus": self._gpus,
            "concurrency_groups": {CONTROL: 1},
        }
        if aside := self.nodes.aside:
            options["label_selector"] = {NODE_LABEL: f"!in({','.join(aside)})"}
        actor_class: Any = ray.remote(**options)(Worker)
        actor = actor_class.remote(max(1, int(self._cpus)), "cuda" if self._gpus else "cpu")
        with self._lock:
            self._starting[control(actor.facts)] = actor

    def _end(self, seat: Seat) -> None:
        """Let an actor's process be gone, whatever it does: Ray asks it, and a stopped one does not hear."""
        if self.lost is None or self._is_here(seat):
            end_worker(seat.node, seat.pid)

    def _is_here(self, seat: Seat) -> bool:
        return seat.node == this_node()
