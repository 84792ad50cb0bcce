r"""SEMEDA's Table 1 and InverseForm's Table 5 on CamVid, as far as a device that is lent for minutes gets.

    python -m benchmarks.learned_losses --root /data/camvid --out learned --device cuda --processes 8 \
        --seconds 180

Trains what the requests in ``examples/papers`` ask a service for, and goes without one: the losses with
their parameters, the loss networks as specified, the crops (as far as images reach), batches and rates of
the papers' schedules. What is smaller: ``--iterations``, the segmentation network (a pretrained one of 3.4
million weights), and the loss networks' steps (``--network-iterations``). Where images do not reach a
crop, they are cut into so many fewer tiles that a tile holds as many of their pixels.

Rates are tuned, since a short schedule wants others: each loss tries the request's rate times some of
``--factors`` on a hold-out set of the training split, cut by groups, from the middle ones on to the
neighbours of the best; this is trained over ``--seeds`` seeds and scored on the validation split. A single
factor is taken as it is, for every loss, as in the papers.

After ``--seconds`` nothing new begins; what is trained is kept in ``--out`` (``outcomes.jsonl`` and
``networks/``), and a second run goes on from there. Prints and writes ``<out>/learned.md``: both tables,
and beside InverseForm's what inverse networks say of boundaries that are some pixels off.
"""

import argparse
import multiprocessing
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import inverse_network, tasks
from benchmarks.paper_tables import TABLES, Ledger, PaperTable, Training
from benchmarks.transfer import train_pack
from search_service.loss_networks.marks import mark_of
from search_service.retrainings.presets import RETRAINING_PRESETS
from search_service.significance import estimate
from surrogate_zoo.loss_networks.inverse import InverseNetwork
from surrogate_zoo.loss_networks.storage import load
from surrogate_zoo.needs import INVERSE_NETWORK
from workers.datasets.layouts.registry import open_dataset
from workers.learning.device import choose_device
from workers.loss_networks.training import train_loss_network
from workers.tasks.loss_networks import InverseNetworkSpec, LossNetworkSpec, LossNetworkTask
from workers.tasks.proxy import ProxyTask

LITE0 = {"encoder": "tu-tf_efficientnet_lite0", "weights": "packaged"}
NETWORKS: Mapping[str, dict[str, Any]] = {
    "semeda-table-1": LITE0 | {"architecture": "DeepLabV2"},
    "inverse-form-table-5": LITE0 | {"architecture": "HRNetV2"},
}
"""In place of DeepLab v2 with ResNet-101, and of HRNet: the same decoders on the packaged encoder."""
TUNING_SEED, FIRST_SEED = 0, 100
SCORES = ("miou", "trimap_1", "trimap_2", "outside_2", "mba")
SHIFTED: Mapping[tuple[int, int], InverseNetworkSpec] = {
    (96, 128): InverseNetworkSpec(),
    (512, 1024): RETRAINING_PRESETS["inverseform-cityscapes"]["loss_network_specs"][0],
}
"""Sizes that boundaries are shifted at, and the networks that look at them: the default one of small crops,
and that of InverseForm's preset."""


