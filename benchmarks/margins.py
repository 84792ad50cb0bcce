r"""Whether margins of embeddings that were searched are better than the paper's, over seeds.

    python -m benchmarks.margins --root /data/nuclei --out margins --device cuda --processes 4

Searches the space ``margins`` for a score of objects on nuclei as the preset ``standard`` does (a frozen
pretrained encoder, the sampler ``portfolio``), on a hold-out set of the training split. The best searched
points and the best of the paper's setting, whatever their widths and rates, are then trained with fresh
seeds on the same proxy, and the better one of each goes on: whole networks over ``--seeds`` seeds, scored
on the validation split, each with its own radius. Beside them runs what needs no embeddings: cross entropy
and a watershed. Differences are taken in pairs of seeds.

After ``--seconds`` nothing new begins; what is trained is kept in ``<out>/outcomes.jsonl``, and a second run
goes on from there. Prints and writes ``<out>/margins.md``.
"""

import argparse
import json
import multiprocessing
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Final

import torch

from benchmarks import tasks
from benchmarks.transfer import Ledger, Training
from search_service.samplers import portfolio
from search_service.samplers.contract import Proposal, Score
from search_service.samplers.specs import PortfolioSpec
from search_service.significance import difference, estimate
from search_service.spaces.margins import MarginSpace
from search_service.spaces.space import Draft, Theta
from surrogate_zoo.losses.registry import LOSSES
from surrogate_zoo.metrics.targets import Target
from surrogate_zoo.metrics.titles import heading_of, unit_of
from workers.learning.device import choose_device
from workers.proxy.proxy import evaluate_pack
from workers.tasks.instances import ClusteringSpec
from workers.tasks.proxy import Candidate, ProxyTask

PROXY: Final = "frozen encoder"
WHOLE: Final = "whole"
FIRST_SEED: Final = 100
"""Of the trainings that are reported."""
HEAT_SEEDS: Final = (1, 2)
SHOWN: Final = ("sbd", "ap50", "f1-50", "dic", "miou")
WATERSHED: Final = "watershed on cross entropy"


Metrics = Mapping[str, float | None] | None
"""The metrics of a training; None of one that failed, empty of one that is missing."""


class TimeIsUpError(Exception):
    """Nothing new begins; what is trained is kept."""


