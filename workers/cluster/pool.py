"""Workers on Ray: actors that stay alive, evaluate packs and train.

It is replaceable: nothing is kept in it. What failed is run again as the budget of its class of
failures allows (``workers.cluster.packs``).
"""

import logging
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, TypeVar, cast

import ray

from surrogate_zoo.errors import InputError, WorkerError, WorkersAwayError
from workers.cluster.actors import START_SECONDS, STOP_GRACE, Actors, Seat
from workers.cluster.calls import POLL, Lost, Reference, control, finished, result_of
from workers.cluster.fair_shares import Call
from workers.cluster.flight import (
    Flight,
    culprit_of,
    flown,
    flown_together,
    outcome_of,
    outcomes_of,
)
from workers.cluster.packs import Ended, Pack, again, cut_packs, may_go_on, verdict
from workers.cluster.pulse import Pulse
from workers.cluster.refusal import Refusal
from workers.cluster.timer import Timer
from workers.tasks.base import FolderTask, Stopped
from workers.tasks.failures import Failure
from workers.tasks.proxy import Candidate, Outcome, ProxyTask
from workers.tasks.shares import check_devices

STOP_POLL = 0.2  # seconds between two calls of should_stop, and of a training's progress
STEPS_POLL = 2.0  # seconds between two looks at the steps of a pack
FROZEN_PACK = 12  # candidates that share the features of a frozen encoder, where there are as many
STALL_SECONDS = 3600.0