@dataclass(frozen=True)
class Bench:
    """The benchmark: its options, tables and ledger."""

    arguments: argparse.Namespace
    tables: Mapping[str, PaperTable]
    ledger: Ledger

    @property
    def dataset(self) -> dict[str, Any]:
        """CamVid at the size that is asked for."""
        return tasks.camvid(self.arguments.root, self.arguments.size)

    def network_tasks(self) -> dict[Path, LossNetworkTask]:
        """Folder -> the training of a loss network, of all that are needed."""
        specs = [
            spec
            for name, table in self.tables.items()
            for loss in table.documents
            for spec in self.specs(name, loss).values()
        ]
        pairs = [(self.dataset, spec) for spec in specs] + [
            (tasks.camvid(self.arguments.root, size), spec) for size, spec in self.shifted.items()
        ]
        return {
            self.folder(spec): LossNetworkTask.model_validate(
                {"dataset": dataset, "network": self.asked(spec)}
            )
            for dataset, spec in pairs
        }

    @property
    def shifted(self) -> Mapping[tuple[int, int], InverseNetworkSpec]:
        """:data:`SHIFTED` where InverseForm's table is asked for."""
        return SHIFTED if "inverse-form-table-5" in self.tables else {}

    def specs(self, table: str, loss: str) -> dict[str, LossNetworkSpec]:
        """The networks that a loss carries, by kind, for images that do not reach the crop."""
        asked = self.tables[table]
        shares = [
            min(1.0, own / length)
            for own, length in zip(self.arguments.size, asked.request.training.crop, strict=True)
        ]
        return {kind: with_tiles(spec, shares) for kind, spec in asked.specs(loss).items()}

    def asked(self, spec: LossNetworkSpec) -> LossNetworkSpec:
        """A network with the steps that are asked for."""
        steps = self.arguments.network_iterations
        return spec if steps is None else spec.model_copy(update={"iterations": steps})

    def folder(self, spec: LossNetworkSpec) -> Path:
        """Where a loss network lies."""
        mark = mark_of(self.asked(spec).model_dump(mode="json"))
        return Path(self.arguments.out) / "networks" / f"{spec.kind}-{mark}"

    def paths(self, table: str, loss: str) -> dict[str, str]:
        """Kind -> file of the loss networks that a loss carries."""
        return {
            kind: str(self.folder(spec) / f"{kind}.safetensors")
            for kind, spec in self.specs(table, loss).items()
        }

    def tuning(self) -> list[Training]:
        """What is to be scored on the hold-out set next; nothing where there is one rate."""
        if len(self.arguments.factors) == 1:
            return []
        wanted = [
            Training(table.name, loss, rate, TUNING_SEED, "train")
            for table in self.tables.values()
            for loss in table.documents
            for rate in table.next_rates(self.ledger, loss, self.arguments.factors)
        ]
        return sorted(wanted, key=lambda one: (one.table, one.rate))

    def reported(self) -> list[Training]:
        """What is scored on the validation split and is not yet, seed by seed."""
        best = {
            (table.name, loss): self.rate(table, loss)
            for table in self.tables.values()
            for loss in table.documents
        }
        wanted = [
            Training(table, loss, rate, FIRST_SEED + seed, "val")
            for seed in range(self.arguments.seeds)
            for (table, loss), rate in best.items()
            if rate is not None
        ]
        return [one for one in wanted if one not in self.ledger.scores]

    def rate(self, table: PaperTable, loss: str) -> float | None:
        """The rate that a loss is reported at; None where none is found yet."""
        rates = table.rates(self.arguments.factors)
        return rates[0] if len(rates) == 1 else table.best_rate(self.ledger, loss)

    def task(self, training: Training) -> ProxyTask:
        """The task of a training, which others of its seed, split and loss networks share."""
        arguments, request = self.arguments, self.tables[training.table].request
        crop = [min(pair) for pair in zip(request.training.crop, arguments.size, strict=True)]
        changed = {
            "iterations": arguments.iterations,
            "crop": crop,
            "precision": None,
            "learning_rate": self.tables[training.table].rates(arguments.factors)[0],
        }
        hold_out = {"split": "val"} if training.split == "val" else {"groups": "auto"}
        return ProxyTask.model_validate(
            {
                "dataset": self.dataset,
                "metric": request.metric,
                "network": NETWORKS[training.table],
                "training": request.training.model_dump() | changed,
                "hold_out": hold_out,
                "seed": training.seed,
                "loss_networks": self.paths(training.table, training.loss),
            }
        )

    def packs(self, trainings: Iterable[Training]) -> Iterator[list[Training]]:
        """Trainings that share a task, so many at a time."""
        alike: dict[tuple[object, ...], list[Training]] = defaultdict(list)
        for one in trainings:
            networks = tuple(self.paths(one.table, one.loss).values())
            alike[one.table, one.seed, one.split, networks].append(one)
        for group in alike.values():
            for first in range(0, len(group), self.arguments.pack):
                yield group[first : first + self.arguments.pack]


def with_tiles(spec: LossNetworkSpec, shares: Sequence[float]) -> LossNetworkSpec:
    """A network for images of these shares of the height and width that it is asked for."""
    if not isinstance(spec, InverseNetworkSpec):
        return spec
    pairs = zip(spec.tiles, shares, strict=True)
    return spec.model_copy(update={"tiles": tuple(max(1, round(n * share)) for n, share in pairs)})


