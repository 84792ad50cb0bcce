r"""How well a hold-out set foretells the validation split, by the way that it is cut.

    python -m benchmarks.hold_out_ranks --root /data/camvid --out ranks --processes 2

The portfolio of a search (every loss of the zoo at two learning rates, and the surrogates of all six
metrics) is trained on the standard proxy task and scored on hold-out sets that are cut image by image and
by groups, and, trained on the whole training split, on the validation split. Prints and writes
``<out>/ranks.md``: for each metric the rank correlation (Spearman) of a cut's scores with those of the
validation split, and what the candidate that the cut has first loses there to the one that is first there.
A second run with the same ``--out`` goes on where the first ended.
"""

import argparse
import json
import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from scipy import stats

from benchmarks import searches, tasks
from search_service.spaces.zoo import ZooSpace
from surrogate_zoo import METRICS
from workers.proxy.proxy import evaluate_pack
from workers.tasks.proxy import Candidate, ProxyTask

VAL = "val"
CUTS: Mapping[str, dict[str, Any]] = {
    "single images": {"groups": None},
    "groups": {"groups": "auto"},
    VAL: {"split": VAL},
}
PACK = 12

Scores = dict[str, dict[str, Any]]
"""``<cut> <seed> <number>`` -> metrics."""


def main() -> None:
    """Train what is missing, and write the table."""
    arguments = _arguments()
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "scores.json"
    scores: Scores = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(arguments.processes, mp_context=spawn) as pool:
        packs = [
            pool.submit(train, task, pack, arguments.device, head)
            for head, task, pack in missing(arguments, scores)
        ]
        for done, future in enumerate(as_completed(packs), 1):
            scores |= future.result()
            path.write_text(json.dumps(scores), encoding="utf-8")
            print(f"{done} of {len(packs)} packs", flush=True)
    text = "\n".join(written(arguments, scores))
    (arguments.out / "ranks.md").write_text(text + "\n", encoding="utf-8")
    print(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare cuts of the hold-out set.")
    parser.add_argument("--root", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--dataset", default="camvid", choices=list(tasks.DATASETS))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=int, nargs=2, default=(96, 128), metavar=("H", "W"))
    parser.add_argument("--iterations", type=int, default=150, help="of every training")
    parser.add_argument("--network", default="lite0", choices=list(tasks.NETWORKS))
    parser.add_argument("--rate", type=float, default=0.03)
    parser.add_argument("--whole", action="store_true", help="train the encoder too")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--processes", type=int, default=1)
    return parser.parse_args()


def portfolio(rate: float) -> list[Candidate]:
    """Every start of a search for all metrics, at the rate and at three times it."""
    space = ZooSpace(searches.ALL)
    thetas = space.portfolio((1.0, 3.0))
    drafts = [space.candidate(theta) for theta in thetas]
    return [Candidate(n, draft.loss, rate * draft.rate) for n, draft in enumerate(drafts)]


def missing(
    arguments: argparse.Namespace, scores: Scores
) -> Iterator[tuple[str, ProxyTask, list[Candidate]]]:
    """What is not trained yet: how its scores' keys begin, its task, and a pack of candidates."""
    candidates = portfolio(arguments.rate)
    schedule = searches.schedule(arguments, arguments.network, arguments.rate)
    for seed in range(arguments.seeds):
        for cut, hold_out in CUTS.items():
            task = ProxyTask.model_validate(
                {
                    "dataset": tasks.DATASETS[arguments.dataset](arguments.root, arguments.size),
                    "metric": searches.ALL[0],
                    "network": tasks.NETWORKS[arguments.network],
                    "training": schedule,
                    "hold_out": hold_out,
                    "frozen_encoder": not arguments.whole,
                    "seed": seed,
                }
            )
            head = f"{cut} {seed} "
            left = [one for one in candidates if f"{head}{one.number}" not in scores]
            for first in range(0, len(left), PACK):
                yield head, task, left[first : first + PACK]


def train(task: ProxyTask, pack: Sequence[Candidate], device: str, head: str) -> Scores:
    """The metrics of a pack; runs in a process of its own."""
    torch.set_num_threads(1)
    outcomes = evaluate_pack(task, pack, device=device)
    return {f"{head}{outcome.number}": dict(outcome.metrics) for outcome in outcomes}


def written(arguments: argparse.Namespace, scores: Scores) -> Iterator[str]:
    """Lines of the table."""
    height, width = arguments.size
    kind = "whole networks" if arguments.whole else "a frozen encoder"
    count = len(portfolio(arguments.rate))
    yield (
        f"{arguments.dataset} at {height}x{width}, {arguments.network}, {kind}, "
        f"{arguments.iterations} iterations of 8 crops, {arguments.seeds} seeds, {count} candidates; "
        f"{tasks.circumstances()}."
    )
    cuts = [cut for cut in CUTS if cut != VAL]
    yield ""
    yield "| metric | " + " | ".join(f"{cut}: rho | regret" for cut in cuts) + " |"
    yield "|---|" + "---|---|" * len(cuts)
    for metric in searches.ALL:
        cells = []
        for cut in cuts:
            found = [compared(scores, cut, seed, metric) for seed in range(arguments.seeds)]
            rho, regret = (fmean(column) for column in zip(*found, strict=True))
            cells.append(f"{rho:.2f} | {100 * regret:.1f}")
        yield f"| {METRICS[metric].title} | {' | '.join(cells)} |"
    yield ""
    yield "Regret in points on the validation split; means over seeds."


def compared(scores: Scores, cut: str, seed: int, metric: str) -> tuple[float, float]:
    """Rank correlation with the validation split, and the regret of whom the cut has first."""
    numbers = [
        int(key.rsplit(" ", 1)[1])
        for key, metrics in scores.items()
        if key.startswith(f"{VAL} {seed} ") and metric in metrics
    ]
    pairs = [
        (scores[f"{cut} {seed} {number}"][metric], scores[f"{VAL} {seed} {number}"][metric])
        for number in numbers
        if metric in scores[f"{cut} {seed} {number}"]
    ]
    held, val = zip(*pairs, strict=True)
    chosen = max(pairs)[1]
    return float(stats.spearmanr(held, val).statistic), max(val) - chosen


if __name__ == "__main__":
    main()