log = logging.getLogger(__name__)
Stop = Callable[[], bool]
Progress = Callable[[int, float], None]
Result = TypeVar("Result")


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
        stall_seconds: Without a step or an answer for so long, what an actor trains counts as stuck.
    """

    def __init__(
        self,
        *,
        address: str | None = None,
        actors: int | None = None,
        cpus_per_actor: float = 1,
        gpus_per_actor: float | None = None,
        pack_size: int = 1,
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        if (actors is not None and actors < 1) or pack_size < 1:
            raise InputError("actors and pack_size must be at least 1.")
        if cpus_per_actor <= 0 or (gpus_per_actor or 0) < 0:
            raise InputError("cpus_per_actor must be above 0 and gpus_per_actor not below 0.")
        self._pack_size, self._stall = pack_size, stall_seconds
        self._actors = Actors(address, actors, cpus_per_actor, gpus_per_actor)

    def __enter__(self) -> "WorkerPool":
        """Connect to Ray, or start it, and create the actors."""
        self._actors.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Kill the actors, and stop Ray if this pool started it."""
        self._actors.close()

    @property
    def actors(self) -> int:
        """How many actors this pool keeps up."""
        return self._actors.number

    @property
    def lost(self) -> str | None:
        """Why nothing can be trained with this pool any more, another one may; None while it is well."""
        return self._actors.lost

    def workers(self) -> list[dict[str, str | int]]:
        """The state of every actor: starting, idle, busy or silent; and nodes that are ``set-aside``.

        Of those that answer in time also host, pid, device, threads, torch version and node.
        """
        return self._actors.states()

    def evaluate(
        self,
        task: ProxyTask,
        candidates: Sequence[Candidate],
        *,
        on_outcome: Callable[[Outcome], None],
        should_stop: Stop = lambda: False,
    ) -> None:
        """Evaluate ``candidates``, in packs, on the actors.

        What fails on the way is run again elsewhere as :func:`workers.cluster.packs.again` says.

        Args:
            task: The proxy task.
            candidates: The losses.
            on_outcome: Called in this thread as outcomes come in, in any order, once each.
            should_stop: Looked at five times a second.

        Raises:
            Stopped: ``should_stop`` became true. Running trainings are given up within seconds.
            InputError: The task is wrong, so that no candidate can run.
            WorkersAwayError: No worker can be had for now.
        """
        packs = cut_packs(candidates, self._size_of_packs(task, len(candidates)))
        running: dict[Reference, tuple[Flight, Pulse, Pack]] = {}
        stop = Timer(STOP_POLL)
        with self._actors.shares.call() as call:
            try:
                while packs or running:
                    if stop.due() and should_stop():
                        _stopped()
                    self._actors.check()
                    while packs and (seats := self._actors.claim(call)):
                        (seat,), pack = seats, packs.popleft()
                        flight = flown(seat, seat.actor.evaluate, task, pack.candidates)
                        pulse = Pulse(flight, STEPS_POLL, self._stall)
                        running[flight.reference] = (flight, pulse, pack)
                    if not packs:
                        self._actors.shares.rest(call)
                    for reference in finished(running) or _stuck(running):
                        flight, pulse, pack = running.pop(reference)
                        if pulse.is_stuck or outcome_of(flight)[0]:
                            named = f"{task.metric} {pack.origin}"
                            ended = self._failed(call, [flight], pulse, named)
                            packs.extendleft(again(pack, ended, on_outcome))
                        else:
                            for outcome in self._landed(call, flight):
                                on_outcome(outcome)
            finally:
                self._halt(call, [flight for flight, _, _ in running.values()])

    def run(
        self,
        task: FolderTask[Result],
        folder: Path,
        *,
        on_progress: Progress = lambda _steps, _loss: None,
        should_stop: Stop = lambda: False,
    ) -> Result:
        """Do a task in ``folder`` on as many actors as it asks for, most often one.

        ``folder`` must be on a disk that this process and the actors share. When an actor is lost,
        the others end too, and others go on from the last checkpoint, or begin anew where the task
        keeps none.

        Args:
            task: What to do; :data:`workers.cluster.worker.FUNCTIONS` names what does it.
            folder: For checkpoints and results.
            on_progress: Called in this thread with steps taken and recent loss, as they come.
            should_stop: Looked at five times a second.

        Raises:
            Stopped: ``should_stop`` became true; a checkpoint was written before.
            InputError: The task is wrong, or asks for more actors than there are.
            WorkersAwayError: No worker can be had for now, or not as many as it asks for.
            WorkerError: The training diverged, or failed without progress as often as it may.
        """
        failed: list[Failure] = []
        best = -1

        def progressed(steps: int, loss: float) -> None:
            nonlocal best
            if steps > best:
                failed.clear()
                best = steps
                on_progress(steps, loss)

        check_devices(task.workers, self.actors)
        if task.workers > 1 and self._actors.share_gpus:
            raise InputError(
                "Workers that share a GPU cannot share a training: ask for 1 device, or start the service "
                "with LOSSFIT_GPUS_PER_ACTOR=1."
            )
        with self._actors.shares.call() as call:
            while True:
                seats = self._wait_for_actors(call, task.workers, should_stop)
                flights = flown_together(seats, task, folder)
                result = self._watch(call, flights, str(folder), progressed, should_stop)
                if not isinstance(result, Ended):
                    return cast("Result", result)
                failed.append(result.failure)
                if not may_go_on(failed):
                    raise WorkerError(verdict(failed, result), result.failure)

    def _size_of_packs(self, task: ProxyTask, candidates: int) -> int:
        """As it was asked for; larger on a frozen encoder, whose features a pack computes once."""
        if not task.frozen_encoder:
            return self._pack_size
        return max(self._pack_size, min(FROZEN_PACK, math.ceil(candidates / self.actors)))

    def _wait_for_actors(self, call: Call, number: int, should_stop: Stop) -> list[Seat]:
        stop, enough = Timer(STOP_POLL), time.monotonic()
        while not (seats := self._actors.claim(call, number)):
            if stop.due() and should_stop():
                _stopped()
            if (up := self._actors.up) >= number:
                enough = time.monotonic()
            elif time.monotonic() - enough > START_SECONDS:
                raise WorkersAwayError(f"The training takes {number} workers at once; {up} are up.")
            time.sleep(POLL)
        return seats

    def _watch(
        self,
        call: Call,
        flights: Sequence[Flight],
        pack: str,
        on_progress: Progress,
        should_stop: Stop,
    ) -> Any:
        """Report the progress of a run until it has ended; its result, or how it failed."""
        pulse, stop, result = Pulse(flights[0], STOP_POLL, self._stall), Timer(STOP_POLL), None
        going = {flight.reference: flight for flight in flights}
        try:
            while going:
                if stop.due() and should_stop():
                    _stopped()
                self._actors.check()
                if (news := pulse.look()) is not None:
                    on_progress(*news)
                over = finished(going)
                if pulse.is_stuck or any(outcome_of(going[each])[0] for each in over):
                    break
                for flight in [going.pop(each) for each in over]:
                    landed = self._landed(call, flight)
                    result = landed if flight is flights[0] else result
        except BaseException:
            self._halt(call, list(going.values()))
            raise
        return self._failed(call, list(going.values()), pulse, pack) if going else result

    def _landed(self, call: Call, flight: Flight) -> Any:
        """Give the actor of a run back that ended well; return the run's result, or raise its error."""
        self._actors.give_back(call, flight.seat)
        result = outcome_of(flight)[1]
        if isinstance(result, Refusal):
            result.throw()
        return result

    def _failed(self, call: Call, flights: Sequence[Flight], pulse: Pulse, pack: str) -> Ended:
        """Give the actors of a run back that failed on one of them at least; return how."""
        stuck = Ended("stuck", f"no step for {pulse.stall:g} s")
        outcomes = [(stuck, None)] * len(flights) if pulse.is_stuck else outcomes_of(flights)
        ended = culprit_of([failure for failure, _ in outcomes if failure is not None])
        log.warning("Lost a worker (%s): %s", ended.failure, ended.reason)
        alike = all(failure and failure.failure == ended.failure for failure, _ in outcomes)
        refused = None
        for flight, (failure, result) in zip(flights, outcomes, strict=True):
            if failure is None:
                self._actors.give_back(call, flight.seat)
                refused = result if isinstance(result, Refusal) else refused
                continue
            if failure.failure == ended.failure and (len(flights) == 1 or not alike):
                self._actors.failed(flight.seat, pack, failure)
            self._actors.discard(call, flight.seat)
        if refused is not None:  # on purpose, and the others ended because of it
            refused.throw()
        return ended

    def _halt(self, call: Call, flights: Sequence[Flight]) -> None:
        """Stop runs and give their actors back; one that does not listen is ended and replaced."""
        if self.lost is not None:
            for flight in flights:
                self._actors.discard(call, flight.seat)
            return
        for flight in flights:
            control(flight.seat.actor.stop, flight.ticket)
        deadline = time.monotonic() + STOP_GRACE
        for flight in flights:
            patience = max(0.0, deadline - time.monotonic())
            ready, _ = ray.wait([flight.reference], timeout=patience)
            if ready and not isinstance(result_of(flight.reference), Lost):
                self._actors.give_back(call, flight.seat)
            else:
                self._actors.discard(call, flight.seat)


def _stuck(running: dict[Reference, tuple[Flight, Pulse, Pack]]) -> list[Reference]:
    """Runs that have not moved for too long; looks at their pulse."""
    for _, pulse, _ in running.values():
        pulse.look()
    return [reference for reference, (_, pulse, _) in running.items() if pulse.is_stuck]


def _stopped() -> NoReturn:
    raise Stopped("Stopped as requested.")
