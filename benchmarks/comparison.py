"""Train with every loss of the classes alike and compare them: one table, all losses, all scores.

    LOSSFIT_DATASET_ROOTS='["/data"]' lossfit serve --home service &
    python -m benchmarks.comparison --root /data/camvid --out comparison [--losses NAME ...]

One comparison of the service: for each loss

1. its learning rate is tuned by mIoU, with one seed, on a hold-out set cut from the training split: the
   ``--rates``, more beyond the best while that is the lowest or the highest, and one between the
   best and its better neighbour;
2. it is retrained over several seeds with the best, and scored on the validation split, which
   tuning has not read.

Writes the service's files of the comparison, and ``differences.md``: differences paired over seeds to
cross entropy, and those that the papers of InverseForm and SEMEDA report.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import service, tasks
from search_service.comparisons.columns import Column
from search_service.comparisons.results import Table
from search_service.significance import difference
from surrogate_zoo import LOSSES, needs_of
from surrogate_zoo.needs import INSTANCES

NAME = "comparison"
METRIC = "miou"
BASE = "cross-entropy"
PAIRS = (
    # What the papers of InverseForm and SEMEDA compare.
    ("boundary-cross-entropy", BASE),
    ("inverse-form", BASE),
    ("inverse-form", "boundary-cross-entropy"),
    ("edge-head", BASE),
    ("edge-cross-entropy", BASE),
    ("semeda", BASE),
    ("semeda", "edge-head"),
)
OF_CLASSES = tuple(name for name in LOSSES if INSTANCES not in needs_of(name).inputs)
"""The losses of the zoo but for those that need objects, which CamVid does not have."""
PAIR_SCORES = ("miou", "bf1", "mba", "trimap_1", "trimap_2", "trimap_5", "trimap_10")


def main() -> None:
    """Run the comparison, or go on with it, and write its files."""
    arguments = parse()
    with service.connect(arguments.url) as client:
        dataset = service.register(client, "camvid", arguments.root, arguments.size)
        bodies = {NAME: request(arguments, dataset)}
        for name in service.finish(client.comparisons, bodies, arguments.out):
            [table] = service.read_results(arguments.out / name).tables
            report = "\n".join(differences(table)) + "\n"
            (arguments.out / name / "differences.md").write_text(report)
            print(report)


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Compare every loss of the zoo on CamVid.")
    parser.add_argument("--url", default=service.URL)
    parser.add_argument("--root", type=Path, required=True, help="CamVid in the SegNet layout")
    parser.add_argument("--out", type=Path, default=Path("comparison"))
    parser.add_argument("--size", type=int, nargs=2, default=(96, 128), metavar=("H", "W"))
    parser.add_argument("--losses", nargs="+", default=list(OF_CLASSES), metavar="NAME")
    parser.add_argument("--network", default="deeplab", choices=list(tasks.NETWORKS))
    parser.add_argument("--rates", type=float, nargs="+", default=[0.03, 0.1, 0.3])
    parser.add_argument("--iterations", type=int, default=100, help="of tuning and retraining")
    parser.add_argument("--seeds", type=int, default=3)
    return parser.parse_args(words)


def request(arguments: argparse.Namespace, dataset: str) -> dict[str, Any]:
    """The comparison that is asked of the service."""
    return {
        "losses": arguments.losses,
        "dataset": dataset,
        "networks": [tasks.NETWORKS[arguments.network]],
        "training": tasks.training(arguments.iterations, arguments.rates[0], arguments.size),
        "learning_rates": arguments.rates,
        "rate_refinements": 1,
        "metric": METRIC,
        "seeds": arguments.seeds,
    }


def differences(table: Table) -> Iterator[str]:
    """Lines of a Markdown report of paired differences."""
    columns = {column.name: column for column in table.scores}
    names = [row.loss for row in table.rows]
    yield (
        f"Difference in points to {BASE}, mean ± half of the 95% interval, paired over seeds (paired "
        "t-test, not corrected for the number of losses):"
    )
    yield ""
    to_base = [(name, BASE) for name in names if name != BASE and BASE in names]
    yield from _rows(table, to_base, [columns[name] for name in ("miou", "macc", "bf1")])
    if pairs := [pair for pair in PAIRS if set(pair) <= set(names)]:
        yield from ("", "Losses that look at boundaries against their baselines:", "")
        yield from _rows(table, pairs, [columns[name] for name in PAIR_SCORES])


def _rows(
    table: Table, pairs: Sequence[tuple[str, str]], columns: Sequence[Column]
) -> Iterator[str]:
    yield f"| | {' | '.join(column.title for column in columns)} |"
    yield "|---" * (1 + len(columns)) + "|"
    for loss, base in pairs:
        gaps = [_gap(table, loss, base, column) for column in columns]
        yield f"| {loss} - {base} | {' | '.join(gaps)} |"


def _gap(table: Table, loss: str, base: str, column: Column) -> str:
    """The gap of one score over the seeds that both have; empty without any."""
    values, others = tasks.paired(table, loss, base, column)
    return tasks.told(difference(values, others)) if values else ""


if __name__ == "__main__":
    main()
