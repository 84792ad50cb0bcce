r"""Whether the losses of a search keep their lead at another size and with another network.

    python -m benchmarks.transfer --root /data/camvid --searches searches --out transfer \
        --size 256 352 --device cuda --processes 8

Takes what ``benchmarks.searches`` left in ``--searches`` (the losses that were found, and which handmade
ones the search's hold-out set ranks highest) and compares them for each metric as that does: the learning
rate of each loss is tuned by that metric on a hold-out set of the training split, by groups, inside its
grid; whole networks are trained over several seeds and scored on the validation split.

Goes without a service: a training counts for every metric that takes the same loss at the same rate, and
losses share the batches of their seed, so that a device that is lent for minutes gets far. After
``--seconds`` nothing new begins; what is trained is kept in ``<out>/outcomes.jsonl``, and a second run goes
on from there. Seeds are trained in order, and a seed that some loss lacks is left out of its pairs. Where
``--seeds`` leave a difference uncertain by more than ``--widest`` points, both of its losses are trained
over ``--most-seeds``; how many is settled once, and no later seed is looked at for it. Prints and writes
``<out>/transfer.md``.
"""

import argparse
import json
import multiprocessing
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import torch
from scipy import stats

from benchmarks import searches, tasks
from search_service.comparisons.columns import METRIC_SCORES
from search_service.comparisons.outcome import CellOutcome
from search_service.comparisons.request import ComparisonRequest
from search_service.comparisons.results import Table
from search_service.comparisons.row import Row
from search_service.comparisons.tuning import Tried, best_of, grid
from surrogate_zoo.losses.document import Document, canonical
from surrogate_zoo.losses.registry import LOSSES
from workers.learning.device import choose_device
from workers.proxy.proxy import evaluate_pack
from workers.tasks.proxy import Candidate, ProxyTask

RANKED = "rankseg."
"""What metrics begin with that are scored with the decoding RankSEG."""
TUNING_SEED = 0
FIRST_SEED = 100
"""Of the trainings that are reported."""


@dataclass(frozen=True)
class Training:
    """One training of a whole network.

    Attributes:
        network: Name in :data:`benchmarks.tasks.NETWORKS`.
        loss: Name of the loss.
        rate: Peak learning rate.
        seed: Its seed.
        split: What is scored: ``train``, a hold-out set of it, or ``val``.
    """

    network: str
    loss: str
    rate: float
    seed: int
    split: str


