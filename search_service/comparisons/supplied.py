"""The loss networks of a comparison's losses: who carries which, and who can be trained together."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Facts = Mapping[str, Any]
"""What is told of a loss network: kind, SHA-256 and measures."""


@dataclass(frozen=True)
class Supplied:
    """Loss networks by the losses that carry them.

    Attributes:
        by_loss: Loss -> facts of its networks, one of a kind at most.
    """

    by_loss: Mapping[str, Sequence[Facts]]

    def facts(self) -> list[dict[str, Any]]:
        """What is told of each network, with the ``losses`` that carry it."""
        networks = {each["sha256"]: each for own in self.by_loss.values() for each in own}
        return [
            {**facts, "losses": [loss for loss in self.by_loss if facts in self.by_loss[loss]]}
            for facts in networks.values()
        ]

    def groups(self, losses: Iterable[str]) -> list[tuple[list[str], list[Facts]]]:
        """Part losses into groups in which no two carry different networks of one kind.

        Returns:
            The losses of each group, in their order, and the networks of all of them.
        """
        groups: list[tuple[list[str], dict[str, Facts]]] = []
        for loss in losses:
            own = {facts["kind"]: facts for facts in self.by_loss[loss]}
            for names, networks in groups:
                if all(networks.get(kind, facts) == facts for kind, facts in own.items()):
                    names.append(loss)
                    networks.update(own)
                    break
            else:
                groups.append(([loss], own))
        return [(names, list(networks.values())) for names, networks in groups]
