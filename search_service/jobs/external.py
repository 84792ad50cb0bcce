"""Trainings by the user's own code: handed out, and waited for.

Scales of losses are measured here, on a reference batch: the service has no image of the user's.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from pydantic import Field

from search_service.jobs import assignments
from search_service.jobs.run import Run
from search_service.store.tables import Assignment
from surrogate_zoo.errors import LossfitError
from surrogate_zoo.losses.document import Document, with_scale
from surrogate_zoo.losses.drafts import in_mode, measured
from surrogate_zoo.losses.registry import load_loss
from surrogate_zoo.modes import MULTICLASS
from surrogate_zoo.store.tables import now
from workers.tasks.base import Stopped
from workers.tasks.proxy import Candidate, Outcome, ProxyOptions


class ExternalTask(ProxyOptions):
    """What the user's code trains candidates for.

    Its schedule's peak learning rate is 1: a candidate's is a factor on the rate that the user's code has
    for cross entropy.

    Attributes:
        num_classes: Channels of the user's logits.
        mode: What a pixel may carry, see ``surrogate_zoo.modes``.
        facts: What is told of that data (see ``surrogate_zoo.needs``).
        scored: What is told of how it scores.
    """

    num_classes: int
    mode: str = MULTICLASS
    facts: dict[str, list[int]] = Field(default_factory=dict)
    scored: str = ""


def evaluate(
    run: Run,
    stage: str,
    task: ExternalTask,
    candidates: Sequence[Candidate],
    on_outcome: Callable[[Outcome], None],
) -> None:
    """Post assignments for candidates that have none yet, and wait until all are over.

    Calls ``on_outcome`` in this thread, as outcomes come in; a candidate without a scale is not handed out
    and fails.

    Raises:
        Stopped: The job is to pause or to stop; what is handed out may still be told.
    """
    waiting = {candidate.number for candidate in candidates}
    with run.reading() as session:
        there = assignments.posted(session, run.job.id, stage, waiting)
    for candidate in candidates:
        if candidate.number not in there and (failed := _post(run, stage, task, candidate)):
            waiting.discard(candidate.number)
            on_outcome(failed)
    while waiting:
        for outcome in _told(run, stage, waiting):
            waiting.discard(outcome.number)
            on_outcome(outcome)
        if run.should_stop():
            raise Stopped
        if waiting:
            run.wait()


def scaled(task: ExternalTask, loss: Mapping[str, Any]) -> tuple[Document, list[float]]:
    """The loss file's content of a draft, and the scales that were measured for it.

    On masks of blobs of the data's number of classes, and predictions as when a training begins:
    :func:`surrogate_zoo.losses.scale.reference_batch`, as the scales of built-in losses. They are rounded,
    and so the same on every machine.

    Raises:
        LossfitError: The draft makes no loss, or has no scale.
    """
    # It loads torch, which no search needs that the workers train.
    from surrogate_zoo.losses.scale import (  # noqa: PLC0415
        gradient_scale,
        inputs_of,
        reference_batch,
    )

    target, states = reference_batch(task.num_classes, task.mode)

    def measure(document: Document) -> float:
        classes = task.num_classes
        loss = load_loss(document, num_classes=classes, facts=task.facts, mode=task.mode)
        return gradient_scale(loss, states, target, inputs_of(document, target, task.num_classes))

    return measured(in_mode(loss, task.mode), measure)


def _post(run: Run, stage: str, task: ExternalTask, candidate: Candidate) -> Outcome | None:
    """Post a candidate; where it makes no loss to train with, what became of it."""
    try:
        loss, scales = scaled(task, candidate.loss)
    except LossfitError as error:
        reason = f"The loss cannot be loaded: {error}"
        return Outcome(candidate.number, None, {}, reason, 0.0, hold_out=task.scored)
    row = Assignment(job_id=run.job.id, stage=stage, number=candidate.number, seed=task.seed)
    row.rate = 1.0 if candidate.learning_rate is None else candidate.learning_rate
    row.loss = loss if candidate.scaled else with_scale(loss, 1.0)
    row.scales, row.posted_at = scales, now()
    with run.writing.begin() as session:
        assignments.post(session, row)
    return None


def _told(run: Run, stage: str, numbers: Collection[int]) -> list[Outcome]:
    """Outcomes of those that are over, by number."""
    with run.reading() as session:
        found = assignments.outcomes(session, run.job.id, stage, numbers)
    return [Outcome(**{**body, "scales": tuple(body["scales"])}) for body in found.values()]
