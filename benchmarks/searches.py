"""Search losses and compare them, honestly, with handmade ones: the tables of Auto Seg-Loss.

    LOSSFIT_DATASET_ROOTS='["/data"]' lossfit serve --home searches/service &
    python -m benchmarks.searches --root /data/camvid --out searches

Three parts, each from the training split alone until the last:

1. for each of ``--metrics`` (and each of ``--families``: the paper's ablation) a search over REST, on
   smaller images of the training split; its hold-out set is cut from that;
2. for each metric, the learning rates of the searched losses and of their rivals are tuned by that
   metric on a hold-out set of the training split: four trainings each, one seed. Rivals are the
   surrogate without parameters, cross entropy, and the handmade loss that did best on the metric in
   :mod:`benchmarks.comparison`;
3. retrainings over several seeds, scored on the validation split, which nothing before has read.

``--found`` takes the losses that an earlier run found instead of searching, so that another
``--dataset`` or ``--network`` shows whether they transfer.

Prints and writes ``searches.md``. A second run with the same ``--out`` goes on where the first ended.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from api.cli.watching import follow
from api.client.client import Client
from benchmarks import tasks
from benchmarks.tuning import Record, Setting, selected, tuned_and_retrained
from search_service.significance import difference, estimate, holm
from surrogate_zoo import LOSSES, METRICS
from surrogate_zoo.curves.families import CURVE_FAMILIES
from surrogate_zoo.losses.document import Document, read_loss_file
from workers.cluster.pool import WorkerPool

HANDMADE = {
    "miou": "lovasz",
    "fwiou": "focal-tversky",
    "biou": "lovasz",
    "bf1": "lovasz",
    "macc": "inverse-frequency-cross-entropy",
    "gacc": "focal-tversky",
}
BASE = "cross-entropy"

Contest = Mapping[str, Sequence[str]]
"""Metric -> names of the losses that are judged by it, the searched ones first."""


def main() -> None:
    """Run what is missing and write the tables."""
    arguments = _arguments()
    arguments.out.mkdir(parents=True, exist_ok=True)
    folder = arguments.found or arguments.out / "found"
    if arguments.found is None:
        _search_all(arguments, folder)
    documents = {name: loss.document() for name, loss in LOSSES.items()}
    contest: dict[str, list[str]] = {}
    for metric in arguments.metrics:
        found = [_name(metric, family) for family in arguments.families]
        documents |= {name: read_loss_file(folder / name / "loss.json") for name in found}
        contest[metric] = [*found, f"naive-{metric}", BASE, HANDMADE[metric]]
    setting = Setting(
        arguments.dataset,
        arguments.root,
        tuple(arguments.size),
        arguments.network,
        arguments.iterations,
        arguments.rates,
        arguments.seeds,
        arguments.out,
    )
    records = _records(setting, documents, contest)
    report = "\n".join(_report(setting, contest, records)) + "\n"
    (arguments.out / "searches.md").write_text(report)
    print(report)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Search losses and compare them with rivals.")
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--root", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--dataset", default="camvid", choices=list(tasks.DATASETS))
    parser.add_argument("--out", type=Path, default=Path("searches"))
    parser.add_argument("--metrics", nargs="+", default=list(HANDMADE), choices=list(HANDMADE))
    parser.add_argument("--families", nargs="+", default=["bezier"], choices=list(CURVE_FAMILIES))
    parser.add_argument("--found", type=Path, help="folder of losses to take instead of searching")
    parser.add_argument(
        "--sampler", type=json.loads, default={"name": "tpe", "trials": 48}, metavar="JSON"
    )
    parser.add_argument("--proxy-size", type=int, nargs=2, default=(48, 64), metavar=("H", "W"))
    parser.add_argument("--proxy-iterations", type=int, default=60)
    parser.add_argument("--proxy-rate", type=float, default=0.3)
    parser.add_argument("--size", type=int, nargs=2, default=(72, 96), metavar=("H", "W"))
    parser.add_argument("--network", default="small", choices=list(tasks.NETWORKS))
    parser.add_argument("--iterations", type=int, default=100, help="of tuning and retraining")
    parser.add_argument("--rates", type=float, nargs="+", default=[0.03, 0.1, 0.3])
    parser.add_argument("--seeds", type=int, default=3)
    return parser.parse_args()


def _name(metric: str, family: str) -> str:
    return f"searched-{metric}" if family == "bezier" else f"searched-{metric}-{family}"


def _search_all(arguments: argparse.Namespace, folder: Path) -> None:
    """Run the searches whose losses are not in ``folder`` yet, all submitted at once."""
    wanted = {
        _name(metric, family): (metric, family)
        for metric in arguments.metrics
        for family in arguments.families
        if not (folder / _name(metric, family) / "loss.json").exists()
    }
    if not wanted:
        return
    with Client(arguments.url) as client:
        dataset = _registered(client, arguments)
        jobs = {
            name: client.searches.submit(
                _body(arguments, dataset, name, metric, family), key=f"{arguments.out}-{name}"
            ).id
            for name, (metric, family) in wanted.items()
        }
        for name, job in jobs.items():
            follow(client.searches, job, name)
            client.searches.download_all(job, folder / name)


def _registered(client: Client, arguments: argparse.Namespace) -> str:
    name = f"{arguments.dataset}-{arguments.proxy_size[0]}x{arguments.proxy_size[1]}"
    if name not in {dataset.name for dataset in client.datasets.list()}:
        source = tasks.DATASETS[arguments.dataset](arguments.root, arguments.proxy_size)
        client.datasets.register(name=name, source=source)
    return name


def _body(
    arguments: argparse.Namespace, dataset: str, name: str, metric: str, family: str
) -> dict[str, Any]:
    training = tasks.training(
        arguments.proxy_iterations, arguments.proxy_rate, arguments.proxy_size
    )
    return {
        "name": name,
        "metric": metric,
        "dataset": dataset,
        "family": family,
        "sampler": arguments.sampler,
        "network": tasks.NETWORKS["small"],
        "training": training,
    }


def _records(
    setting: Setting, documents: Mapping[str, Document], contest: Contest
) -> dict[str, Record]:
    """Tune and retrain with every loss for the metrics that it is judged by."""
    judged: dict[str, list[str]] = {}
    for metric, names in contest.items():
        for name in names:
            judged.setdefault(name, []).append(metric)
    setting.train_loss_networks([documents[name] for name in judged])

    def run(name: str) -> Record:
        return tuned_and_retrained(pool, setting, name, documents[name], judged[name])

    with WorkerPool(cpus_per_actor=1) as pool, ThreadPoolExecutor(pool.actors) as threads:
        # Losses with many metrics take longest.
        order = sorted(judged, key=lambda name: -len(judged[name]))
        records = {}
        for record in threads.map(run, order):
            records[record.loss] = record
            print(f"{record.loss}: {len(records)} of {len(order)}", flush=True)
    return records


def _report(setting: Setting, contest: Contest, records: Mapping[str, Record]) -> Iterator[str]:
    hours = sum(record.seconds for record in records.values()) / 3600
    yield (
        f"{setting}. Learning rates tuned by the metric in question on a hold-out set of the training "
        "split, four trainings a loss. Validation split, percent, mean ± half of the 95% interval, the "
        "best first. Differences are paired over seeds (paired t-test); the second p is corrected for "
        "the number of all comparisons here (Holm)."
    )
    yield ""
    yield (
        f"{tasks.circumstances([record.commit for record in records.values()])}, {hours:.1f} worker "
        "hours of tuning and retraining."
    )
    selections = {
        metric: selected([records[name] for name in names], metric)
        for metric, names in contest.items()
    }
    pairs = [(metric, name) for metric, names in contest.items() for name in names[1:]]
    gaps = {
        (metric, name): difference(
            _of(selections[metric][0][contest[metric][0]], metric),
            _of(selections[metric][0][name], metric),
        )
        for metric, name in pairs
    }
    known = {pair: gap.p for pair, gap in gaps.items() if gap.p is not None}
    adjusted = dict(zip(known, holm(list(known.values())), strict=True))
    for metric, (scores, rates) in selections.items():
        yield ""
        yield f"| {METRICS[metric].title} | learning rate | score | {contest[metric][0]} less this |"
        yield "|---|---|---|---|"
        for name, runs in scores.items():
            pair = (metric, name)
            gap = tasks.told(gaps[pair], adjusted.get(pair)) if pair in gaps else ""
            score = estimate(_of(runs, metric)).percent()
            yield f"| {name} | {rates[name]:g} | {score} | {gap} |"


def _of(runs: tasks.Runs, metric: str) -> list[float]:
    return [run[metric] for run in runs]


if __name__ == "__main__":
    main()
