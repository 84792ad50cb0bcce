"""Steps of a pack on a GPU as CUDA graphs: one makes the batch, and each learner has one of its step.

A small network's step is some thousand kernels of a few microseconds, which a host cannot start as fast
as a GPU runs them. A graph starts them at once, and the graphs of a pack run side by side on a stream
each, since one candidate's late layers leave most of a card idle. What differs from step to step lies on
the device: the plan of the batches, the number of the step, the table of learning rates. Dropout is drawn
from a generator that is seeded before every replay, so it follows from (seed, step) as in the loop.

The first steps of a learner are taken one kernel after the other, and watched: one that waits for the
device cannot be captured. Such a learner goes on in the loop, and says why.
"""

import gc
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

from workers.learning.batch_counts import BatchCounts
from workers.learning.batches import AHEAD, Batches, TrainingBatch
from workers.learning.streams import seed_device

SWITCH = "LOSSFIT_CUDA_GRAPHS"
"""Environment variable of a worker; 0 switches graphs off."""

SPARE = 2.5
"""Times the memory of a graph that must be free for another one."""

WARM_UP = 2
"""Steps that a learner takes before its step is captured."""


class Captured(Protocol):
    """What a learner must be for its steps to be captured; see :class:`workers.learning.learner.Learner`."""

    failure: str | None
    ran: str
    counts: BatchCounts

    @property
    def uncapturable(self) -> str | None:
        """Why its steps cannot be captured."""

    @property
    def way(self) -> str:
        """What it is called where they are."""

    def step(self, step: int, batch: TrainingBatch, *, at: Tensor | None = None) -> None:
        """Take a step, one kernel after the other."""

    def take(self, at: Tensor, batch: TrainingBatch) -> None:
        """What a device does in a step."""

    def replayed(self, step: int) -> None:
        """Note that a graph took a step."""

    def features(self, images: Tensor) -> Any:
        """What learners share beside the batch: the first one makes it, and the others find it."""

    def forget(self) -> None:
        """Forget what is shared: it is to be made anew."""


Member = TypeVar("Member", bound=Captured)


def switched_off(device: torch.device) -> str | None:
    """Why no step on a device is captured; None where graphs are made, empty where there are none."""
    if device.type != "cuda":
        return ""
    return f"{SWITCH} is 0" if os.environ.get(SWITCH) == "0" else None


class CapturedSteps:
    """The steps of a pack that run as graphs.

    Args:
        batches: What is trained on, on the device.
        device: Of the learners.
        side_by_side: Whether the learners' graphs run at once, on a stream each, or one after the other.
    """

    def __init__(
        self, batches: Batches, device: torch.device, *, side_by_side: bool = True
    ) -> None:
        self._off = switched_off(device)
        self._side_by_side = side_by_side
        self._batches, self._device = batches, device
        self._lanes: dict[int, _Lane] = {}
        self._room = Room(device)
        self._batch: BatchGraph | None = None

    def take(self, step: int, learners: Sequence[Member], seed: int) -> list[Member]:
        """Take step ``step`` with all learners that can.

        Args:
            step: Its number.
            learners: Those to take it.
            seed: What the step's dropout is drawn from.

        Returns:
            The others: the loop has to take it with them.
        """
        if self._off is not None:
            for learner in learners:
                learner.ran = f"loop: {self._off}" if self._off else "loop"
            return list(learners)
        lanes = [self._lane(learner) for learner in learners]
        able = [pair for pair in zip(learners, lanes, strict=True) if pair[1].refusal is None]
        if not able:
            return list(learners)
        batch = self.batch_of(step, [learner for learner, _ in able])
        main = torch.cuda.current_stream(self._device)
        taken = {id(learner) for learner, lane in able if lane.take(learner, step, batch, seed)}
        for _, lane in able:
            main.wait_stream(lane.stream)  # the next batch takes the place of this one
        return [learner for learner in learners if id(learner) not in taken]

    def batch_of(self, step: int, learners: Sequence[Captured]) -> TrainingBatch:
        """The batch of a step, and what learners share of it; the next one takes its place."""
        if self._batch is None:
            self._batch = BatchGraph(self._batches, self._device, learners)
        return self._batch.of(step)

    def _lane(self, learner: Captured) -> "_Lane":
        if id(learner) not in self._lanes:
            shared = next(iter(self._lanes.values()), None)
            if shared is None or self._side_by_side:
                stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
            else:
                stream = shared.stream
            self._lanes[id(learner)] = _Lane(learner, self._device, stream, self._room)
        return self._lanes[id(learner)]