@dataclass
class Ledger:
    """What is trained, in memory and in a file of JSON lines.

    Attributes:
        path: The file.
        scores: Training -> its metrics; None where it failed.
    """

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
class Comparison:
    """What is compared with one network.

    Attributes:
        arguments: Of the command line.
        network: Name in :data:`benchmarks.tasks.NETWORKS`.
        losses: Metric -> names of the losses.
        documents: Name of a loss -> loss file's content.
    """

    arguments: argparse.Namespace
    network: str
    losses: Mapping[str, Sequence[str]]
    documents: Mapping[str, Document]

    @cached_property
    def trained(self) -> dict[str, str]:
        """Name of a loss -> the name that it is trained by: one of all that are the same loss."""
        firsts: dict[bytes, str] = {}
        names = [name for losses in self.losses.values() for name in losses]
        return {name: firsts.setdefault(_content(self.documents[name]), name) for name in names}

    def tried(self, ledger: Ledger, metric: str, loss: str) -> Tried:
        """The rates of a loss that are scored on the hold-out set, by one metric."""
        return {
            training.rate: None if metrics is None else metrics.get(metric)
            for training, metrics in ledger.scores.items()
            if (training.network, training.loss, training.split)
            == (self.network, self.trained[loss], "train")
        }

    def tuning(self, ledger: Ledger) -> list[Training]:
        """The trainings of tuning that come next; none once every best rate lies inside its grid."""
        wanted = {
            Training(self.network, self.trained[loss], rate, TUNING_SEED, "train")
            for metric, names in self.losses.items()
            for loss in names
            for rate in grid(self._rates(metric), self.tried(ledger, metric, loss))
        }
        return sorted(wanted - ledger.scores.keys(), key=lambda one: (one.rate, one.loss))

    def rates(self, ledger: Ledger) -> dict[tuple[str, str], float]:
        """(metric, loss) -> the tuned rate, of those that have one."""
        found = {
            (metric, loss): best_of(self.tried(ledger, metric, loss), metric)
            for metric, names in self.losses.items()
            for loss in names
        }
        return {pair: rate for pair, rate in found.items() if rate is not None}

    def reported(self, ledger: Ledger) -> list[Training]:
        """The trainings that are scored on the validation split, seed by seed, and are not done.

        Those of the first seeds come first; only they tell which losses are trained over more.
        """
        first = FIRST_SEED + self.arguments.seeds
        missing = self._missing(ledger, self.rates(ledger), range(FIRST_SEED, first))
        if missing or self.arguments.most_seeds is None:
            return missing
        more = range(first, FIRST_SEED + self.arguments.most_seeds)
        return self._missing(ledger, self._uncertain(ledger), more)

    def _missing(
        self, ledger: Ledger, pairs: Iterable[tuple[str, str]], seeds: Iterable[int]
    ) -> list[Training]:
        """The trainings of (metric, loss) pairs at their tuned rates that are not done."""
        rates = self.rates(ledger)
        tuned = sorted({(self.trained[loss], rates[metric, loss]) for metric, loss in pairs})
        wanted = [
            Training(self.network, loss, rate, seed, "val")
            for seed in seeds
            for loss, rate in tuned
        ]
        return [training for training in wanted if training not in ledger.scores]

    def _uncertain(self, ledger: Ledger) -> set[tuple[str, str]]:
        """The (metric, loss) pairs whose difference is too uncertain over the first seeds."""
        found = set[tuple[str, str]]()
        first = range(FIRST_SEED, FIRST_SEED + self.arguments.seeds)
        for metric, (searched, *others) in self.losses.items():
            table, column = self._table(ledger, metric, first), METRIC_SCORES.column(metric)
            for loss in others:
                gap = searches.lead(table, column, searched, loss)
                if gap and gap.half is not None and 100 * gap.half > self.arguments.widest:
                    found |= {(metric, searched), (metric, loss)}
        return found

    def task(self, training: Training) -> ProxyTask:
        """The task of a training and of all that share its seed and its split."""
        arguments = self.arguments
        network = tasks.NETWORKS[self.network]
        hold_out = {"split": "val"} if training.split == "val" else arguments.hold_out
        return ProxyTask.model_validate(
            {
                "dataset": tasks.DATASETS[arguments.dataset](arguments.root, arguments.size),
                "metric": next(iter(self.losses)),
                "network": network,
                "training": searches.schedule(arguments, self.network, arguments.rates[0]),
                "hold_out": hold_out,
                "seed": training.seed,
                "rankseg": training.split == "val",
            }
        )

    def tables(self, ledger: Ledger) -> dict[str, Table]:
        """Metric -> its table, of what is trained so far."""
        most = self.arguments.most_seeds or self.arguments.seeds
        seeds = range(FIRST_SEED, FIRST_SEED + most)
        return {metric: self._table(ledger, metric, seeds) for metric in self.losses}

    def _table(self, ledger: Ledger, metric: str, seeds: Iterable[int]) -> Table:
        rates = self.rates(ledger)
        rows = [
            Row(
                loss,
                rates[metric, loss],
                self._outcomes(ledger, metric, loss, seeds),
                self.tried(ledger, metric, loss),
            )
            for loss in self.losses[metric]
            if (metric, loss) in rates
        ]
        return Table.of(metric, tasks.NETWORKS[self.network], rows)

    def _outcomes(
        self, ledger: Ledger, metric: str, loss: str, seeds: Iterable[int]
    ) -> dict[int, CellOutcome]:
        found, rate = {}, self.rates(ledger)[metric, loss]
        for seed in seeds:
            training = Training(self.network, self.trained[loss], rate, seed, "val")
            if training in ledger.scores:
                found[seed] = outcome_of(rate, metric, ledger.scores[training])
        return found

    def _rates(self, metric: str) -> ComparisonRequest:
        return ComparisonRequest(
            losses=(searches.BASE,),
            dataset="any",
            metric=metric,
            learning_rates=tuple(self.arguments.rates),
            rate_refinements=self.arguments.refinements,
        )


def _content(document: Document) -> bytes:
    """What a loss computes, whatever it is called and wherever it comes from."""
    told = ("name", "title", "provenance")
    return canonical({key: value for key, value in document.items() if key not in told})


def main() -> None:
    """Compare what the searches found."""
    arguments = parse()
    losses = losses_of(arguments)
    text = compare(arguments, losses, documents_of(arguments.searches, losses))
    (arguments.out / "transfer.md").write_text(text, encoding="utf-8")
    print(text)


