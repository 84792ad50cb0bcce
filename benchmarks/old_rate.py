r"""Every loss at the learning rate that a user has for cross entropy: does it train, and is it worse?

    python -m benchmarks.old_rate --root /data/camvid --searches searches --out old-rate

The learning rate of cross entropy alone is tuned by mIoU on a hold-out set of the training split, by
groups, the grid widened until the best lies inside. At that rate whole networks are trained over several
seeds with every loss of the zoo that takes logits and target, distance maps or a boundary head, and with
the loss files in ``--searches``, each with its ``scale`` and nothing else adjusted. Scored on the validation
split; each loss is compared with cross entropy by the metric that it stands for.

What is trained is kept in ``<out>/outcomes.jsonl``, and a second run goes on from there: first every loss
with one seed, so that a run that ends early has all. After ``--seconds`` nothing new begins. Prints, and
writes ``<out>/old-rate.md``.
"""

import argparse
import json
import multiprocessing
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks import searches, tasks, transfer
from benchmarks.transfer import FIRST_SEED, Comparison, Ledger, Training
from search_service.significance import difference, estimate
from surrogate_zoo import LOSSES, needs_of
from surrogate_zoo.losses.distance_maps import MAPS
from surrogate_zoo.losses.document import Document, check_document, scale_of
from surrogate_zoo.metrics.targets import Target
from surrogate_zoo.metrics.titles import title_of
from surrogate_zoo.needs import BOUNDARY_LOGITS

METRIC = "miou"
"""What cross entropy's rate is tuned by, and what handmade losses of no other metric are compared by."""
STAND_FOR: Mapping[str, str] = {
    "dice": "dice",
    "dice-squared": "dice",
    "inverse-frequency-cross-entropy": "macc",
    "median-frequency-cross-entropy": "macc",
    "unet-border-cross-entropy": "bf1",
    "dpce": "bf1",
    "active-boundary": "bf1",
    "boundary-cross-entropy": "bf1",
    "edge-head": "bf1",
}
"""Handmade loss -> the metric that it stands for, where that is not mIoU."""


