"""Search losses and compare them, honestly, with handmade ones: the tables of Auto Seg-Loss.

    LOSSFIT_DATASET_ROOTS='["/data"]' lossfit serve --home service &
    python -m benchmarks.searches --root /data/camvid --out searches

Three parts, each from the training split alone until the last, all by the service:

1. for each of ``--metrics`` (and each of ``--families``: the paper's ablation) a search, on smaller
   images of the training split; its hold-out set is cut from that;
2. for each metric a comparison of the searched losses and their rivals. The learning rate of each is
   tuned by that metric on a hold-out set of the training split, with one seed: the ``--rates``, more
   beyond the best while that is the lowest or the highest, and one between the best and its better
   neighbour. Rivals are the surrogate without parameters, cross entropy, and the handmade loss that
   did best on the metric in :mod:`benchmarks.comparison`;
3. its retrainings over several seeds, scored on the validation split, which nothing before has read.

``--no-search`` takes the losses that an earlier run with the same service found, so that another
``--dataset`` or ``--network`` shows whether they transfer.

Prints and writes ``searches.md``. A second run with the same ``--out`` goes on where the first ended.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import service, tasks
from search_service.comparisons.columns import METRIC_SCORES
from search_service.comparisons.results import Table
from search_service.significance import Difference, difference, estimate, holm
from surrogate_zoo import METRICS
from surrogate_zoo.curves.families import CURVE_FAMILIES

HANDMADE = {
    "miou": "lovasz",
    "fwiou": "focal-tversky",
    "biou": "lovasz",
    "bf1": "lovasz",
    "macc": "inverse-frequency-cross-entropy",
    "gacc": "focal-tversky",
}
BASE = "cross-entropy"


def main() -> None:
    """Run what is missing and write the tables."""
    arguments = parse()
    with service.connect(arguments.url) as client:
        if arguments.search:
            proxy = (arguments.dataset, arguments.root, arguments.proxy_size)
            asked = searches(arguments, service.register(client, *proxy))
            for name in service.finish(client.searches, asked, arguments.out):
                print(f"{name} is in the zoo", flush=True)
        whole = (arguments.dataset, arguments.root, arguments.size)
        bodies = comparisons(arguments, service.register(client, *whole))
        tables: dict[str, Table] = {}
        for metric in service.finish(client.comparisons, bodies, arguments.out):
            [tables[metric]] = service.read_results(arguments.out / metric).tables
    lines = report(tables, {metric: body["losses"][0] for metric, body in bodies.items()})
    text = "\n".join([_setting(arguments), "", f"{tasks.circumstances()}.", *lines]) + "\n"
    (arguments.out / "searches.md").write_text(text)
    print(text)


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Search losses and compare them with rivals.")
    parser.add_argument("--url", default=service.URL)
    parser.add_argument("--root", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--dataset", default="camvid", choices=list(tasks.DATASETS))
    parser.add_argument("--out", type=Path, default=Path("searches"))
    parser.add_argument("--metrics", nargs="+", default=list(HANDMADE), choices=list(HANDMADE))
    parser.add_argument("--families", nargs="+", default=["bezier"], choices=list(CURVE_FAMILIES))
    parser.add_argument("--no-search", dest="search", action="store_false")
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
    return parser.parse_args(words)


def searches(arguments: argparse.Namespace, dataset: str) -> dict[str, dict[str, Any]]:
    """The searches that are asked of the service, by the names of their losses."""
    training = tasks.training(
        arguments.proxy_iterations, arguments.proxy_rate, arguments.proxy_size
    )
    return {
        _name(metric, family): {
            "name": _name(metric, family),
            "metric": metric,
            "dataset": dataset,
            "family": family,
            "sampler": arguments.sampler,
            "network": tasks.NETWORKS["small"],
            "training": training,
        }
        for metric in arguments.metrics
        for family in arguments.families
    }


def comparisons(arguments: argparse.Namespace, dataset: str) -> dict[str, dict[str, Any]]:
    """The comparisons that are asked of the service, by metric; the searched losses come first."""
    training = tasks.training(arguments.iterations, arguments.rates[0], arguments.size)
    return {
        metric: {
            "losses": [
                *(_name(metric, family) for family in arguments.families),
                *(f"naive-{metric}", BASE, HANDMADE[metric]),
            ],
            "dataset": dataset,
            "networks": [tasks.NETWORKS[arguments.network]],
            "training": training,
            "learning_rates": arguments.rates,
            "rate_refinements": 1,
            "metric": metric,
            "seeds": arguments.seeds,
            "images": 0,
        }
        for metric in arguments.metrics
    }


def report(tables: Mapping[str, Table], searched: Mapping[str, str]) -> Iterator[str]:
    """Lines of the tables, one a metric.

    Args:
        tables: Metric -> the comparison by it.
        searched: Metric -> the loss that the others of its table are compared with.
    """
    gaps = {
        (metric, row.loss): gap
        for metric, table in tables.items()
        for row in table.rows
        if (gap := _gap(table, metric, searched[metric], row.loss)) is not None
    }
    told = {pair: gap.p for pair, gap in gaps.items() if gap.p is not None}
    adjusted = dict(zip(told, holm(list(told.values())), strict=True))
    for metric, table in tables.items():
        column = METRIC_SCORES.column(metric)
        yield ""
        yield f"| {column.title} | learning rate | score | {searched[metric]} less this |"
        yield "|---|---|---|---|"
        means = {row.loss: list(row.values(column).values()) for row in table.rows}
        for row in sorted(table.rows, key=lambda row: -sum(means[row.loss])):
            values, pair = means[row.loss], (metric, row.loss)
            score = estimate(values).percent() if values else ""
            less = tasks.told(gaps[pair], adjusted.get(pair)) if pair in gaps else ""
            yield f"| {row.loss} | {row.learning_rate:.12g} | {score} | {less} |"
        for note in table.notes():
            yield ""
            yield note


def _gap(table: Table, metric: str, searched: str, loss: str) -> Difference | None:
    """By how much the searched loss is better than another; None without a common seed."""
    values, others = tasks.paired(table, searched, loss, METRIC_SCORES.column(metric))
    return difference(values, others) if loss != searched and values else None


def _name(metric: str, family: str) -> str:
    return f"searched-{metric}" if family == "bezier" else f"searched-{metric}-{family}"


def _setting(arguments: argparse.Namespace) -> str:
    network, (height, width) = tasks.NETWORKS[arguments.network], arguments.size
    metrics = ", ".join(METRICS[metric].title for metric in arguments.metrics)
    return (
        f"{arguments.dataset} at {height}x{width}, {network['architecture']} {network['encoder']} from "
        f"scratch, {arguments.iterations} iterations of 8 crops, {arguments.seeds} seeds; {metrics}. "
        "Learning rates tuned by the metric in question on a hold-out set of the training split. "
        "Validation split, percent, mean ± half of the 95% interval, the best first. Differences are "
        "paired over seeds (paired t-test); the second p is corrected for the number of all "
        "comparisons here (Holm)."
    )


if __name__ == "__main__":
    main()