def compare(
    arguments: argparse.Namespace,
    losses: Mapping[str, Sequence[str]],
    documents: Mapping[str, Document],
) -> str:
    """Train what is missing, as far as the time goes.

    Args:
        arguments: Of the command line; ``outcomes.jsonl`` lies in its ``out``.
        losses: Metric -> names of the losses that are compared for it; the first is what the others
            are compared with.
        documents: Name of a loss -> loss file's content.

    Returns:
        The tables, in Markdown.
    """
    began = time.monotonic()
    arguments.out.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(arguments.out / "outcomes.jsonl")
    compared = [Comparison(arguments, name, losses, documents) for name in arguments.networks]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(arguments.processes, mp_context=spawn) as pool:
        for comparison in compared:
            for stage in (comparison.tuning, comparison.reported):
                while missing := stage(ledger):
                    if time.monotonic() - began > arguments.seconds:
                        break
                    train(pool, comparison, missing, ledger, began + arguments.seconds)
    return "\n".join(written(arguments, compared, ledger, time.monotonic() - began)) + "\n"


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Compare searched losses at another size.")
    parser.add_argument("--root", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--dataset", default="camvid", choices=list(tasks.DATASETS))
    parser.add_argument("--searches", type=Path, required=True, help="--out of benchmarks.searches")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--metrics", nargs="+", default=list(searches.ALL))
    parser.add_argument("--rivals", type=int, default=searches.RIVALS)
    parser.add_argument("--size", type=int, nargs=2, default=(256, 352), metavar=("H", "W"))
    parser.add_argument("--networks", nargs="+", default=["lite0"], choices=list(tasks.NETWORKS))
    parser.add_argument("--iterations", type=int, default=150, help="of every training")
    parser.add_argument("--rates", type=float, nargs="+", default=[0.01, 0.03, 0.1])
    parser.add_argument("--hold-out", type=json.loads, default={"groups": "auto"}, metavar="JSON")
    parser.add_argument("--seeds", type=int, default=8)
    add_options(parser)
    return parser.parse_args(words)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what :func:`compare` reads beside the options of ``benchmarks.searches``."""
    parser.add_argument("--refinements", type=int, default=0)
    parser.add_argument("--most-seeds", type=int, help="of losses whose difference is uncertain")
    parser.add_argument("--widest", type=float, default=1.0, help="half an interval, in points")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--pack", type=int, default=4, help="losses that share their batches")
    parser.add_argument("--seconds", type=float, default=float("inf"))


def losses_of(arguments: argparse.Namespace) -> dict[str, list[str]]:
    """Metric -> names of the losses that are compared for it, the searched one first."""
    trials = arguments.searches / searches.NEW / "trials.csv"
    rivals = searches.handmade(trials, arguments.metrics)
    return {
        metric: [
            *_found(arguments.searches, metric),
            f"naive-{metric}",
            searches.BASE,
            *rivals[metric][: arguments.rivals],
        ]
        for metric in arguments.metrics
    }


def documents_of(folder: Path, losses: Mapping[str, Sequence[str]]) -> dict[str, Document]:
    """Name of a loss -> its file's content."""
    names = {name for of_metric in losses.values() for name in of_metric}
    return {
        name: LOSSES[name].document()
        if name in LOSSES
        else json.loads(_file(folder, name).read_text(encoding="utf-8"))
        for name in sorted(names)
    }


def _found(folder: Path, metric: str) -> list[str]:
    """The losses that searches found for a metric."""
    names = (f"{searches.NEW}-{metric}", searches.paper(metric))
    return [name for name in names if _file(folder, name).exists()]


def _file(folder: Path, name: str) -> Path:
    """Where a searched loss lies: in the folder of its search."""
    if name.startswith(searches.NEW):
        return folder / searches.NEW / f"{name}.json"
    return folder / name / "loss.json"


def train(
    pool: ProcessPoolExecutor,
    comparison: Comparison,
    missing: Iterable[Training],
    ledger: Ledger,
    until: float,
) -> None:
    """Train and record; what has not begun at ``until`` (monotonic seconds) is left out."""
    arguments = comparison.arguments
    running: dict[Future[Any], list[Training]] = {}
    for pack in packs(missing, arguments.pack):
        losses = [(one.rate, comparison.documents[one.loss]) for one in pack]
        task = comparison.task(pack[0]).model_dump_json()
        running[pool.submit(train_pack, task, losses, arguments.device)] = pack
    done = 0
    for future in as_completed(running):
        if future.cancelled():
            continue
        for training, metrics in zip(running[future], future.result(), strict=True):
            ledger.add(training, metrics)
        done += 1
        print(f"{comparison.network}: {done} of {len(running)} packs", flush=True)
        if time.monotonic() > until:
            for other in running:
                other.cancel()


def packs(trainings: Iterable[Training], size: int) -> Iterator[list[Training]]:
    """Trainings that share a task, so many at a time."""
    alike: dict[tuple[str, int, str], list[Training]] = defaultdict(list)
    for training in trainings:
        alike[training.network, training.seed, training.split].append(training)
    for group in alike.values():
        for first in range(0, len(group), size):
            yield group[first : first + size]


def train_pack(
    task: str, losses: Sequence[tuple[float, Document]], device: str
) -> list[dict[str, float] | None]:
    """The metrics of each loss at its rate, None of one that failed; runs in a process of its own."""
    torch.set_num_threads(1)
    candidates = [
        Candidate(number, document, learning_rate=rate)
        for number, (rate, document) in enumerate(losses)
    ]
    outcomes = evaluate_pack(ProxyTask.model_validate_json(task), candidates, device=device)
    for candidate, outcome in zip(candidates, outcomes, strict=True):
        if outcome.error:
            rate = candidate.learning_rate
            print(f"{candidate.loss['name']} at {rate:g}: {outcome.error}", flush=True)
    return [None if outcome.error else dict(outcome.metrics) for outcome in outcomes]


def written(
    arguments: argparse.Namespace, compared: Sequence[Comparison], ledger: Ledger, seconds: float
) -> Iterator[str]:
    """Lines of the report."""
    height, width = arguments.size
    chosen = choose_device(arguments.device)
    device = torch.cuda.get_device_name(chosen) if chosen.type == "cuda" else "no GPU"
    yield (
        f"{arguments.dataset} at {height}x{width}, {arguments.iterations} iterations of 8 crops, whole "
        f"networks; {tasks.circumstances()}, {device}; {len(ledger.scores)} trainings in all, this run "
        f"took {seconds:.0f} s in {arguments.processes} processes."
    )
    for comparison in compared:
        yield ""
        yield f"## {comparison.network}"
        firsts = {metric: names[0] for metric, names in comparison.losses.items()}
        yield from searches.report(comparison.tables(ledger), firsts)
        yield ""
        yield from foresight(comparison, ledger)


class Seen(NamedTuple):
    """A loss at the rate that it is best at on the hold-out set, its score there and on val."""

    loss: str
    held: float
    val: float


def seen(comparison: Comparison, ledger: Ledger, metric: str) -> list[Seen]:
    """Every loss that was scored on both, the best on the hold-out set first."""
    val: dict[tuple[str, float], list[float]] = defaultdict(list)
    held: dict[tuple[str, float], float] = {}
    for training, metrics in ledger.scores.items():
        if training.network == comparison.network and metrics and metric in metrics:
            if training.split == "val":
                val[training.loss, training.rate].append(metrics[metric])
            else:
                held[training.loss, training.rate] = metrics[metric]
    best: dict[str, Seen] = {}
    for loss, rate in sorted(val.keys() & held.keys(), key=lambda pair: -held[pair]):
        best.setdefault(loss, Seen(loss, held[loss, rate], fmean(val[loss, rate])))
    return list(best.values())


def outcome_of(rate: float, metric: str, scores: Mapping[str, float] | None) -> CellOutcome:
    """A training as a cell of a comparison by a metric; None is one that failed."""
    plain, ranked = dict(scores or {}), dict[str, float]()
    for name in [name for name in plain if name.startswith(RANKED)]:
        ranked[name.removeprefix(RANKED)] = plain.pop(name)
    error = "failed" if scores is None else None
    return CellOutcome(rate, plain.get(metric), error, 0, plain, rankseg=ranked)


def foresight(comparison: Comparison, ledger: Ledger) -> Iterator[str]:
    """Lines of a table: how well the hold-out set foretells the validation split, over all losses.

    What is first on the hold-out set is what a search that reads nothing else can find.
    """
    yield "| metric | losses | rank correlation | first on the hold-out set | first on val | lost |"
    yield "|---|---|---|---|---|---|"
    for metric in comparison.losses:
        losses = seen(comparison, ledger, metric)
        if len(losses) < 3:
            continue
        rho = stats.spearmanr([one.held for one in losses], [one.val for one in losses]).statistic
        first, best = losses[0], max(losses, key=lambda one: one.val)
        yield (
            f"| {METRIC_SCORES.column(metric).title} | {len(losses)} | {rho:.2f} | "
            f"{first.loss}, {100 * first.val:.1f} on val | {best.loss}, {100 * best.val:.1f}; "
            f"{losses.index(best) + 1}. on the hold-out set | {100 * (best.val - first.val):.1f} |"
        )


if __name__ == "__main__":
    main()
