"""Train with every loss of the zoo alike and compare them: one table, all losses, all scores.

    python -m benchmarks.comparison --root /data/camvid --out comparison [--losses NAME ...]

For each loss:

1. its learning rate is tuned on a hold-out set cut from the training split, by mIoU, with four
   trainings and one seed: the three ``--rates``, then one beyond the best of them if that is the
   first or the last, else one between it and its better neighbour;
2. it is retrained over several seeds with the best, and scored on the validation split, which
   tuning has not read.

Loss networks that losses ask for are trained first, on the training split's masks. Writes
``comparison.md`` (means with 95% intervals, Student's t over seeds, and differences paired over
seeds) and one JSON file a loss; a second run with the same ``--out`` goes on where the first ended.
"""

import argparse
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks import tasks
from benchmarks.tuning import Record, Setting, selected, tuned_and_retrained
from surrogate_zoo import LOSSES
from workers.cluster.pool import WorkerPool

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
PAIR_SCORES = ("miou", "bf1", "mba", "trimap_1", "trimap_2", "trimap_5", "trimap_10")


def main() -> None:
    """Run what is missing and write the tables."""
    arguments = _arguments()
    setting = Setting(
        "camvid",
        arguments.root,
        tuple(arguments.size),
        "deeplab",
        arguments.iterations,
        arguments.rates,
        arguments.seeds,
        arguments.out,
    )
    arguments.out.mkdir(parents=True, exist_ok=True)
    setting.train_loss_networks([LOSSES[name].document() for name in arguments.losses])

    def compared(name: str) -> Record:
        return tuned_and_retrained(pool, setting, name, LOSSES[name].document(), [METRIC])

    with WorkerPool(cpus_per_actor=1) as pool, ThreadPoolExecutor(pool.actors) as threads:
        records = []
        for record in threads.map(compared, arguments.losses):
            records.append(record)
            print(f"{record.loss}: {len(records)} of {len(arguments.losses)}", flush=True)
    report = "\n".join(_report(setting, records)) + "\n"
    (arguments.out / "comparison.md").write_text(report)
    print(report)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare every loss of the zoo on CamVid.")
    parser.add_argument("--root", type=Path, required=True, help="CamVid in the SegNet layout")
    parser.add_argument("--out", type=Path, default=Path("comparison"))
    parser.add_argument("--size", type=int, nargs=2, default=(96, 128), metavar=("H", "W"))
    parser.add_argument("--losses", nargs="+", default=list(LOSSES), metavar="NAME")
    parser.add_argument("--rates", type=float, nargs="+", default=[0.03, 0.1, 0.3])
    parser.add_argument("--iterations", type=int, default=100, help="of tuning and retraining")
    parser.add_argument("--seeds", type=int, default=3)
    return parser.parse_args()


def _report(setting: Setting, records: Sequence[Record]) -> list[str]:
    scores, rates = selected(records, METRIC)
    hours = sum(record.seconds for record in records) / 3600
    first = next(iter(scores.values()))
    return [
        f"{setting}. Learning rates tuned by mIoU on a hold-out set of the training split, four "
        "trainings a loss. Validation split, percent, mean ± half of the 95% interval, the highest "
        "mIoU first.",
        "",
        f"{tasks.circumstances([record.commit for record in records])}, {hours:.1f} worker hours.",
        "",
        *tasks.table(scores, tasks.titles(first, near_borders=False), rates),
        "",
        "Near the borders of classes: mean boundary accuracy, and mIoU within so many pixels of one.",
        "",
        *tasks.table(scores, tasks.titles(first, near_borders=True), rates),
        "",
        f"Difference in points to {BASE}, paired over seeds (paired t-test, not corrected for the "
        "number of losses):",
        "",
        *_differences(
            [(name, BASE) for name in scores if name != BASE], scores, ("miou", "macc", "bf1")
        ),
        "",
        "Losses that look at boundaries against their baselines:",
        "",
        *_differences([pair for pair in PAIRS if set(pair) <= set(scores)], scores, PAIR_SCORES),
    ]


def _differences(
    pairs: Sequence[tuple[str, str]], scores: Mapping[str, tasks.Runs], names: Sequence[str]
) -> list[str]:
    """Lines of a Markdown table of paired differences."""
    rows = [
        f"| {one} - {other} | "
        + " | ".join(tasks.gap(scores[one], scores[other], name) for name in names)
        + " |"
        for one, other in pairs
    ]
    return [f"| | {' | '.join(names)} |", "|---" * (1 + len(names)) + "|", *rows]


if __name__ == "__main__":
    main()
