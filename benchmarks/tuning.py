"""Train with a loss as fairly as with any other: its learning rate tuned first, then several seeds."""

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import tasks
from surrogate_zoo import needs_of
from surrogate_zoo.losses.document import Document
from workers.cluster.pool import WorkerPool
from workers.loss_networks.training import train_loss_network
from workers.tasks.loss_networks import LossNetworkTask
from workers.tasks.proxy import Candidate, Outcome, ProxyTask
from workers.tasks.retraining import RetrainingTask


@dataclass(frozen=True)
class Setting:
    """What all losses of a comparison share.

    Attributes:
        dataset: Name in :data:`benchmarks.tasks.DATASETS`.
        root: Its folder.
        size: Height and width that images are read at.
        network: Name in :data:`benchmarks.tasks.NETWORKS`.
        iterations: Of tuning and retraining alike: shorter trainings prefer learning rates that are
            too high for longer ones.
        rates: Learning rates that are tried first, ascending.
        seeds: Number of retrainings.
        out: Folder of the records, one JSON file a loss, and of loss networks.
    """

    dataset: str
    root: Path
    size: tuple[int, int]
    network: str
    iterations: int
    rates: Sequence[float]
    seeds: int
    out: Path

    def task(self, document: Document, rate: float) -> dict[str, Any]:
        """The fields that tuning and retraining have in common."""
        return {
            "dataset": self.source(),
            "network": tasks.NETWORKS[self.network],
            "training": tasks.training(self.iterations, rate, self.size),
            "loss_networks": {
                kind: str(self._loss_network(kind)) for kind in needs_of(document).loss_networks
            },
        }

    def source(self) -> dict[str, Any]:
        """Where the images are."""
        return tasks.DATASETS[self.dataset](self.root, self.size)

    def _loss_network(self, kind: str) -> Path:
        return (self.out / f"{kind}.safetensors").resolve()

    def train_loss_networks(self, documents: Sequence[Document]) -> None:
        """Train what the losses ask for and what is missing, on the training split's masks."""
        kinds = {kind for document in documents for kind in needs_of(document).loss_networks}
        for kind in sorted(kinds):
            if not self._loss_network(kind).exists():
                task = {"dataset": self.source(), "network": {"kind": kind}}
                result = train_loss_network(LossNetworkTask.model_validate(task), self.out)
                (self.out / f"{kind}.json").write_text(result.model_dump_json(indent=1))
                print(f"{kind}: {result.measures}, {result.seconds:.0f} s", flush=True)

    def __str__(self) -> str:
        """For the head of a report."""
        network = tasks.NETWORKS[self.network]
        return (
            f"{self.dataset} at {self.size[0]}x{self.size[1]}, {network['architecture']} "
            f"{network['encoder']} from scratch, {self.iterations} iterations of 8 crops, "
            f"{self.seeds} seeds"
        )


@dataclass
class Record:
    """What is known of one loss in a setting; kept in a file, so that nothing is trained twice.

    Attributes:
        loss: Its name.
        commit: That of the first training.
        tuning: Learning rate -> all metrics on the hold-out set, seed 0; empty where it diverged.
        runs: Learning rate -> all scores on the validation split, one entry a seed.
        seconds: Wall-clock seconds of all trainings.
    """

    loss: str
    commit: str
    tuning: dict[float, dict[str, float]]
    runs: dict[float, list[dict[str, float]]]
    seconds: float = 0.0

    @classmethod
    def read(cls, path: Path, loss: str) -> "Record":
        """What the file says, or an empty record."""
        if not path.exists():
            return cls(loss, tasks.commit(), {}, {})
        kept = json.loads(path.read_text())
        for field in ("tuning", "runs"):
            kept[field] = {float(rate): scores for rate, scores in kept[field].items()}
        return cls(**kept)

    def rate_for(self, metric: str) -> float:
        """The learning rate with the best score on the hold-out set."""
        return max(self.tuning, key=lambda rate: self.tuning[rate].get(metric, 0.0))

    def next_rate(self, metric: str) -> float:
        """The rate to try beside the best one: beyond it at an end, else towards the better neighbour."""
        rates, best = sorted(self.tuning), self.rate_for(metric)
        place = rates.index(best)
        if place == 0:
            return float(f"{rates[0] ** 2 / rates[1]:.1g}")
        if place == len(rates) - 1:
            return float(f"{rates[-1] ** 2 / rates[-2]:.1g}")
        neighbour = max(
            rates[place - 1],
            rates[place + 1],
            key=lambda rate: self.tuning[rate].get(metric, 0.0),
        )
        return float(f"{(best * neighbour) ** 0.5:.2g}")


def tuned_and_retrained(
    pool: WorkerPool, setting: Setting, name: str, document: Document, metrics: Sequence[str]
) -> Record:
    """Train what is missing for a loss to be judged by each of ``metrics``.

    For each metric the learning rate is tuned by that metric, on a hold-out set cut from the training
    split, with the setting's rates and one more; then the loss is retrained over the seeds with the
    best, and scored on the validation split.
    """
    path = setting.out / f"{name}.json"
    record = Record.read(path, name)

    def keep(began: float) -> None:
        record.seconds += time.perf_counter() - began
        path.write_text(json.dumps(vars(record), indent=1))

    def tune(rate: float) -> None:
        if rate not in record.tuning:
            began = time.perf_counter()
            record.tuning[rate] = _tuned(pool, setting, document, rate)
            keep(began)

    for metric in metrics:
        for rate in setting.rates:
            tune(rate)
        first = {rate: record.tuning[rate] for rate in setting.rates}
        tune(Record(name, "", first, {}).next_rate(metric))
        runs = record.runs.setdefault(record.rate_for(metric), [])
        while len(runs) < setting.seeds:
            began = time.perf_counter()
            rate = record.rate_for(metric)
            runs.append(_retrained(pool, setting, name, document, rate, seed=len(runs)))
            keep(began)
    return record


def _tuned(pool: WorkerPool, setting: Setting, document: Document, rate: float) -> dict[str, float]:
    """All metrics on the hold-out set; none where the training diverged."""
    task = ProxyTask.model_validate({**setting.task(document, rate), "metric": "miou"})
    outcomes: list[Outcome] = []
    pool.evaluate(task, [Candidate(0, document)], on_outcome=outcomes.append)
    return dict(outcomes[0].metrics)


def _retrained(
    pool: WorkerPool, setting: Setting, name: str, document: Document, rate: float, *, seed: int
) -> dict[str, float]:
    values = {**setting.task(document, rate), "loss": document, "seed": seed}
    folder = setting.out / "retrainings" / f"{name}-{rate:g}-{seed}"
    result = pool.retrain(RetrainingTask.model_validate(values), folder)
    shutil.rmtree(folder)  # weights of hundreds of trainings fill a disk
    return dict(result.metrics)


def selected(
    records: Sequence[Record], metric: str
) -> tuple[dict[str, tasks.Runs], dict[str, float]]:
    """Scores over seeds and learning rates of losses that are judged by one metric, the best first."""
    rates = {record.loss: record.rate_for(metric) for record in records}
    runs = {record.loss: record.runs[rates[record.loss]] for record in records}
    order = sorted(runs, key=lambda loss: -sum(run[metric] for run in runs[loss]))
    return {loss: runs[loss] for loss in order}, rates
