"""Does a search pay? Searched losses against what a person would pick by hand, on images unseen.

    LOSSFIT_DATASET_ROOTS='["/data"]' lossfit serve --home service &
    python -m benchmarks.searches --root /data/camvid --out searches

All by the service, from the training split alone until the last part:

1. one search of the zoo for all of ``--metrics`` (preset ``standard``), whose race names a winner for
   each; and for each metric the paper's own search, PPO2 over curves, on the same proxy task. What
   candidates are scored on is cut by groups from the training split;
2. for each metric a comparison of cross entropy, the five handmade losses that the first search's
   hold-out set ranks highest, the surrogate without parameters, and both searched losses. The learning
   rate of each is tuned by that metric on a hold-out set of the training split: the ``--rates``, more
   beyond the best while that is the lowest or the highest, and one between the best and its better
   neighbour;
3. its retrainings of whole networks over several seeds, scored on the validation split, which nothing
   before has read.

Prints and writes ``searches.md``. A second run with the same ``--out`` goes on where the first ended.
"""

import argparse
import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks import service, tasks
from search_service.comparisons.columns import METRIC_SCORES, RANKSEG_SCORES, Column
from search_service.comparisons.results import Table
from search_service.significance import Difference, difference, estimate, holm
from surrogate_zoo import METRICS

ALL = ("miou", "fwiou", "biou", "bf1", "macc", "gacc")
BASE = "cross-entropy"
RIVALS = 5
"""So many handmade losses, the best on the hold-out set of the search."""
NEW = "searched"
"""Name of the search of the zoo; its winner for a metric is ``searched-<metric>``."""


def main() -> None:
    """Run what is missing and write the tables."""
    arguments = parse()
    with service.connect(arguments.url) as client:
        dataset = service.register(client, arguments.dataset, arguments.root, arguments.size)
        asked = searches(arguments, dataset)
        for name in service.finish(client.searches, asked, arguments.out):
            print(f"{name} is over", flush=True)
        rivals = handmade(arguments.out / NEW / "trials.csv", arguments.metrics)
        bodies = comparisons(arguments, dataset, rivals)
        tables: dict[str, Table] = {}
        for metric in service.finish(client.comparisons, bodies, arguments.out):
            [tables[metric]] = service.read_results(arguments.out / metric).tables
    costs = [cost(name, arguments.out / name / "trials.csv") for name in asked]
    lines = report(tables, {metric: body["losses"][0] for metric, body in bodies.items()})
    head = [_setting(arguments), "", f"{tasks.circumstances()}.", *lines, "", *costs]
    text = "\n".join(head) + "\n"
    (arguments.out / "searches.md").write_text(text)
    print(text)


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    return options("Search losses and compare them with rivals.").parse_args(words)


def options(description: str) -> argparse.ArgumentParser:
    """The options of a benchmark that searches and compares."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--url", default=service.URL)
    parser.add_argument("--root", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--dataset", default="camvid", choices=list(tasks.DATASETS))
    parser.add_argument("--out", type=Path, default=Path("searches"))
    parser.add_argument("--metrics", nargs="+", default=list(ALL), choices=list(ALL))
    parser.add_argument("--size", type=int, nargs=2, default=(96, 128), metavar=("H", "W"))
    parser.add_argument("--trials", type=int, default=96, help="of the zoo, after the portfolio")
    parser.add_argument("--network", default="lite0", choices=list(tasks.NETWORKS))
    parser.add_argument("--iterations", type=int, default=150, help="of every training")
    parser.add_argument("--rate", type=float, default=0.03, help="of every search's proxies")
    parser.add_argument("--rates", type=float, nargs="+", default=[0.01, 0.03, 0.1])
    parser.add_argument("--hold-out", type=json.loads, default={"groups": "auto"}, metavar="JSON")
    parser.add_argument("--seeds", type=int, default=8)
    return parser


def searches(arguments: argparse.Namespace, dataset: str) -> dict[str, dict[str, Any]]:
    """The searches that are asked of the service, by name."""
    shared = {
        "dataset": dataset,
        "preset": "standard",
        "proxy_size": None,
        "network": tasks.NETWORKS[arguments.network],
        "training": schedule(arguments, arguments.network, arguments.rate),
        "hold_out": arguments.hold_out,
    }
    new = {
        "metrics": arguments.metrics,
        "sampler": {"name": "portfolio", "trials": arguments.trials},
    }
    alone = f"-{arguments.metrics[0]}" if len(arguments.metrics) == 1 else ""
    bodies = {NEW: shared | new | {"name": f"{NEW}{alone}"}}
    for metric in arguments.metrics:
        name = paper(metric)
        sampler = {"name": "ppo2", "preset": "quick"}
        bodies[name] = shared | {"name": name, "metric": metric, "sampler": sampler}
    return bodies


def handmade(trials: Path, metrics: Sequence[str]) -> dict[str, list[str]]:
    """Metric -> the handmade losses that did best on the hold-out set, as the literature has them.

    Args:
        trials: Table of the search of the zoo; its portfolio holds them all, at several rates.
        metrics: The metrics.
    """
    with trials.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["generation"] == "0"]
    found: dict[str, list[str]] = {}
    for metric in metrics:
        best: dict[str, float] = {}
        for row in rows:
            loss, score = row["loss"], row.get(f"holdout.{metric}")
            if score and loss != BASE and not loss.startswith(("surrogate-", "asl-")):
                best[loss] = max(float(score), best.get(loss, 0.0))
        found[metric] = sorted(best, key=lambda loss: (-best[loss], loss))[:RIVALS]
    return found


def cost(name: str, trials: Path) -> str:
    """A line that tells what the candidates of a search cost."""
    with trials.open(newline="", encoding="utf-8") as file:
        seconds = [float(row["seconds"]) for row in csv.DictReader(file)]
    return f"- {name}: {len(seconds)} candidates, {sum(seconds) / 60:.1f} minutes of one worker."


def comparisons(
    arguments: argparse.Namespace, dataset: str, rivals: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, Any]]:
    """The comparisons that are asked of the service, by metric; the new search's losses come first."""
    return {
        metric: {
            "losses": [
                f"{NEW}-{metric}",
                paper(metric),
                f"naive-{metric}",
                BASE,
                *rivals[metric],
            ],
            "dataset": dataset,
            "networks": [tasks.NETWORKS[arguments.network]],
            "training": schedule(arguments, arguments.network, arguments.rates[0]),
            "learning_rates": arguments.rates,
            "rate_refinements": 1,
            "hold_out": arguments.hold_out,
            "metric": metric,
            "seeds": arguments.seeds,
            "rankseg": True,
            "images": 0,
        }
        for metric in arguments.metrics
    }


