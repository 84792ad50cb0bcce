"""Loss networks on the way of a job whose loss asks for one: found in the zoo, or trained first.

The weights lie among the artifacts under their SHA-256; the zoo knows them by the fingerprint of the
data set whose masks they were trained on.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sqlalchemy.orm import Session

from search_service.catalogue.datasets import source_of
from search_service.jobs import following
from search_service.jobs.run import Run
from search_service.loss_networks import choice, provenance
from search_service.store import artifacts
from search_service.store.tables import Artifact, Dataset
from surrogate_zoo.errors import NotFoundError
from surrogate_zoo.losses.registry import needs_of
from surrogate_zoo.needs import EDGE_NETWORK, INVERSE_NETWORK, Needs
from surrogate_zoo.store import zoo
from surrogate_zoo.store.tables import LossNetwork
from workers.tasks.loss_networks import (
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


def ensure(
    run: Run,
    dataset: Dataset,
    documents: Iterable[Mapping[str, Any]],
    chosen: Mapping[str, str] = MappingProxyType({}),
) -> list[dict[str, Any]]:
    """Find the loss networks that losses ask for, or train those that are missing.

    A network that a job has begun with stays the job's own over pauses and restarts, whatever is
    published meanwhile: its weights become the job's artifact.

    Args:
        run: The run of the job.
        dataset: The data set that is trained on.
        documents: Loss files' contents.
        chosen: SHA-256 of those that the request names, by kind; of other kinds the newest is taken.

    Returns:
        Kind, SHA-256 and measures of each.

    Raises:
        Interrupted: The job is to pause or to stop.
        LossfitError: A network cannot be trained, or one that was chosen is not there any more.
    """
    needs = Needs.union(needs_of(document) for document in documents)
    return [_step(run, dataset, kind, chosen.get(kind)) for kind in needs.loss_networks]


def ensure_each(
    run: Run,
    dataset: Dataset,
    documents: Mapping[str, Mapping[str, Any]],
    chosen: Mapping[str, Mapping[str, str]],
) -> dict[str, list[dict[str, Any]]]:
    """As :func:`ensure`, for each of several losses by name; what several carry is supplied once."""
    wanted = {
        loss: [(kind, chosen.get(loss, {}).get(kind)) for kind in needs_of(document).loss_networks]
        for loss, document in documents.items()
    }
    which = dict.fromkeys(each for row in wanted.values() for each in row)
    supplied = {each: _step(run, dataset, *each) for each in which}
    return {loss: [supplied[each] for each in row] for loss, row in wanted.items()}


def paths(run: Run, networks: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Copy the weights of networks to the job's folder, where workers find them; their paths by kind.

    Raises:
        NotFoundError: They are not among the artifacts any more.
        StorageError: They are damaged.
    """
    files: dict[str, str] = {}
    for network in networks:
        path = run.folder / _file(network["kind"], network["sha256"])
        artifacts.fetch(run.settings.artifacts_root, network["sha256"], path)
        files[network["kind"]] = str(path)
    return files


def _step(run: Run, dataset: Dataset, kind: str, sha256: str | None) -> dict[str, Any]:
    """Supply one network, the newest or the chosen one, as a step of the job."""
    if sha256 is None:
        return run.step(f"loss network {kind}", partial(_ensure, run, dataset, kind))
    name = f"loss network {kind} {sha256}"
    return run.step(name, partial(_take, run, dataset, kind, sha256))


def _file(kind: str, sha256: str) -> str:
    """Name of the weights of a network that is one of several of its kind."""
    return f"{kind}-{sha256[:16]}.safetensors"


def _take(run: Run, dataset: Dataset, kind: str, sha256: str) -> dict[str, Any]:
    """Take a network that the request names."""
    with run.reading() as session:
        network = choice.find(session, dataset, kind, sha256)
    if not artifacts.is_stored(run.settings.artifacts_root, sha256):
        raise NotFoundError(
            f"The weights of the {choice.plain(kind)} with SHA-256 {sha256} are not among the artifacts "
            "any more: train it again, or leave it out of loss_networks."
        )
    run.record(_file(kind, sha256), sha256, network.bytes)
    run.tell("loss-network", facts_of(network) | {"status": "found"})
    return facts_of(network)


def _ensure(run: Run, dataset: Dataset, kind: str) -> dict[str, Any]:
    """Find or train one network."""
    with run.reading() as session:
        network = _find(run, session, dataset.report["fingerprint"], kind)
    if network is not None:
        run.record(f"{kind}.safetensors", network.sha256, network.bytes)
        run.tell("loss-network", facts_of(network) | {"status": "found"})
        return facts_of(network)
    run.tell("loss-network", {"kind": kind, "status": "training"})
    task = LossNetworkTask(dataset=source_of(dataset), network=DEFAULTS[kind])
    folder = run.folder / kind
    trained = train_network(run, task, folder, stage=kind)
    row = stored(run, dataset, task, trained, folder)
    with run.writing.begin() as session:
        facts = facts_of(zoo.publish_loss_network(session, row))
    run.tell("loss-network", facts | {"status": "trained"})
    return facts


def _find(run: Run, session: Session, fingerprint: str, kind: str) -> LossNetwork | None:
    """The network that the job has begun with, or else the newest; None if its weights are gone."""
    begun_with = session.get(Artifact, (run.job.id, f"{kind}.safetensors"))
    network = begun_with and zoo.loss_network(session, fingerprint, begun_with.sha256)
    network = network or zoo.find_loss_network(session, kind, fingerprint)
    if network is None or not artifacts.is_stored(run.settings.artifacts_root, network.sha256):
        return None
    return network


def train_network(
    run: Run, task: LossNetworkTask, folder: Path, stage: str | None = None
) -> LossNetworkResult:
    """Train a loss network on the workers; ``stage`` where the job trains something else after it."""
    return following.follow(run, task, folder, total=task.network.iterations, stage=stage)


def stored(
    run: Run,
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


def facts_of(network: LossNetwork) -> dict[str, Any]:
    """What a job tells of a loss network: kind, SHA-256 and measures."""
    return {"kind": network.kind, "sha256": network.sha256, "measures": network.measures}