def main() -> None:
    """Train what is missing and write the table."""
    arguments = parse()
    arguments.out.mkdir(parents=True, exist_ok=True)
    documents = zoo([]) | found(arguments.searches) | zoo(arguments.losses)
    text = run(arguments, documents)
    (arguments.out / "old-rate.md").write_text(text, encoding="utf-8")
    print(text)


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Train every loss at cross entropy's rate.")
    parser.add_argument("--root", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--dataset", default="camvid", choices=list(tasks.DATASETS))
    parser.add_argument(
        "--searches", type=Path, nargs="*", default=[], help="folders of loss files"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--losses", nargs="+", default=trained_alone(), metavar="NAME")
    parser.add_argument("--size", type=int, nargs=2, default=(96, 128), metavar=("H", "W"))
    parser.add_argument("--network", default="lite0", choices=list(tasks.NETWORKS))
    parser.add_argument("--iterations", type=int, default=150, help="of every training")
    parser.add_argument("--rates", type=float, nargs="+", default=[0.01, 0.03, 0.1])
    parser.add_argument("--hold-out", type=json.loads, default={"groups": "auto"}, metavar="JSON")
    parser.add_argument("--seeds", type=int, default=3)
    transfer.add_options(parser)
    return parser.parse_args(words)


def trained_alone() -> list[str]:
    """The losses of the zoo that a training brings about what they need for: no loss network, no objects."""
    supplied = {*MAPS, BOUNDARY_LOGITS}
    needs = {name: needs_of(name) for name in LOSSES}
    return [
        name
        for name, needed in needs.items()
        if supplied.issuperset(needed.inputs) and not needed.loss_networks
    ]


def zoo(names: Sequence[str]) -> dict[str, Document]:
    """Name -> document of losses of the zoo; cross entropy comes first."""
    return {name: LOSSES[name].document() for name in dict.fromkeys((searches.BASE, *names))}


def found(folders: Sequence[Path]) -> dict[str, Document]:
    """Name -> document of the loss files in the folders; what says the same as an earlier one is left out."""
    documents: dict[str, Document] = {}
    for number, folder in enumerate(folders, 1):
        for path in sorted(folder.glob("*.json")):
            document = check_document(json.loads(path.read_text(encoding="utf-8")))
            name = str(document["name"])
            if name in documents and _content(documents[name]) != _content(document):
                name = f"{name} ({number})"
            documents.setdefault(name, document)
    return documents


def stands_for(document: Document) -> str:
    """The metric that a loss is compared by: its surrogate's, or what it was searched for."""
    if document["kind"] == "surrogate":
        return Target(document["metric"]).metrics[0]
    sought = document["provenance"].get("chosen", {}).get("metric")
    return str(sought or STAND_FOR.get(document["name"], METRIC))


def run(arguments: argparse.Namespace, documents: Mapping[str, Document]) -> str:
    """Tune cross entropy, train all losses at its rate as far as the time goes, and tell what came out."""
    began = time.monotonic()
    until = began + arguments.seconds
    ledger = Ledger(arguments.out / "outcomes.jsonl")
    comparison = Comparison(arguments, arguments.network, {METRIC: [searches.BASE]}, documents)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(arguments.processes, mp_context=spawn) as pool:
        while (missing := comparison.tuning(ledger)) and time.monotonic() < until:
            transfer.train(pool, comparison, missing, ledger, until)
        for part in wanted(comparison, ledger):
            missing = [training for training in part if training not in ledger.scores]
            if missing and time.monotonic() < until:
                transfer.train(pool, comparison, missing, ledger, until)
    return "\n".join(written(comparison, ledger)) + "\n"


def wanted(comparison: Comparison, ledger: Ledger) -> tuple[list[Training], ...]:
    """The trainings at the old rate, losses that say the same once, in the order of what they tell.

    With the first seed all losses, then with the others cross entropy and the loss files, then the zoo.
    """
    rate = comparison.rates(ledger)[METRIC, searches.BASE]
    names = list(dict.fromkeys(same(comparison.documents).values()))
    brought = [name for name in names if name == searches.BASE or name not in LOSSES]
    first, *others = range(FIRST_SEED, FIRST_SEED + comparison.arguments.seeds)

    def trainings(seeds: Sequence[int], losses: Sequence[str]) -> list[Training]:
        return [
            Training(comparison.network, loss, rate, seed, "val")
            for seed in seeds
            for loss in losses
        ]

    return trainings([first], names), trainings(others, brought), trainings(others, names)


def same(documents: Mapping[str, Document]) -> dict[str, str]:
    """Name of a loss -> the first name of what says the same."""
    firsts: dict[str, str] = {}
    return {
        name: firsts.setdefault(_content(document), name) for name, document in documents.items()
    }


def _content(document: Document) -> str:
    """What a document computes: all of it but its name and where it comes from."""
    told = {"name", "title", "provenance", "sha256"}
    return json.dumps(
        {key: value for key, value in document.items() if key not in told}, sort_keys=True
    )


def written(comparison: Comparison, ledger: Ledger) -> Iterator[str]:
    """Lines of the report."""
    arguments = comparison.arguments
    rate = comparison.rates(ledger)[METRIC, searches.BASE]
    height, width = arguments.size
    tuned = ", ".join(
        f"{tried:g}: {'failed' if score is None else f'{100 * score:.1f}'}"
        for tried, score in sorted(comparison.tried(ledger, METRIC, searches.BASE).items())
    )
    yield (
        f"{arguments.dataset} at {height}x{width}, {arguments.iterations} iterations of 8 crops, whole "
        f"networks, {arguments.network}, {arguments.seeds} seeds; {tasks.circumstances()}."
    )
    yield ""
    yield f"Cross entropy on the hold-out set, mIoU by learning rate: {tuned}. All train at {rate:g}."
    yield ""
    yield "| loss | scale | stands for | score | less cross entropy | mIoU | diverged |"
    yield "|---|---|---|---|---|---|---|"
    firsts = same(comparison.documents)
    begun = [name for name, first in firsts.items() if _scores(comparison, ledger, rate, first)]
    rows = [_row(comparison, ledger, rate, name) for name in begun]
    yield from (line for _, line in sorted(rows, key=lambda row: row[0], reverse=True))
    if left := [name for name in firsts if name not in begun]:
        yield ""
        yield f"Not trained: {', '.join(left)}."


def _row(comparison: Comparison, ledger: Ledger, rate: float, name: str) -> tuple[float, str]:
    """Difference to cross entropy, and the line of a loss."""
    document = comparison.documents[name]
    metric = stands_for(document)
    scores = _scores(comparison, ledger, rate, same(comparison.documents)[name])
    base = _scores(comparison, ledger, rate, searches.BASE)
    finite = {seed: metrics for seed, metrics in scores.items() if metrics is not None}
    told = f"{len(scores) - len(finite)} of {len(scores)}"
    head = f"| {name} | {scale_of(document):g} | {title_of(metric)} |"
    pairs = [
        (metrics[metric], other[metric])
        for seed, metrics in finite.items()
        if (other := base.get(seed)) is not None
    ]
    if not pairs:
        return float("-inf"), f"{head} | | | {told} |"
    values, others = zip(*pairs, strict=True)
    gap = difference(values, others)
    less = "" if name == searches.BASE else tasks.told(gap)
    miou = estimate([metrics[METRIC] for metrics in finite.values()]).percent()
    return gap.mean, f"{head} {estimate(values).percent()} | {less} | {miou} | {told} |"


def _scores(
    comparison: Comparison, ledger: Ledger, rate: float, loss: str
) -> dict[int, dict[str, float] | None]:
    """Seed -> metrics at the old rate; None where the training diverged."""
    return {
        one.seed: metrics
        for one, metrics in ledger.scores.items()
        if (one.network, one.loss, one.rate, one.split) == (comparison.network, loss, rate, "val")
    }


if __name__ == "__main__":
    main()
