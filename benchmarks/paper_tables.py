"""Tables of papers as requests: what ``examples/papers`` asks for, and a ledger of what is trained of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import inf
from pathlib import Path

from search_service.catalogue.loss_requests import EntryRequest
from search_service.comparisons.request import ComparisonRequest
from surrogate_zoo.losses.document import Document
from surrogate_zoo.losses.registry import LOSSES, needs_of
from workers.tasks.loss_networks import LossNetworkSpec

REQUESTS = Path(__file__).parent.parent / "examples" / "papers"
TABLES = ("semeda-table-1", "inverse-form-table-5")


@dataclass(frozen=True)
class Training:
    """One training: of a loss of a table, at a rate, with a seed; scored on a split."""

    table: str
    loss: str
    rate: float
    seed: int
    split: str


@dataclass
class Ledger:
    """What is trained, in memory and in a file of JSON lines; None stands for a training that failed."""

    path: Path
    scores: dict[Training, dict[str, float] | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read what an earlier run left."""
        if self.path.exists():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                self.scores[Training(**row["training"])] = row["metrics"]

    def add(self, training: Training, metrics: dict[str, float] | None) -> None:
        """Record what became of a training."""
        self.scores[training] = metrics
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"training": asdict(training), "metrics": metrics}) + "\n")


@dataclass(frozen=True)
class PaperTable:
    """A table of a paper, as its request has it.

    Attributes:
        name: Of the request's file.
        request: The comparison.
        documents: Loss -> loss file's content.
        published: Loss -> the paper's mIoU in percent, where it is known.
    """

    name: str
    request: ComparisonRequest
    documents: Mapping[str, Document]
    published: Mapping[str, float]

    @classmethod
    def read(cls, name: str) -> "PaperTable":
        """Read a file of :data:`REQUESTS`."""
        body = json.loads((REQUESTS / f"{name}.json").read_text(encoding="utf-8"))
        request = ComparisonRequest.model_validate(body["comparison"])
        own = {one.name: one for one in map(EntryRequest.model_validate, body["losses"])}
        documents = {
            loss: LOSSES[own[loss].loss].with_parameters(
                loss, own[loss].parameters, title=own[loss].title
            )
            if loss in own
            else LOSSES[loss].document()
            for loss in request.losses
        }
        return cls(name, request, documents, body["published"])

    def specs(self, loss: str) -> dict[str, LossNetworkSpec]:
        """How the networks that a loss carries are trained, by kind."""
        specs: dict[str, LossNetworkSpec] = {
            spec.kind: spec for spec in self.request.loss_network_specs
        }
        # A file that is the same everywhere names no SHA-256.
        own = self.request.loss_networks.get(loss, {}).items()
        specs |= {kind: network for kind, network in own if not isinstance(network, str)}
        return {kind: specs[kind] for kind in needs_of(self.documents[loss]).loss_networks}

    def rates(self, factors: Sequence[float]) -> list[float]:
        """The rates that are tried."""
        return [factor * self.request.training.learning_rate for factor in factors]

    def best_rate(self, ledger: Ledger, loss: str) -> float | None:
        """The rate of the best score on the hold-out set; None where none is trained."""
        tried = self._tried(ledger, loss)
        best = max(tried, key=lambda rate: (tried[rate], -rate), default=None)
        return None if best is None or tried[best] == -inf else best

    def next_rates(self, ledger: Ledger, loss: str, factors: Sequence[float]) -> list[float]:
        """The rates to try next: the two in the middle, then the best one's neighbours, until they are tried.

        The best then lies between two worse ones, or at an end of the grid.
        """
        rates, tried = sorted(self.rates(factors)), self._tried(ledger, loss)
        if tried:
            best = max(tried, key=lambda rate: (tried[rate], -rate))
            wanted = {rates.index(best) - 1, rates.index(best) + 1}
        else:
            wanted = {len(rates) // 2 - 1, len(rates) // 2}
        inside = sorted(wanted & set(range(len(rates))))
        return [rates[place] for place in inside if rates[place] not in tried]

    def _tried(self, ledger: Ledger, loss: str) -> dict[float, float]:
        """Rate -> mIoU on the hold-out set, -inf of a training that failed."""
        return {
            one.rate: metrics["miou"] if metrics else -inf
            for one, metrics in ledger.scores.items()
            if (one.table, one.loss, one.split) == (self.name, loss, "train")
        }
