"""Train with every loss of the zoo alike and compare them: one table, all losses, all scores.

    python -m benchmarks.comparison --root /data/camvid --out comparison [--losses NAME ...]

For each loss:

1. its learning rate is tuned on a hold-out set cut from the training split, by mIoU, with four
   trainings and one seed: the three ``--rates``, then one beyond the best of them if that is the
   first or the last, else one between it and its better neighbour. They are as long as those of the
   second part: shorter ones prefer learning rates that are too high for it;
2. it is retrained over several seeds with the best, and scored on the validation split, which
   tuning has not read.

Loss networks that losses ask for are trained first, on the training split's masks. Writes
``comparison.md`` (means with 95% intervals, Student's t over seeds, and differences paired over
seeds) and one JSON file a loss; a second run with the same ``--out`` goes on where the first ended.
"""

import argparse
import json
import platform
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from benchmarks import camvid
from surrogate_zoo import LOSSES, needs_of
from workers.candidates import Candidate, Outcome
from workers.loss_networks.specs import LossNetworkTask
from workers.loss_networks.training import train_loss_network
from workers.ray_pool import WorkerPool
from workers.specs import ProxyTask, RetrainingTask

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
    arguments.out.mkdir(parents=True, exist_ok=True)
    networks = _loss_networks(arguments)
    missing = [name for name in arguments.losses if not _file(arguments, name).exists()]
    with WorkerPool(cpus_per_actor=1) as pool, ThreadPoolExecutor(pool.actors) as threads:
        for record in threads.map(lambda name: _compared(pool, arguments, networks, name), missing):
            print(f"{record['loss']}: mIoU {record['runs'][0]['miou']:.3f}", flush=True)
    records = [json.loads(_file(arguments, name).read_text()) for name in arguments.losses]
    report = "\n".join(_report(arguments, records)) + "\n"
    (arguments.out / "comparison.md").write_text(report)
    print(report)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare every loss of the zoo on CamVid.")
    parser.add_argument("--root", type=Path, required=True, help="data set in the SegNet layout")
    parser.add_argument("--out", type=Path, default=Path("comparison"))
    parser.add_argument("--size", type=int, nargs=2, default=(96, 128), metavar=("H", "W"))
    parser.add_argument("--losses", nargs="+", default=list(LOSSES), metavar="NAME")
    parser.add_argument("--rates", type=float, nargs="+", default=[0.03, 0.1, 0.3])
    parser.add_argument("--iterations", type=int, default=100, help="of tuning and retraining")
    parser.add_argument("--seeds", type=int, default=3)
    return parser.parse_args()


def _file(arguments: argparse.Namespace, name: str) -> Path:
    path: Path = arguments.out / f"{name}.json"
    return path


def _loss_networks(arguments: argparse.Namespace) -> dict[str, str]:
    """Train the loss networks that some loss asks for; paths of their weights by kind."""
    kinds = {kind for name in arguments.losses for kind in needs_of(name).loss_networks}
    paths = {}
    for kind in sorted(kinds):
        path = arguments.out / f"{kind}.safetensors"
        if not path.exists():
            task = {"dataset": _source(arguments), "network": {"kind": kind}}
            result = train_loss_network(LossNetworkTask.model_validate(task), arguments.out)
            (arguments.out / f"{kind}.json").write_text(result.model_dump_json(indent=1))
            print(f"{kind}: {result.measures}, {result.seconds:.0f} s", flush=True)
        paths[kind] = str(path.resolve())
    return paths


def _source(arguments: argparse.Namespace) -> dict[str, Any]:
    return camvid.source(arguments.root, arguments.size)


def _compared(
    pool: WorkerPool, arguments: argparse.Namespace, networks: Mapping[str, str], name: str
) -> dict[str, Any]:
    """Tune and retrain with one loss, and keep what came out."""
    began = time.perf_counter()
    shared = {
        "dataset": _source(arguments),
        "network": camvid.NETWORK,
        "loss_networks": {kind: networks[kind] for kind in needs_of(name).loss_networks},
    }
    tuned = {rate: _tuned(pool, arguments, shared, name, rate) for rate in arguments.rates}
    fourth = _next_rate(tuned)
    tuned[fourth] = _tuned(pool, arguments, shared, name, fourth)
    rate = max(tuned, key=lambda one: tuned[one])
    runs = [_retrained(pool, arguments, shared, name, rate, s) for s in range(arguments.seeds)]
    record = {
        "loss": name,
        "rates": tuned,
        "rate": rate,
        "runs": runs,
        "seconds": time.perf_counter() - began,
        "commit": camvid.commit(),
    }
    _file(arguments, name).write_text(json.dumps(record, indent=1))
    return record