def schedule(arguments: argparse.Namespace, network: str, rate: float) -> dict[str, Any]:
    """The schedule of a network; the head of a pretrained one learns ten times as fast."""
    pretrained = "weights" in tasks.NETWORKS[network]
    return tasks.training(
        arguments.iterations, rate, arguments.size, head_factor=10.0 if pretrained else 1.0
    )


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
        if (gap := lead(table, METRIC_SCORES.column(metric), searched[metric], row.loss))
        is not None
    }
    told = {pair: gap.p for pair, gap in gaps.items() if gap.p is not None}
    adjusted = dict(zip(told, holm(list(told.values())), strict=True))
    for metric, table in tables.items():
        column = METRIC_SCORES.column(metric)
        yield ""
        yield f"| {column.title} | learning rate | seeds | score | {searched[metric]} less this |"
        yield "|---|---|---|---|---|"
        means = {row.loss: list(row.values(column).values()) for row in table.rows}
        scored = {loss: fmean(values) for loss, values in means.items() if values}
        for row in sorted(table.rows, key=lambda row: -scored.get(row.loss, 0.0)):
            values, pair = means[row.loss], (metric, row.loss)
            score = estimate(values).percent() if values else ""
            less = tasks.told(gaps[pair], adjusted.get(pair)) if pair in gaps else ""
            rate, seeds = f"{row.learning_rate:.12g}", len(means[row.loss])
            yield f"| {row.loss} | {rate} | {seeds} | {score} | {less} |"
        for note in table.notes():
            yield ""
            yield note
        yield from _ranked(table, metric, searched[metric])


def _ranked(table: Table, metric: str, searched: str) -> Iterator[str]:
    """Lines of a table of the searched loss and the base with the decoding RankSEG, where it was scored."""
    column = RANKSEG_SCORES.column(metric)
    means = {row.loss: list(row.values(column).values()) for row in table.rows}
    if not (means.get(searched) and means.get(BASE)):
        return
    yield ""
    yield f"| {column.title} | score | {searched} less this |"
    yield "|---|---|---|"
    for loss in (searched, BASE):
        gap = lead(table, column, searched, loss)
        less = "" if gap is None else tasks.told(gap, None)
        yield f"| {loss} | {estimate(means[loss]).percent()} | {less} |"


def lead(table: Table, column: Column, searched: str, loss: str) -> Difference | None:
    """By how much the searched loss is better than another; None without a common seed."""
    values, others = tasks.paired(table, searched, loss, column)
    return difference(values, others) if loss != searched and values else None


def paper(metric: str) -> str:
    """Name of the loss that the paper's search finds for a metric."""
    return f"paper-{metric}"


def _setting(arguments: argparse.Namespace) -> str:
    network, (height, width) = tasks.NETWORKS[arguments.network], arguments.size
    metrics = ", ".join(METRICS[metric].title for metric in arguments.metrics)
    return (
        f"{arguments.dataset} at {height}x{width}, {network['architecture']} {network['encoder']}, "
        f"{network.get('weights', 'random')} weights, {arguments.iterations} iterations of 8 crops, "
        f"{arguments.seeds} seeds; {metrics}. "
        "Learning rates tuned by the metric in question on a hold-out set of the training split. "
        "Validation split, percent, mean ± half of the 95% interval, the best first. Differences are "
        "paired over seeds (paired t-test); the second p is corrected for the number of all "
        "comparisons here (Holm)."
    )


if __name__ == "__main__":
    main()
