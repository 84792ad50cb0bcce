r"""How well a hold-out set foretells the validation split, by the way that it is cut.

    python -m benchmarks.hold_out_ranks --root /data/camvid --out ranks --processes 2

The portfolio of a search (every loss of the zoo at two learning rates, and the surrogates of all six
metrics) is trained on the standard proxy task and scored on hold-out sets that are cut image by image and
by groups, and, trained on the whole training split, on the validation split. Prints and writes
``<out>/ranks.md``: for each metric the rank correlation (Spearman) of a cut's scores with those of the
validation split, and what the candidate that the cut has first loses there to the one that is first there.
``<out>/scores.json`` calls trainings ``<cut> <seed> <number>``; a second run with the same ``--out`` goes on
where the first ended.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from scipy import stats

from benchmarks import score_file, searches, tasks
from benchmarks.score_file import Scores
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


def main() -> None:
    """Train what is missing, and write the table."""
    arguments = _arguments()
    path = arguments.out / "scores.json"
    packs = [
        partial(train, task, pack, arguments.device, head)
        for head, task, pack in missing(arguments, score_file.read(path))
    ]
    scores = score_file.add(path, packs, arguments.processes)
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


def compared(
    scores: Mapping[str, Mapping[str, float] | None], cut: str, seed: int, metric: str
) -> tuple[float, float]:
    """Rank correlation with the validation split, and the regret of whom the cut has first."""

    def of(where: str) -> dict[str, float]:
        """Number -> score, of those that have one."""
        head = f"{where} {seed} "
        named = {
            key.removeprefix(head): all_ or {}
            for key, all_ in scores.items()
            if key.startswith(head)
        }
        return {number: found[metric] for number, found in named.items() if metric in found}

    on_cut, on_val = of(cut), of(VAL)
    pairs = [(on_cut[number], on_val[number]) for number in on_val if number in on_cut]
    held, val = zip(*pairs, strict=True)
    chosen = max(pairs)[1]
    return float(stats.spearmanr(held, val).statistic), max(val) - chosen


if __name__ == "__main__":
    main()
