r"""What sums of two losses bring: even ones beside each alone, on images held out and on val.

    python -m benchmarks.sums --root /data/camvid --out sums --device cuda --processes 8

The losses of ``--losses`` at one and three times the rate, and the even sums of any two at three times, all
with the norm of cross entropy's gradient, as a search tries them; each trained on the standard proxy task and
scored on a hold-out set that is cut by groups, and, trained on the whole training split, on the validation
split. Prints and writes ``<out>/sums.md``: for each metric the single loss and the sum that the hold-out set
has first, and their scores on both. A second run with the same ``--out`` goes on where the first ended.
"""

import argparse
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import combinations
from pathlib import Path
from statistics import fmean

from benchmarks import score_file, searches, tasks
from benchmarks.score_file import Scores
from benchmarks.transfer import train_pack
from surrogate_zoo import METRICS
from surrogate_zoo.losses.document import Document
from surrogate_zoo.losses.drafts import draft_of, sum_draft
from surrogate_zoo.losses.registry import LOSSES
from workers.tasks.proxy import ProxyTask

GOOD = (
    "cross-entropy", "dice-squared", "lovasz", "jdt", "median-frequency-cross-entropy", "asl-biou-voc",
    "asl-miou-voc", "naive-bf1",
)  # fmt: skip
"""The best of earlier searches, for one metric or another."""
FACTORS = (1, 3)
CUTS = {"train": {"groups": "auto"}, "val": {"split": "val"}}

Pack = dict[str, tuple[float, Document]]
"""``<split> <seed> <name>`` -> rate and draft."""


def main() -> None:
    """Train what is missing, and write the table."""
    arguments = parse()
    path = arguments.out / "scores.json"
    packs = [
        partial(train, task, pack, arguments.device)
        for task, pack in missing(arguments, score_file.read(path))
    ]
    scores = score_file.add(path, packs, arguments.processes)
    text = "\n".join(written(arguments, scores)) + "\n"
    (arguments.out / "sums.md").write_text(text, encoding="utf-8")
    print(text)


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Sums of two losses beside each alone.")
    parser.add_argument("--root", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--dataset", default="camvid", choices=list(tasks.DATASETS))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=int, nargs=2, default=(96, 128), metavar=("H", "W"))
    parser.add_argument("--iterations", type=int, default=150, help="of every training")
    parser.add_argument("--network", default="lite0", choices=list(tasks.NETWORKS))
    parser.add_argument("--rate", type=float, default=0.03)
    parser.add_argument("--losses", nargs="+", default=list(GOOD), choices=list(LOSSES))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--pack", type=int, default=4, help="losses that share their batches")
    return parser.parse_args(words)


def candidates(names: Sequence[str], rate: float) -> dict[str, tuple[float, Document]]:
    """Name -> rate and draft, of every loss alone and of every sum."""
    drafts = {name: draft_of(LOSSES[name].document()) for name in names}
    alone = {
        f"{name} x{factor}": (rate * factor, draft)
        for name, draft in drafts.items()
        for factor in FACTORS
    }
    factor = FACTORS[-1]
    return alone | {
        f"{one} + {other} x{factor}": (
            rate * factor,
            sum_draft("sum", [(0.5, drafts[one]), (0.5, drafts[other])], title="sum"),
        )
        for one, other in combinations(drafts, 2)
    }


def missing(arguments: argparse.Namespace, scores: Scores) -> Iterator[tuple[ProxyTask, Pack]]:
    """Every pack that is not trained yet, with its task."""
    drafts = candidates(arguments.losses, arguments.rate)
    for seed in range(arguments.seeds):
        for split in CUTS:
            named = {f"{split} {seed} {name}": draft for name, draft in drafts.items()}
            left = [name for name in named if name not in scores]
            for first in range(0, len(left), arguments.pack):
                pack = {name: named[name] for name in left[first : first + arguments.pack]}
                yield task(arguments, split, seed), pack


def train(task: ProxyTask, pack: Pack, device: str) -> Scores:
    """The metrics of a pack; runs in a process of its own."""
    metrics = train_pack(task.model_dump_json(), list(pack.values()), device)
    return dict(zip(pack, metrics, strict=True))


def task(arguments: argparse.Namespace, split: str, seed: int) -> ProxyTask:
    """The proxy task of a split and a seed, with whole networks."""
    return ProxyTask.model_validate(
        {
            "dataset": tasks.DATASETS[arguments.dataset](arguments.root, arguments.size),
            "metric": "miou",
            "network": tasks.NETWORKS[arguments.network],
            "training": searches.schedule(arguments, arguments.network, arguments.rate),
            "hold_out": CUTS[split],
            "seed": seed,
        }
    )


def written(arguments: argparse.Namespace, scores: Scores) -> Iterator[str]:
    """Lines of the report."""
    height, width = arguments.size
    yield (
        f"{arguments.dataset} at {height}x{width}, {arguments.network}, {arguments.iterations} iterations of "
        f"8 crops, {arguments.seeds} seeds; {tasks.circumstances()}."
    )
    yield ""
    yield "| metric | first of the single losses | held out | val | first of the sums | held out | val |"
    yield "|---|---|---|---|---|---|---|"
    for metric in searches.ALL:
        cells = [METRICS[metric].title]
        for sums in (False, True):
            held = means(scores, "train", metric, sums=sums)
            val = means(scores, "val", metric, sums=sums)
            first = max(held.keys() & val.keys(), key=lambda name: (held[name], name))
            cells += [first, f"{held[first]:.1f}", f"{val[first]:.1f}"]
        yield f"| {' | '.join(cells)} |"


def means(scores: Scores, split: str, metric: str, *, sums: bool) -> dict[str, float]:
    """Name -> mean over the seeds in percent, of the sums or of the others."""
    found: dict[str, list[float]] = {}
    for key, metrics in scores.items():
        where, _, name = key.split(" ", 2)
        if where == split and metrics is not None and (" + " in name) == sums:
            found.setdefault(name, []).append(100 * metrics[metric])
    return {name: fmean(values) for name, values in found.items()}


if __name__ == "__main__":
    main()