@dataclass(frozen=True)
class Bench:
    """The space, how it is trained with, and what is trained already.

    Attributes:
        arguments: Of the command line.
        space: The margins.
        ledger: What is trained.
        pool: Processes that train.
        until: Monotonic seconds after which nothing new begins.
    """

    arguments: argparse.Namespace
    space: MarginSpace
    ledger: Ledger
    pool: Executor
    until: float

    @property
    def target(self) -> Target:
        """The score that is searched for."""
        return self.space.target

    def search(self) -> dict[Theta, float]:
        """The merit of every theta that the sampler proposed and that has one.

        Raises:
            TimeIsUpError: It is not over.
        """
        merits: dict[Theta, float] = {}

        def evaluate(batch: Sequence[Proposal]) -> list[Score | None]:
            thetas = [proposal.theta for proposal in batch]
            told = self.train(PROXY, {self.key(t): self.space.candidate(t) for t in thetas}, 0)
            scores = [self.scored(told[self.key(theta)]) for theta in thetas]
            merits.update({t: s for t, s in zip(thetas, scores, strict=True) if s is not None})
            return list(scores)

        spec = PortfolioSpec(trials=self.arguments.trials, batch=self.arguments.batch)
        portfolio.run(self.space, spec, evaluate, self.arguments.seed)
        return merits

    def best(self, thetas: Sequence[Theta]) -> Theta:
        """Of the first of some thetas, so many as there are finalists, the best by fresh seeds on the proxy.

        Raises:
            TimeIsUpError: Not all of them are trained.
        """
        first = thetas[: self.arguments.finalists]
        drafts = {self.key(theta): self.space.candidate(theta) for theta in first}
        rounds = [self.train(PROXY, drafts, seed) for seed in HEAT_SEEDS]

        def mean(theta: Theta) -> float:
            merits = [self.scored(told[self.key(theta)]) for told in rounds]
            return fmean(float("-inf") if merit is None else merit for merit in merits)

        return max(first, key=mean)

    def finalists(self) -> dict[str, Draft]:
        """The rows of the report: the best searched point, the paper's setting, and a watershed.

        Raises:
            TimeIsUpError: The search, or the choice among its best, is not over.
        """
        merits = self.search()
        ranked = sorted(merits, key=lambda theta: -merits[theta])
        groups = [[t for t in ranked if self.space.plain(t) == paper] for paper in (False, True)]
        chosen = [self.best(group) for group in groups if group]
        rows = {self.row(theta): self.space.candidate(theta) for theta in chosen}
        alone = LOSSES["cross-entropy"].document()
        return rows | {WATERSHED: Draft(alone, clustering=ClusteringSpec(method="watershed"))}

    def row(self, theta: Theta) -> str:
        """What the report calls a theta."""
        named = self.space.named(theta)
        told = ", ".join(
            f"{n} {named[n]:.3g}" for n in ("delta_v", "delta_d", "beta", "gamma", "weight")
        )
        return f"{self.space.group(theta)} ({told}, rate x {named['rate']:.2g})"

    @staticmethod
    def key(theta: Theta) -> str:
        """What the ledger calls a theta."""
        return json.dumps(list(theta))

    def scored(self, metrics: Mapping[str, float] | None) -> Score | None:
        """What a sampler is told of a training."""
        score = None if metrics is None else self.target.score(metrics)
        return None if metrics is None or score is None else Score.of(self.target, score, metrics)

    def train(
        self, network: str, drafts: Mapping[str, Draft], seed: int
    ) -> dict[str, dict[str, float] | None]:
        """The metrics of drafts by name, those of the ledger first.

        Raises:
            TimeIsUpError: Some were to begin after the time is up.
        """
        task = proxy_task(self.arguments, network, seed)
        rate = task.training.learning_rate
        split = "train" if network == PROXY else "val"
        kept = {n: Training(network, n, d.rate * rate, seed, split) for n, d in drafts.items()}
        missing = [name for name, training in kept.items() if training not in self.ledger.scores]
        size = self.arguments.pack
        packs = [missing[first : first + size] for first in range(0, len(missing), size)]
        if packs and time.monotonic() > self.until:
            raise TimeIsUpError
        text, device = task.model_dump_json(), self.arguments.device
        running: dict[Future[Any], list[str]] = {}
        for pack in packs:
            candidates = [drafts[name].candidate(i, rate) for i, name in enumerate(pack)]
            running[self.pool.submit(train_pack, text, candidates, device)] = pack
        for future in as_completed(running):
            if future.cancelled():
                raise TimeIsUpError
            for name, metrics in zip(running[future], future.result(), strict=True):
                self.ledger.add(kept[name], metrics)
            if time.monotonic() > self.until:
                for other in running:
                    other.cancel()
        return {name: self.ledger.scores[training] for name, training in kept.items()}


def proxy_task(arguments: argparse.Namespace, network: str, seed: int) -> ProxyTask:
    """The proxy of the search, or the whole network that is scored on the validation split."""
    schedule = tasks.training(arguments.iterations, arguments.rate, arguments.size, 10.0)
    own: dict[str, Any] = {"frozen_encoder": True, "hold_out": 0.2}
    if network == WHOLE:
        own = {"hold_out": {"split": "val"}}
    return ProxyTask.model_validate(
        {
            "dataset": tasks.nuclei(arguments.root, arguments.size) | {"labels": "foreground"},
            "metric": arguments.metric,
            "network": tasks.NETWORKS[arguments.network] | {"embedding": max(arguments.widths)},
            "training": schedule | {"batch_size": arguments.batch_size},
            "scoring": {"clustering": {"within": arguments.within}},
            "seed": seed,
            **own,
        }
    )


def train_pack(
    task: str, candidates: Sequence[Candidate], device: str
) -> list[dict[str, float] | None]:
    """The metrics of each candidate, None of one that failed; runs in a process of its own."""
    torch.set_num_threads(1)
    outcomes = evaluate_pack(ProxyTask.model_validate_json(task), candidates, device=device)
    return [None if outcome.error else dict(outcome.metrics) for outcome in outcomes]