def _next_rate(tuned: Mapping[float, float]) -> float:
    """The learning rate to try after those of ``tuned``: beyond the best at an end, else beside it."""
    rates = sorted(tuned)
    best = max(range(len(rates)), key=lambda place: tuned[rates[place]])
    if best == 0:
        return float(f"{rates[0] ** 2 / rates[1]:.1g}")
    if best == len(rates) - 1:
        return float(f"{rates[-1] ** 2 / rates[-2]:.1g}")
    neighbour = max(rates[best - 1], rates[best + 1], key=lambda rate: tuned[rate])
    return float(f"{(rates[best] * neighbour) ** 0.5:.2g}")


def _tuned(
    pool: WorkerPool,
    arguments: argparse.Namespace,
    shared: Mapping[str, Any],
    name: str,
    rate: float,
) -> float:
    """MIoU on the hold-out set with one learning rate; 0 where the training diverged."""
    schedule = camvid.training(arguments.iterations, rate)
    task = ProxyTask.model_validate({**shared, "metric": "miou", "training": schedule})
    outcomes: list[Outcome] = []
    pool.evaluate(task, [Candidate(0, LOSSES[name].document())], on_outcome=outcomes.append)
    [outcome] = outcomes
    print(f"{name} at learning rate {rate}: {outcome.score or outcome.error}", flush=True)
    return outcome.score or 0.0


def _retrained(
    pool: WorkerPool,
    arguments: argparse.Namespace,
    shared: Mapping[str, Any],
    name: str,
    rate: float,
    seed: int,
) -> dict[str, float]:
    schedule = camvid.training(arguments.iterations, rate)
    document = LOSSES[name].document()
    values = {**shared, "loss": document, "training": schedule, "seed": seed}
    folder = arguments.out / "retrainings" / f"{name}-{seed}"
    return dict(pool.retrain(RetrainingTask.model_validate(values), folder).metrics)


def _report(arguments: argparse.Namespace, records: Sequence[Mapping[str, Any]]) -> list[str]:
    scores = {record["loss"]: record["runs"] for record in records}
    rates = {record["loss"]: record["rate"] for record in records}
    order = dict(sorted(scores.items(), key=lambda one: -sum(run["miou"] for run in one[1])))
    commits = ", ".join(sorted({record["commit"] for record in records}))
    hours = sum(record["seconds"] for record in records) / 3600
    return [
        f"CamVid at {arguments.size[0]}x{arguments.size[1]}, {camvid.NETWORK['architecture']} "
        f"{camvid.NETWORK['encoder']} from scratch, {arguments.iterations} iterations of 8 crops, "
        f"{arguments.seeds} seeds. Learning rates tuned by mIoU on a hold-out set of the training "
        f"split, four trainings a loss. Validation split, "
        "percent, mean ± half of the 95% interval, the highest mIoU first.",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commits}, {platform.machine()}, one thread a training, "
        f"torch {torch.__version__}, {hours:.1f} worker hours.",
        "",
        *camvid.table(order, camvid.titles(scores[BASE], near_borders=False), rates),
        "",
        "Near the borders of classes: mean boundary accuracy, and mIoU within so many pixels of one.",
        "",
        *camvid.table(order, camvid.titles(scores[BASE], near_borders=True), rates),
        "",
        f"Difference in points to {BASE}, paired over seeds (paired t-test, not corrected for the "
        "number of losses):",
        "",
        *_differences(
            [(name, BASE) for name in order if name != BASE], scores, ("miou", "macc", "bf1")
        ),
        "",
        "Losses that look at boundaries against their baselines:",
        "",
        *_differences([pair for pair in PAIRS if set(pair) <= set(scores)], scores, PAIR_SCORES),
    ]


def _differences(
    pairs: Sequence[tuple[str, str]],
    scores: Mapping[str, camvid.Runs],
    names: Sequence[str],
) -> list[str]:
    """Lines of a Markdown table of paired differences."""
    rows = [
        f"| {one} - {other} | "
        + " | ".join(camvid.difference(scores[one], scores[other], name) for name in names)
        + " |"
        for one, other in pairs
    ]
    return [f"| | {' | '.join(names)} |", "|---" * (1 + len(names)) + "|", *rows]


if __name__ == "__main__":
    main()
