r"""Embeddings against watershed, components and a border class: which finds nuclei best, over seeds.

    python -m benchmarks.nuclei_instances --root /data/nuclei --out nuclei-instances

Networks that differ in their heads and losses alone, all pretrained, are trained on crops and see whole
images: embeddings by cross entropy and the discriminative loss, the same with each
pixel's place added (``network.coordinates``), classes alone by cross entropy, and classes with a border
between nuclei. Each has its learning rate chosen by SBD on a hold-out set of the training split, with a
seed of its own and a short training; at the best rate embeddings choose margins, or the pixels of a unit,
likewise. Every retraining then tunes radius and smallest object of all its ways on its hold-out set, and is
scored on the validation split, which nothing before looks at.

A retraining that is over is not done again, and one that was killed goes on from its checkpoint: start the
same command again. After ``--seconds`` none begins, and the report has what there is.
Prints and writes ``<out>/README.md``.
"""

import argparse
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any, Final

import torch

from benchmarks import tasks
from benchmarks.margins import TimeIsUpError, report
from benchmarks.nuclei_networks import (
    ARMS,
    FIRST_SEED,
    TUNING_SEED,
    Training,
    plain,
    task_of,
)
from surrogate_zoo.files import write_atomically
from workers.learning.device import choose_device
from workers.retraining.retraining import retrain
from workers.tasks.instances import EMBEDDED

NUCLEUS: Final = 1
SCORES: Final = ("sbd", "dic", "f1-50", "ap-coco", "ap", "ap50")
FOREGROUND: Final = "foreground IoU"
SHOWN: Final = (*SCORES, FOREGROUND)
PLACED: Final = "embeddings and places"
RIVALS: Final = (("classes", "watershed"), ("classes", "components"), ("border", "border"))
"""Arm and way of each."""
Outcome = dict[str, Any]
"""What ``metrics.json`` says of ``objects``, and the IoU of the foreground."""


class Bench:
    """Trains what is asked for, unless that was done before.

    Args:
        arguments: Of the command line.
        until: Monotonic seconds after which nothing begins.
    """

    def __init__(self, arguments: argparse.Namespace, until: float) -> None:
        self.arguments, self._until = arguments, until

    def outcome(self, training: Training) -> Outcome:
        """What became of a training.

        Raises:
            TimeIsUpError: It was to begin too late.
        """
        folder = self.arguments.out / "trainings" / training.name
        path = folder / "outcome.json"
        if not path.exists():
            if time.monotonic() > self._until:
                raise TimeIsUpError
            print(f"{time.strftime('%X')} {training.name}", flush=True)
            outcome = self._trained(training, folder)
            text = json.dumps(outcome, indent=1) + "\n"
            write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"))
        outcome = json.loads(path.read_text(encoding="utf-8"))
        return dict(outcome)

    def _trained(self, training: Training, folder: Path) -> Outcome:
        task = task_of(self.arguments, training)
        result = retrain(task, folder, device=self.arguments.device)
        told = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        with_border = ARMS[training.arm].labels == "border"  # its inside is another foreground
        iou = None if with_border else told["class_iou"]["nucleus"]
        return dict(result.objects) | {FOREGROUND: iou}

    def held(self, training: Training) -> float:
        """The SBD on the hold-out set by which rate and choice are taken."""
        [score] = self.outcome(training)["tuning"]["scores"].values()
        return float(score)

    def chosen(self, arm: str) -> tuple[float, int]:
        """The rate and the choice that are best on the hold-out set."""
        short = partial(Training, arm, seed=TUNING_SEED, iterations=self.arguments.tuning)
        rate = max(self.arguments.rates, key=lambda rate: self.held(short(rate, 0)))
        choices = range(len(ARMS[arm].choices))
        return rate, max(choices, key=lambda choice: self.held(short(rate, choice)))

    def reported(self, arm: str, seed: int) -> Outcome:
        """The outcome of an arm, as it was chosen, with one of the reported seeds."""
        rate, choice = self.chosen(arm)
        return self.outcome(
            Training(arm, rate, choice, FIRST_SEED + seed, self.arguments.iterations)
        )


def lines_of(bench: Bench) -> Iterator[str]:
    """Tune, train seed by seed, and report what there is."""
    arguments, seeds = bench.arguments, outcomes(bench)
    missing = arguments.seeds * len(ARMS) - sum(map(len, seeds))
    if missing:
        yield f"The time is up, and {missing} trainings are missing: run it again to go on."
        yield ""
    if not all(any(arm in one for one in seeds) for arm in (PLACED, *dict(RIVALS))):
        return
    chosen = choose_device(arguments.device)
    device = torch.cuda.get_device_name(chosen) if chosen.type == "cuda" else "no GPU"
    height, width = arguments.size
    yield (
        f"Nuclei at {height}x{width}, {arguments.iterations} iterations of {arguments.batch_size} crops of "
        f"{arguments.crop} pixels, {len(seeds)} seeds, tuned with {arguments.tuning} iterations on "
        f"{arguments.held} training images; {tasks.circumstances()}, {device}."
    )
    yield ""
    yield from tuning_lines(bench)
    yield ""
    yield from result_lines(seeds)