def report(
    rows: Mapping[str, Sequence[Metrics]],
    metrics: Sequence[str],
    *,
    leads: bool = True,
) -> Iterator[str]:
    """A table of means with intervals, and of the first row's lead over each other one, in pairs.

    Args:
        rows: Name -> metrics with every seed, in the same order.
        metrics: What is shown.
        leads: Whether to show the leads.
    """
    headings = [heading_of(name).replace("|", r"\|") for name in metrics]
    yield "| | " + " | ".join(headings) + " |"
    yield "|---" * (len(metrics) + 1) + "|"
    for name, seeds in rows.items():
        cells = [_cell(metric, seeds) for metric in metrics]
        yield f"| {name} | " + " | ".join(cells) + " |"
    first, *others = rows
    for other in others if leads else ():
        cells = [_lead(metric, rows[first], rows[other]) for metric in metrics]
        yield f"| {first.split(' (')[0]} - {other.split(' (')[0]} | " + " | ".join(cells) + " |"


def _cell(metric: str, seeds: Sequence[Metrics]) -> str:
    """Mean and interval over the seeds that have the metric; empty where none has."""
    if any(told is None for told in seeds):
        return "failed"
    found = [value for told in seeds if told and (value := told.get(metric)) is not None]
    return estimate(found).text(unit_of(metric)) if found else ""


def _lead(metric: str, one: Sequence[Metrics], other: Sequence[Metrics]) -> str:
    pairs = [
        (value, base)
        for mine, theirs in zip(one, other, strict=True)
        if mine and theirs
        if (value := mine.get(metric)) is not None and (base := theirs.get(metric)) is not None
    ]
    if not pairs:
        return ""
    gap = difference([value for value, _ in pairs], [base for _, base in pairs])
    told = gap.text(unit_of(metric), signed=True)
    return told if gap.p is None else f"{told} (p = {gap.p:.3f})"


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--root", type=Path, required=True, help="nuclei, as its layout has it")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--metric", default="sbd")
    parser.add_argument("--size", type=int, nargs=2, default=(96, 128))
    parser.add_argument("--network", choices=tasks.NETWORKS, default="lite0")
    parser.add_argument("--widths", type=int, nargs="+", default=(4, 8, 16))
    parser.add_argument("--within", choices=("image", "components"), default="image")
    parser.add_argument("--iterations", type=int, default=150)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--rate", type=float, default=0.03)
    parser.add_argument("--trials", type=int, default=32, help="after the portfolio")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument(
        "--finalists", type=int, default=3, help="of searched points, of the paper's"
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--pack", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    return parser.parse_args(words)


def lines_of(bench: Bench, began: float) -> Iterator[str]:
    """The report, as far as the trainings have come."""
    arguments = bench.arguments
    try:
        rows = bench.finalists()
        told = [bench.train(WHOLE, rows, FIRST_SEED + number) for number in range(arguments.seeds)]
    except TimeIsUpError:
        yield f"The time is up after {len(bench.ledger.scores)} trainings: run it again to go on."
        return
    chosen = choose_device(arguments.device)
    device = torch.cuda.get_device_name(chosen) if chosen.type == "cuda" else "no GPU"
    height, width = arguments.size
    yield (
        f"nuclei at {height}x{width}, {arguments.iterations} iterations of {arguments.batch_size}, "
        f"{arguments.seeds} seeds, searched for {arguments.metric} with {arguments.trials} trials after the "
        f"portfolio, clustering within {arguments.within}; {tasks.circumstances()}, {device}; "
        f"{len(bench.ledger.scores)} trainings, this run took {time.monotonic() - began:.0f} s."
    )
    yield ""
    yield from report({name: [seed[name] for seed in told] for name in rows}, SHOWN)


def main(words: Sequence[str] | None = None) -> None:
    """Search, train, and write the report."""
    arguments, began = parse(words), time.monotonic()
    arguments.out.mkdir(parents=True, exist_ok=True)
    clustering = ClusteringSpec(within=arguments.within)
    space = MarginSpace((arguments.metric,), tuple(arguments.widths), clustering=clustering)
    ledger = Ledger(arguments.out / "outcomes.jsonl")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(arguments.processes, context) as pool:
        bench = Bench(arguments, space, ledger, pool, began + arguments.seconds)
        lines = list(lines_of(bench, began))
    (arguments.out / "margins.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