def main() -> None:
    """Train what is missing, as far as the time goes, and tell."""
    arguments = parse()
    began = time.monotonic()
    until = began + arguments.seconds
    arguments.out.mkdir(parents=True, exist_ok=True)
    tables = {name: PaperTable.read(name) for name in arguments.tables}
    bench = Bench(arguments, tables, Ledger(arguments.out / "outcomes.jsonl"))
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(arguments.processes, mp_context=spawn) as pool:
        make_networks(pool, bench)
        for stage in (bench.tuning, bench.reported):
            while time.monotonic() < until and (missing := stage()):
                train(pool, bench, missing, until)
    text = "\n".join(written(bench, time.monotonic() - began)) + "\n"
    (arguments.out / "learned.md").write_text(text, encoding="utf-8")
    print(text)


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Train the tables of SEMEDA and InverseForm.")
    parser.add_argument("--root", type=Path, required=True, help="CamVid in the SegNet layout")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tables", nargs="+", default=list(TABLES), choices=TABLES)
    parser.add_argument("--size", type=int, nargs=2, default=(360, 480), metavar=("H", "W"))
    parser.add_argument("--iterations", type=int, default=300, help="of every training")
    parser.add_argument("--network-iterations", type=int, help="of loss networks; None: the specs'")
    parser.add_argument("--factors", type=float, nargs="+", default=[0.25, 1.0, 4.0, 16.0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--pack", type=int, default=2, help="losses that share their batches")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    return parser.parse_args(words)


def make_networks(pool: ProcessPoolExecutor, bench: Bench) -> None:
    """Train the loss networks that are not there."""
    running = []
    for folder, task in bench.network_tasks().items():
        if not (folder / f"{task.network.kind}.safetensors").exists():
            words = (task.model_dump_json(), str(folder), bench.arguments.device)
            running.append(pool.submit(make_network, *words))
    for future in as_completed(running):
        print(future.result(), flush=True)


def make_network(task: str, folder: str, device: str) -> str:
    """Train a loss network; runs in a process of its own."""
    torch.set_num_threads(1)
    asked = LossNetworkTask.model_validate_json(task)
    result = train_loss_network(asked, Path(folder), device=device)
    return f"{Path(folder).name}: {result.measures}, {result.seconds:.0f} s"


def train(
    pool: ProcessPoolExecutor, bench: Bench, missing: Iterable[Training], until: float
) -> None:
    """Train and record; what has not begun at ``until`` (monotonic seconds) is left out."""
    running: dict[Future[Any], list[Training]] = {}
    for pack in bench.packs(missing):
        losses = [(one.rate, bench.tables[one.table].documents[one.loss]) for one in pack]
        task = bench.task(pack[0]).model_dump_json()
        running[pool.submit(train_pack, task, losses, bench.arguments.device)] = pack
    for done, future in enumerate(as_completed(running), 1):
        if future.cancelled():
            continue
        for training, metrics in zip(running[future], future.result(), strict=True):
            bench.ledger.add(training, metrics)
        print(f"{done} of {len(running)} packs", flush=True)
        if time.monotonic() > until:
            for other in running:
                other.cancel()


def written(bench: Bench, seconds: float) -> Iterator[str]:
    """Lines of the report."""
    arguments = bench.arguments
    device = choose_device(arguments.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    yield f"{tasks.circumstances()}, {name}, {seconds:.0f} s in this run."
    for table in bench.tables.values():
        yield from rows(bench, table)
    for size in bench.shifted:
        yield ""
        yield from inverse_network.steepness(*shown(bench, size))


def rows(bench: Bench, table: PaperTable) -> Iterator[str]:
    """Lines of one table."""
    yield ""
    yield f"| {table.name} | rate | seeds | {' | '.join(SCORES)} | published |"
    yield "|---" * (len(SCORES) + 4) + "|"
    for loss, document in table.documents.items():
        rate = bench.rate(table, loss)
        scored = [
            metrics
            for one, metrics in bench.ledger.scores.items()
            if (one.table, one.loss, one.rate, one.split) == (table.name, loss, rate, "val")
            and metrics
        ]
        cells = [
            estimate([metrics[score] for metrics in scored]).percent() if scored else ""
            for score in SCORES
        ]
        told = "" if rate is None else f"{rate:g}"
        published = table.published.get(loss, "")
        yield (
            f"| {document['title']} | {told} | {len(scored)} | {' | '.join(cells)} | {published} |"
        )


def shown(
    bench: Bench, size: tuple[int, int]
) -> tuple[dict[str, InverseNetwork], list[NDArray[np.uint8]]]:
    """The inverse networks of :data:`SHIFTED` by name, and masks of the validation split at a size."""
    networks = {}
    for spec in SHIFTED.values():
        network = load(INVERSE_NETWORK, bench.folder(spec) / f"{INVERSE_NETWORK}.safetensors")
        assert isinstance(network, InverseNetwork)
        rows, columns = spec.tiles
        networks[f"{spec.architecture}, {spec.side}, of {rows}x{columns}"] = network
    task = {"dataset": tasks.camvid(bench.arguments.root, size), "network": SHIFTED[size]}
    masks = open_dataset(LossNetworkTask.model_validate(task).dataset).read("val").masks
    return networks, list(masks[::25][: inverse_network.SHOWN])


if __name__ == "__main__":
    main()