def outcomes(bench: Bench) -> list[dict[str, Outcome]]:
    """For each seed the outcomes of the arms, those left out that the time was not enough for."""
    seeds: list[dict[str, Outcome]] = []
    for seed in range(bench.arguments.seeds):
        seeds.append({})
        for arm in ARMS:
            with suppress(TimeIsUpError):
                seeds[-1][arm] = bench.reported(arm, seed)
    return seeds


def tuning_lines(bench: Bench) -> Iterator[str]:
    """What was chosen for every network."""
    yield "| network | rate | chosen beside it |"
    yield "|---|---|---|"
    for name, arm in ARMS.items():
        rate, choice = bench.chosen(name)
        told = arm.choices[choice].name if arm.embedded else ""
        yield f"| {name} | {rate:g} | {told} |"


def result_lines(seeds: Sequence[Mapping[str, Outcome]]) -> Iterator[str]:
    """The table of all ways, of the oracles, and what embeddings lead by, in pairs of seeds.

    Which way stands for embeddings, the hold-out sets say.
    """
    first = {arm: one[arm] for one in reversed(seeds) for arm in one}
    arms = [arm for arm in ARMS if arm in first]
    rows = {
        (arm, way): scores_of(seeds, arm, "scores", plain(way))
        for arm in arms
        for way in ARMS[arm].ways
    }
    yield from report({titled(*pair, row): row for pair, row in rows.items()}, SHOWN, leads=False)
    yield ""
    yield "Oracles, which are told a part of the truth:"
    yield ""
    oracles = {
        (arm, oracle): scores_of(seeds, arm, "oracles", oracle)
        for arm in arms
        for oracle in first[arm]["oracles"]
    }
    yield from report(
        {titled(*pair, row): row for pair, row in oracles.items()}, SCORES, leads=False
    )
    whole = [pair for pair in filter(clustered, rows) if all(rows[pair])]
    best = max(whole or filter(clustered, rows), key=lambda pair: held_score(seeds, *pair))
    yield ""
    yield f"Of the ways by embeddings, {best[1]} of {best[0]} is best on the hold-out sets. Its lead:"
    yield ""
    table = {titled(*pair, rows[pair]): rows[pair] for pair in (best, *RIVALS)}
    told = list(report(table, SCORES))
    yield from (*told[:2], *told[2 + len(table) :])


def scores_of(
    seeds: Sequence[Mapping[str, Outcome]], arm: str, kind: str, name: str
) -> list[dict[str, float | None]]:
    """The scores of a way or of an oracle by seed; empty of a seed that is missing."""
    return [
        {**one[arm][kind][name], FOREGROUND: one[arm][FOREGROUND]} if arm in one else {}
        for one in seeds
    ]


def titled(arm: str, way: str, row: Sequence[Mapping[str, float | None]]) -> str:
    """What a row is called; tells how many seeds it has where some are missing."""
    there = sum(map(bool, row))
    return f"{way} of {arm}" + ("" if there == len(row) else f" ({there} of {len(row)} seeds)")


def clustered(pair: tuple[str, str]) -> bool:
    """Whether a way of an arm makes objects of embeddings."""
    arm, way = pair
    return ARMS[arm].ways[way].method in EMBEDDED


def held_score(seeds: Sequence[Mapping[str, Outcome]], arm: str, way: str) -> float:
    """The mean SBD of a way on the hold-out sets."""
    return fmean(one[arm]["tuning"]["scores"][plain(way)] for one in seeds if arm in one)


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--root", type=Path, required=True, help="nuclei, as its layout has it")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=int, nargs=2, default=(128, 128), metavar=("H", "W"))
    parser.add_argument("--iterations", type=int, default=300)
    parser.add_argument("--tuning", type=int, default=100, help="iterations of trainings that tune")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--crop", type=int, default=64)
    parser.add_argument("--rates", type=float, nargs="+", default=(5e-4, 1.5e-3))
    parser.add_argument("--held", type=int, default=24, help="training images that are held out")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    """Train what is missing, and write the report."""
    arguments, began = parse(words), time.monotonic()
    arguments.out.mkdir(parents=True, exist_ok=True)
    lines = list(lines_of(Bench(arguments, began + arguments.seconds)))
    (arguments.out / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
