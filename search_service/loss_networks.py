"""Loss networks: trained as jobs of their own, or on the way by a job whose loss asks for one.

The weights lie among the artifacts under their SHA-256; the zoo knows them by the fingerprint of the
data set whose masks they were trained on.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from search_service import artifacts, datasets, provenance, runs, trainings
from search_service.requests import LossNetworkRequest
from search_service.tables import Artifact, Dataset
from surrogate_zoo import zoo
from surrogate_zoo.needs import EDGE_NETWORK, INVERSE_NETWORK, Needs
from surrogate_zoo.registry import needs_of
from surrogate_zoo.tables import LossNetwork
from workers.loss_networks.specs import (
    EdgeNetworkSpec,
    InverseNetworkSpec,
    LossNetworkResult,
    LossNetworkSpec,
    LossNetworkTask,
)

DEFAULTS: Mapping[str, LossNetworkSpec] = {
    EDGE_NETWORK: EdgeNetworkSpec(),
    INVERSE_NETWORK: InverseNetworkSpec(),
}
"""What a job trains by itself where the zoo has no network of a kind for its data set."""


def run(run: runs.Run) -> None:
    """Train a loss network to its end, and publish it.

    Raises:
        Interrupted: The job is to pause or to stop; it begins anew when it is resumed.
        SeglossError: The network cannot be trained.
    """
    request = LossNetworkRequest.model_validate(run.job.request)
    with run.reading() as session:
        dataset = datasets.get(session, request.dataset)
    asked = request.model_dump(include={"network", "hold_out", "seed"})
    task = LossNetworkTask.model_validate({"dataset": dataset.source, **asked})
    trained = LossNetworkResult.model_validate(
        run.step("loss network", lambda: _train(run, task, run.folder).model_dump(mode="json"))
    )
    row = _kept(run, dataset, task, trained, run.folder)
    with run.writing() as session:
        published = zoo.publish_loss_network(session, row)
        outcome = _facts(published) | {"parameters": trained.parameters}
        outcome |= {"files": [trained.file], "seconds": trained.seconds}
        # Published only if the job may still succeed: both together, or neither.
        if runs.succeed(session, run.job.id, run.job.attempt, outcome):
            session.commit()


def bring_about(
    run: runs.Run, dataset: Dataset, documents: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Find the loss networks that losses ask for, or train those that are missing.

    A network that a job has begun with stays the job's own over pauses and restarts, whatever is
    published meanwhile: its weights become the job's artifact.

    Args:
        run: The run of the job.
        dataset: The data set that is trained on.
        documents: Loss files' contents.

    Returns:
        Kind, SHA-256 and measures of each.

    Raises:
        Interrupted: The job is to pause or to stop.
        SeglossError: A network cannot be trained.
    """
    needs = Needs.union(needs_of(document) for document in documents)
    return [
        run.step(f"loss network {kind}", partial(_bring, run, dataset, kind))
        for kind in needs.loss_networks
    ]


def paths(run: runs.Run, networks: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Copy the weights of networks to the job's folder, where workers find them; their paths by kind.

    Raises:
        NotFoundError: They are not among the artifacts any more.
        StorageError: They are damaged.
    """
    found = {one["kind"]: run.folder / f"{one['kind']}.safetensors" for one in networks}
    for one in networks:
        artifacts.fetch(run.settings.artifacts_root, one["sha256"], found[one["kind"]])
    return {kind: str(path) for kind, path in found.items()}


def _bring(run: runs.Run, dataset: Dataset, kind: str) -> dict[str, Any]:
    """Find or train one network."""
    with run.reading() as session:
        found = _known(run, session, dataset.report["fingerprint"], kind)
    if found is not None:
        run.record(f"{kind}.safetensors", found.sha256, found.bytes)
        run.tell("loss-network", _facts(found) | {"status": "found"})
        return _facts(found)
    run.tell("loss-network", {"kind": kind, "status": "training"})
    task = LossNetworkTask.model_validate({"dataset": dataset.source, "network": DEFAULTS[kind]})
    folder = run.folder / kind
    trained = _train(run, task, folder, stage=kind)
    row = _kept(run, dataset, task, trained, folder)
    with run.writing.begin() as session:
        facts = _facts(zoo.publish_loss_network(session, row))
    run.tell("loss-network", facts | {"status": "trained"})
    return facts


def _known(run: runs.Run, session: Session, fingerprint: str, kind: str) -> LossNetwork | None:
    """The network that the job has begun with, or else the newest; None if its weights are gone."""
    own = session.get(Artifact, (run.job.id, f"{kind}.safetensors"))
    found = zoo.loss_network(session, fingerprint, own.sha256) if own is not None else None
    found = found or zoo.find_loss_network(session, kind, fingerprint)
    if found is None or not artifacts.is_stored(run.settings.artifacts_root, found.sha256):
        return None
    return found


def _train(
    run: runs.Run, task: LossNetworkTask, folder: Path, stage: str | None = None
) -> LossNetworkResult:
    total = task.network.iterations
    train = run.pool.train_loss_network
    return trainings.follow(run, train, task, folder, total=total, stage=stage)


def _kept(
    run: runs.Run,
    dataset: Dataset,
    task: LossNetworkTask,
    trained: LossNetworkResult,
    folder: Path,
) -> LossNetwork:
    """Keep the weights as the job's artifact; the zoo's row of them, not yet stored."""
    artifact = run.keep(folder / trained.file)
    return LossNetwork(
        kind=task.network.kind,
        fingerprint=dataset.report["fingerprint"],
        num_classes=trained.parameters.get("num_classes"),
        spec=task.network.model_dump(mode="json"),
        seed=task.seed,
        measures=trained.measures,
        provenance=provenance.of_loss_network(run.job.id, dataset, task, trained),
        sha256=artifact.sha256,
        bytes=artifact.bytes,
    )


def _facts(network: LossNetwork) -> dict[str, Any]:
    return {"kind": network.kind, "sha256": network.sha256, "measures": network.measures}
