"""A pack of candidates as one CUDA graph whose streams fork, to compare with a graph for each."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from workers.learning.captured import CapturedSteps, capture
from workers.learning.learner import Learner
from workers.learning.streams import Stream, seed_device, seed_of

Step = Callable[[int], None]


def new_stream(device: torch.device) -> torch.cuda.Stream:
    """A stream of a GPU."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


def forked(steps: CapturedSteps, learners: Sequence[Learner], device: torch.device) -> Step:
    """One graph of all candidates' steps, whose streams fork inside."""
    lanes = [new_stream(device) for _ in learners]
    trunk = new_stream(device)
    at = torch.zeros(1, dtype=torch.int64, device=device)
    graph: list[torch.cuda.CUDAGraph] = []

    def fork(work: Callable[[Learner], None]) -> None:
        current = torch.cuda.current_stream(device)
        for learner, lane in zip(learners, lanes, strict=True):
            lane.wait_stream(current)
            with torch.cuda.stream(lane):
                work(learner)
        for lane in lanes:
            current.wait_stream(lane)

    def take(number: int) -> None:
        batch = steps.batch_of(number, learners)
        at.fill_(number)
        drawn = seed_of(0, Stream.DROPOUT, number)
        trunk.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(trunk):
            if number < 2:
                for learner in learners:
                    seed_device(device, drawn)
                    fork_one(learner, number, batch)
            else:
                if not graph:
                    graph.append(capture(lambda: fork(lambda each: each.take(at, batch)))[0])
                seed_device(device, drawn)
                graph[0].replay()
                for learner in learners:
                    learner.ran = "graph"
                    learner.replayed(number)
        torch.cuda.current_stream(device).wait_stream(trunk)

    def fork_one(learner: Learner, number: int, batch: Any) -> None:
        lane = lanes[learners.index(learner)]
        lane.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(lane):
            learner.step(number, batch, at=at)
        torch.cuda.current_stream(device).wait_stream(lane)

    return take
