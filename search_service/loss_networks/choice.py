"""Loss networks that a request names, in place of the newest of the dataset. No torch."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from search_service.loss_networks.marks import plain
from search_service.store.tables import Dataset
from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.registry import needs_of
from surrogate_zoo.store import zoo
from surrogate_zoo.store.tables import LossNetwork
from workers.tasks.loss_networks import LossNetworkSpec


def check(
    session: Session,
    dataset: Dataset,
    loss: str,
    document: Mapping[str, Any],
    chosen: Mapping[str, str | LossNetworkSpec],
) -> None:
    """Refuse networks that a loss does not carry, or that are not there.

    Args:
        session: A session.
        dataset: What is trained on.
        loss: What the request calls the loss.
        document: The loss file's content.
        chosen: Kind -> SHA-256, or how it is trained.

    Raises:
        InputError: One of them is not there, of another kind, of another dataset, or not needed.
    """
    needed = needs_of(document).loss_networks
    for kind, network in chosen.items():
        if kind not in needed:
            carries = " and ".join(map(plain, needed)) or "no loss network"
            raise InputError(
                f"loss_networks names an {plain(kind)} for {loss}, which carries {carries}: leave it out."
            )
        if isinstance(network, str):
            find(session, dataset, kind, network)


def find(session: Session, dataset: Dataset, kind: str, sha256: str) -> LossNetwork:
    """Return the loss network of these bytes.

    Raises:
        InputError: It is not there, of another kind, or was trained on another dataset's masks.
    """
    network = zoo.loss_network(session, dataset.report["fingerprint"], sha256)
    if network is None:
        told = (
            f"was trained on other masks than those of the dataset {dataset.name!r}"
            if zoo.has_loss_network(session, sha256)
            else "is not here"
        )
        raise InputError(
            f"The loss network with SHA-256 {sha256} {told}: "
            f"'lossfit loss-networks list {dataset.name}' shows those that are of it."
        )
    if network.kind != kind:
        raise InputError(
            f"The loss network with SHA-256 {sha256} is an {plain(network.kind)}, and no {plain(kind)}."
        )
    return network