class BatchGraph:
    """The batches, made by a graph: always in the same place.

    Args:
        batches: What is trained on.
        device: Where.
        learners: Whose shared features, of a frozen encoder, are made along with a batch.
    """

    def __init__(
        self, batches: Batches, device: torch.device, learners: Sequence[Captured] = ()
    ) -> None:
        self._batches, self._device, self._learners = batches, device, learners
        self._offset = torch.zeros(1, dtype=torch.int64, device=device)
        self._plan = batches.plan(0, AHEAD)
        self._first = 0
        side = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(side):
            self._assembled()  # once outside, so that constants are there
            self._graph, (self._batch, self._features) = capture(self._assembled)

    def of(self, step: int) -> TrainingBatch:
        """The batch of a step; the next one takes its place."""
        first = step - step % AHEAD
        if first != self._first:
            self._plan.copy_(self._batches.plan(first, AHEAD))
            self._first = first
        self._offset.fill_(step - first)
        self._graph.replay()
        return self._batch

    def _assembled(self) -> tuple[TrainingBatch, list[Any]]:
        for learner in self._learners:
            learner.forget()
        batch = self._batches.assemble(self._plan.at(self._offset))
        return batch, [learner.features(batch.images) for learner in self._learners]


class Room:
    """The memory that graphs take, each its own; the loop, which takes it in turns, must have some left.

    Args:
        device: The GPU.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._each = 0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """A graph is captured inside.

        Raises:
            RuntimeError: Too little would be left, by what earlier graphs have taken.
        """
        if self._each:
            torch.cuda.empty_cache()
            free, _ = torch.cuda.mem_get_info(self._device)
            if free < SPARE * self._each:
                raise RuntimeError(
                    f"its graph would take {self._each / 2**30:.1f} GiB of the last memory"
                )
        before = torch.cuda.memory_reserved(self._device)
        yield
        self._each = max(self._each, torch.cuda.memory_reserved(self._device) - before)


class _Lane:
    """A learner on a stream of its own.

    Attributes:
        stream: The stream.
        refusal: Why its steps are not captured; None where they are, or have yet to be.
    """

    def __init__(
        self, learner: Captured, device: torch.device, stream: torch.cuda.Stream, room: Room
    ) -> None:
        self.stream, self._room = stream, room
        self.refusal: str | None = None
        self._device = device
        self._at = torch.zeros(1, dtype=torch.int64, device=device)
        self._watched = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        reason = learner.uncapturable
        if reason is not None:
            self._refuse(learner, reason)

    def take(self, learner: Captured, step: int, batch: TrainingBatch, seed: int) -> bool:
        """Take a step of a learner on the stream; whether it is taken."""
        self.stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self.stream):
            self._at.fill_(step)
            if self._watched < WARM_UP:
                self._watch(learner, step, batch, seed)
                return True
            if self._graph is None and not self._capture(learner, batch):
                return False
            assert self._graph is not None  # noqa: S101  it was captured
            seed_device(self._device, seed)
            self._graph.replay()
            learner.replayed(step)
        return True

    def _watch(self, learner: Captured, step: int, batch: TrainingBatch, seed: int) -> None:
        """Take one of the first steps, and see whether it waits."""
        seed_device(self._device, seed)
        with waits_noted() as waits, learner.counts.watched():
            learner.step(step, batch, at=self._at)
        self._watched += 1
        if waits and self._watched == WARM_UP:  # the first step may set up what later ones find
            self._refuse(learner, f"a step waits for the device, at {waits[0]}")

    def _capture(self, learner: Captured, batch: TrainingBatch) -> bool:
        """Capture the step of a learner; whether that was possible."""
        try:
            with self._room.taken(), learner.counts.kept():
                self._graph, _ = capture(lambda: learner.take(self._at, batch))
        except RuntimeError as error:
            self._refuse(learner, f"a step cannot be captured, {str(error).splitlines()[0]}")
            return False
        learner.ran = learner.way
        return True

    def _refuse(self, learner: Captured, reason: str) -> None:
        self.refusal = reason
        learner.ran = f"loop: {reason}"


Result = TypeVar("Result")


def capture(work: Callable[[], Result]) -> tuple[torch.cuda.CUDAGraph, Result]:
    """Capture work on the current stream, which is none of the default ones, as a graph.

    The work does not run now. What it returns is written anew by every replay, in the same place.
    """
    graph = torch.cuda.CUDAGraph()
    torch.cuda.synchronize()
    torch.cuda.empty_cache()  # a graph has memory of its own
    collecting = gc.isenabled()
    gc.disable()  # to destroy another graph would spoil this one
    try:
        graph.capture_begin(capture_error_mode="thread_local")
        try:
            result = work()
        except BaseException:
            with suppress(RuntimeError):
                graph.capture_end()
            raise
        graph.capture_end()
    finally:
        if collecting:
            gc.enable()
    return graph, result


@contextmanager
def waits_noted() -> Iterator[list[str]]:
    """Collect the places, ``file:line``, at which the host waits for a GPU inside."""
    places: list[str] = []
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield places
        finally:
            torch.cuda.set_sync_debug_mode(before)
    places += [
        f"{Path(warning.filename).name}:{warning.lineno}"
        for warning in caught
        if "synchronizing CUDA operation" in str(warning.message)
    ]
