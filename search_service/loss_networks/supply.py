"""Loss networks on the way of a job whose loss asks for one: found in the zoo, or trained first.

The weights lie among the artifacts under their SHA-256; the zoo knows them by the fingerprint of the
data set whose masks they were trained on.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy.orm import Session

from search_service.catalogue.datasets import source_of
from search_service.jobs import following
from search_service.jobs.run import Run
from search_service.loss_networks import choice, provenance
from search_service.loss_networks.marks import mark_of, plain
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

Wanted = str | LossNetworkSpec | None
"""Which network: the one of a SHA-256, the newest that was trained so, or the newest."""


@dataclass(frozen=True)
class _Asked:
    """A network that is found or trained.

    Attributes:
        kind: Its kind.
        spec: How it is trained; None takes the newest.
        file: What the job calls its weights.
    """

    kind: str
    spec: LossNetworkSpec | None
    file: str

    def is_met_by(self, network: LossNetwork) -> bool:
        """Whether a network was trained so; what earlier services did not ask for has its default."""
        return self.spec is None or self.spec == _SPEC.validate_python(network.spec)


_SPEC: TypeAdapter[LossNetworkSpec] = TypeAdapter(LossNetworkSpec)


def ensure(
    run: Run,
    dataset: Dataset,
    documents: Iterable[Mapping[str, Any]],
    chosen: Mapping[str, str | LossNetworkSpec] = MappingProxyType({}),
    specs: Sequence[LossNetworkSpec] = (),
) -> list[dict[str, Any]]:
    """Find the loss networks that losses ask for, or train those that are missing.

    A network that a job has begun with stays the job's own over pauses and restarts, whatever is
    published meanwhile: its weights become the job's artifact.

    Args:
        run: The run of the job.
        dataset: The data set that is trained on.
        documents: Loss files' contents.
        chosen: Those that the request names, by kind: SHA-256, or how they are trained.
        specs: How those of other kinds are trained; of kinds that are in neither the newest is taken.

    Returns:
        Kind, SHA-256 and measures of each.

    Raises:
        Interrupted: The job is to pause or to stop.
        LossfitError: A network cannot be trained, or one that was chosen is not there any more.
    """
    needs = Needs.union(needs_of(document) for document in documents)
    return [_step(run, dataset, *each) for each in _wanted(needs, chosen, specs)]


def ensure_each(
    run: Run,
    dataset: Dataset,
    documents: Mapping[str, Mapping[str, Any]],
    chosen: Mapping[str, Mapping[str, str | LossNetworkSpec]],
    specs: Sequence[LossNetworkSpec] = (),
) -> dict[str, list[dict[str, Any]]]:
    """As :func:`ensure`, for each of several losses by name; what several carry is supplied once."""
    wanted = {
        loss: _wanted(needs_of(document), chosen.get(loss, {}), specs)
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


def _wanted(
    needs: Needs,
    chosen: Mapping[str, str | LossNetworkSpec],
    specs: Sequence[LossNetworkSpec],
) -> list[tuple[str, Wanted]]:
    """The kinds that are needed, and which of each."""
    trained: dict[str, LossNetworkSpec] = {spec.kind: spec for spec in specs}
    return [(kind, chosen.get(kind, trained.get(kind))) for kind in needs.loss_networks]


def _step(run: Run, dataset: Dataset, kind: str, wanted: Wanted) -> dict[str, Any]:
    """Supply one network as a step of the job."""
    if isinstance(wanted, str):
        name = f"loss network {kind} {wanted}"
        return run.step(name, partial(_take, run, dataset, kind, wanted))
    mark = "" if wanted is None else mark_of(wanted.model_dump(mode="json"))
    name = f"loss network {kind} {mark}".rstrip()
    return run.step(name, partial(_ensure, run, dataset, _Asked(kind, wanted, _file(kind, mark))))


def _file(kind: str, mark: str) -> str:
    """Name of the weights of a network; with a mark, of one of several of its kind."""
    return f"{kind}-{mark[:16]}.safetensors" if mark else f"{kind}.safetensors"


def _take(run: Run, dataset: Dataset, kind: str, sha256: str) -> dict[str, Any]:
    """Take a network that the request names."""
    with run.reading() as session:
        network = choice.find(session, dataset, kind, sha256)
    if not artifacts.is_stored(run.settings.artifacts_root, sha256):
        raise NotFoundError(
            f"The weights of the {plain(kind)} with SHA-256 {sha256} are not among the artifacts "
            "any more: train it again, or leave it out of loss_networks."
        )
    run.record(_file(kind, sha256), sha256, network.bytes)
    run.tell("loss-network", facts_of(network) | {"status": "found"})
    return facts_of(network)


def _ensure(run: Run, dataset: Dataset, asked: _Asked) -> dict[str, Any]:
    """Find or train one network."""
    with run.reading() as session:
        network = _find(run, session, dataset.report["fingerprint"], asked)
    if network is not None:
        run.record(asked.file, network.sha256, network.bytes)
        run.tell("loss-network", facts_of(network) | {"status": "found"})
        return facts_of(network)
    run.tell("loss-network", {"kind": asked.kind, "status": "training"})
    task = LossNetworkTask(dataset=source_of(dataset), network=asked.spec or DEFAULTS[asked.kind])
    folder = run.folder / Path(asked.file).stem
    trained = train_network(run, task, folder, stage=asked.kind)
    row = stored(run, dataset, task, trained, folder, name=asked.file)
    with run.writing.begin() as session:
        facts = facts_of(zoo.publish_loss_network(session, row))
    run.tell("loss-network", facts | {"status": "trained"})
    return facts


def _find(run: Run, session: Session, fingerprint: str, asked: _Asked) -> LossNetwork | None:
    """The network that the job has begun with, or else the newest; None if its weights are gone."""
    begun_with = session.get(Artifact, (run.job.id, asked.file))
    network = None
    if begun_with is not None:
        network = zoo.loss_network(session, fingerprint, begun_with.sha256)
    if network is None:
        newest_first = zoo.loss_networks(session, asked.kind, fingerprint)
        network = next(filter(asked.is_met_by, newest_first), None)
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
    *,
    name: str | None = None,
) -> LossNetwork:
    """Keep the weights as the job's artifact ``name``; the zoo's row of them, not yet stored."""
    kept = artifacts.store(run.settings.artifacts_root, folder / trained.file)
    artifact = run.record(name or trained.file, *kept)
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
