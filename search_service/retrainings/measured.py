"""What full trainings took on this service: seconds a step, GPU memory, and the files of their jobs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from search_service.jobs.estimate import Estimate
from search_service.store.states import CELL
from search_service.store.tables import Artifact, Evaluation, Job
from workers.tasks.networks import NetworkSpec
from workers.tasks.training import TrainingSpec

_JOBS = 50
"""So many jobs of this service are looked at, the newest first."""
_CELLS = 100

_SPEED = ("crop", "batch_size", "accumulate", "precision")
"""What of a schedule the time and the memory of a step follow from."""


@dataclass(frozen=True)
class Measured:
    """One training: its seconds a step, and the bytes of GPU memory it took, where it had one."""

    seconds: float
    memory: int | None


def with_measures(
    session: Session,
    plan: Estimate,
    dataset: str,
    trainings: Sequence[tuple[NetworkSpec, float]],
    training: TrainingSpec,
    *,
    devices: int,
    kind: str,
) -> Estimate:
    """A plan with what earlier trainings tell of its time, memory and files.

    Args:
        session: Reads.
        plan: The plan.
        dataset: The dataset's name.
        trainings: Each network, and how many times it is trained.
        training: The schedule of all of them.
        devices: The workers that share each.
        kind: The job's kind, whose files are looked at.
    """
    networks = [network for network, _ in trainings]
    bodies = [network.model_dump(mode="json") for network in networks]
    schedule = training.model_dump(mode="json", include=set(_SPEED)) | {"devices": devices}
    alike = {n: _alike(session, dataset, body, schedule) for n, body in enumerate(bodies)}
    found = [one for measured in alike.values() for one in measured]
    seconds = [
        count * devices * training.iterations * median(one.seconds for one in alike[n])
        for n, (_, count) in enumerate(trainings)
        if alike[n]
    ]
    memory = [one.memory for one in found if one.memory is not None]
    told: dict[str, Any] = {
        "minutes": round(sum(seconds) / 60, 1) if len(seconds) == len(networks) else None,
        "memory_bytes": max(memory, default=None),
        "disk_bytes": _disk(session, kind, bodies),
        "measured_on": len(found),
    }
    return plan.model_copy(update=told)


def _alike(
    session: Session, dataset: str, network: dict[str, Any], wanted: dict[str, Any]
) -> list[Measured]:
    return [
        one
        for data, trained, schedule, one in _recorded(session)
        if data == dataset
        and trained == network
        and {name: schedule.get(name) for name in wanted} == wanted
    ]


def _recorded(session: Session) -> Iterator[tuple[str, Any, dict[str, Any], Measured]]:
    """Dataset, network and schedule of finished trainings, and what they took."""
    newest = select(Job).order_by(Job.created_at.desc()).limit(_JOBS)
    finished = newest.where(Job.kind == "retraining", Job.state == "succeeded")
    for job in session.scalars(finished):
        result = job.result or {}
        one = Measured(
            result.get("seconds", 0.0) / job.request["training"]["iterations"],
            result.get("peak_memory_bytes"),
        )
        yield job.request["dataset"], job.request["network"], _schedule(job.request), one
    for job in session.scalars(newest.where(Job.kind == "comparison")):
        schedule, networks = _schedule(job.request), job.request["networks"]
        cells = select(Evaluation.number, Evaluation.outcome).where(
            Evaluation.job_id == job.id, Evaluation.stage == CELL
        )
        losses = len(job.request["losses"])
        for number, outcome in session.execute(cells.limit(_CELLS)):
            if outcome.get("error") is None:
                network = networks[number // losses % len(networks)]
                steps = outcome["seconds"] / schedule["iterations"]
                one = Measured(steps, outcome.get("peak_memory_bytes"))
                yield job.request["dataset"], network, schedule, one


def _schedule(request: dict[str, Any]) -> dict[str, Any]:
    """The schedule of a request, and how many workers share it."""
    return {**request["training"], "devices": request["devices"]}


def _disk(session: Session, kind: str, networks: Sequence[dict[str, Any]]) -> int | None:
    """Bytes of the files of an earlier job with the same networks, the median of them."""
    sizes = (
        select(Job.request, func.sum(Artifact.bytes))
        .join(Artifact, Artifact.job_id == Job.id)
        .where(Job.kind == kind, Job.state == "succeeded")
        .group_by(Job.id)
        .order_by(Job.created_at.desc())
        .limit(_JOBS)
    )
    found = [
        int(size)
        for request, size in session.execute(sizes)
        if request.get("networks", [request.get("network")]) == list(networks)
    ]
    return int(median(found)) if found else None
