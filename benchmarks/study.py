"""Search a loss on a data set of one's own and compare it with handmade ones, honestly, over REST.

    SEGLOSS_DATASET_ROOTS='["/data"]' segloss serve --home study/service &
    python -m benchmarks.study --root /data/camvid --metric macc --out study

Three parts, each from the training split alone until the last:

1. a search on the training split (its hold-out set is cut from it);
2. the learning rate of every loss, the searched one too, tuned on that hold-out set: the same
   schedule as the retraining, the same candidates, one seed;
3. retrainings with every loss over several seeds, scored on the validation split, which neither
   search nor tuning has read.

Prints and writes a Markdown table of means with 95% intervals (Student's t over seeds) and the
paired difference to cross entropy. A second run with the same ``--out`` finds finished jobs again.
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from benchmarks import camvid
from search_service.cli.client import Client
from search_service.cli.jobs import fetch_files
from search_service.cli.watching import follow
from surrogate_zoo.metrics import METRICS
from workers.candidates import Candidate, Outcome
from workers.ray_pool import WorkerPool
from workers.specs import ProxyTask

Scores = dict[str, list[Mapping[str, float]]]


def main() -> None:
    """Run the study and write ``study.md`` and ``study.json``."""
    arguments = _arguments()
    arguments.out.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    with Client(arguments.url) as client:
        dataset = _dataset(client, arguments)
        search = _search(client, arguments, dataset)
        fetch_files(client, f"/v1/searches/{search['id']}", arguments.out)
        losses = [search["result"]["loss"], *arguments.losses]
        rates = _tuned(client, arguments, dataset, search, losses)
        jobs = {
            (loss, seed): _retrain(client, arguments, search, loss, rates[loss], seed)
            for loss in losses
            for seed in range(arguments.seeds)
        }
        done = {
            key: follow(client, f"/v1/retrainings/{job}", f"{key[0]}, seed {key[1]}")
            for key, job in jobs.items()
        }
        scores: Scores = {
            loss: [done[loss, seed]["result"]["metrics"] for seed in range(arguments.seeds)]
            for loss in losses
        }
    minutes = (time.perf_counter() - began) / 60
    report = _report(arguments, search, rates, scores, minutes)
    (arguments.out / "study.md").write_text(report)
    facts = {"search": search, "learning_rates": rates, "scores": scores}
    (arguments.out / "study.json").write_text(json.dumps(facts, indent=1))
    print(report)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Search a loss and compare it with handmade ones.")
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--root", type=Path, required=True, help="data set in the SegNet layout")
    parser.add_argument("--out", type=Path, default=Path("study"))
    parser.add_argument("--metric", default="macc", choices=list(METRICS))
    parser.add_argument("--size", type=int, nargs=2, default=(120, 160), metavar=("H", "W"))
    parser.add_argument("--steps", type=int, default=5, help="generations of the search")
    parser.add_argument("--samples", type=int, default=8, help="proxies a generation")
    parser.add_argument("--proxy-iterations", type=int, default=80)
    parser.add_argument("--iterations", type=int, default=250, help="of tuning and retraining")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--losses", nargs="+", default=["cross-entropy", "dice", "naive-macc", "asl-macc-voc"]
    )
    parser.add_argument("--rates", type=float, nargs="+", default=[0.03, 0.1, 0.3])
    return parser.parse_args()


def _dataset(client: Client, arguments: argparse.Namespace) -> dict[str, Any]:
    source = camvid.source(arguments.root, arguments.size)
    known = {dataset["name"]: dataset for dataset in client.items("/v1/datasets")}
    return known.get("camvid") or client.post("/v1/datasets", {"name": "camvid", "source": source})


def _search(
    client: Client, arguments: argparse.Namespace, dataset: Mapping[str, Any]
) -> dict[str, Any]:
    body = {
        "metric": arguments.metric,
        "dataset": dataset["name"],
        "network": camvid.NETWORK,
        "sampler": {
            "name": "ppo2",
            "preset": "quick",
            "steps": arguments.steps,
            "samples": arguments.samples,
        },
        "training": camvid.training(arguments.proxy_iterations, statistics.median(arguments.rates)),
    }
    job = client.post("/v1/searches", body, key=f"study-{arguments.out}-search")
    return follow(client, f"/v1/searches/{job['id']}", f"search for {arguments.metric}")


def _tuned(
    client: Client,
    arguments: argparse.Namespace,
    dataset: Mapping[str, Any],
    search: Mapping[str, Any],
    losses: Sequence[str],
) -> dict[str, float]:
    """The learning rate of each loss with the best score on the hold-out set."""
    kept = arguments.out / "learning-rates.json"
    found: dict[str, dict[str, float]] = json.loads(kept.read_text()) if kept.exists() else {}
    missing = [
        (loss, rate)
        for loss in losses
        for rate in arguments.rates
        if str(rate) not in found.get(loss, {})
    ]
    with WorkerPool() as pool:
        # One task a learning rate, since a task holds the schedule; its losses run side by side.
        for rate in sorted({rate for _, rate in missing}):
            names = [loss for loss, wanted in missing if wanted == rate]
            documents = [client.get(f"/v1/losses/{loss}/download", format="json") for loss in names]
            task = ProxyTask(
                dataset=dataset["source"],
                metric=arguments.metric,
                network=search["request"]["network"],
                training=camvid.training(arguments.iterations, rate),
            )
            outcomes: list[Outcome] = []
            pool.evaluate(
                task, [Candidate(i, d) for i, d in enumerate(documents)], on_outcome=outcomes.append
            )
            for outcome in outcomes:
                loss = names[outcome.number]
                found.setdefault(loss, {})[str(rate)] = outcome.score or 0.0
                print(
                    f"{loss} at learning rate {rate}: {outcome.score or outcome.error}", flush=True
                )
            kept.write_text(json.dumps(found, indent=1))
    return {loss: float(max(found[loss], key=lambda rate: found[loss][rate])) for loss in losses}


def _retrain(
    client: Client,
    arguments: argparse.Namespace,
    search: Mapping[str, Any],
    loss: str,
    rate: float,
    seed: int,
) -> str:
    """Submit one retraining and return its id."""
    body = {
        "loss": loss,
        "dataset": search["request"]["dataset"],
        "network": search["request"]["network"],
        "training": camvid.training(arguments.iterations, rate),
        "seed": seed,
    }
    job_id: str = client.post("/v1/retrainings", body, key=f"study-{arguments.out}-{loss}-{seed}")[
        "id"
    ]
    return job_id


def _report(
    arguments: argparse.Namespace,
    search: Mapping[str, Any],
    rates: Mapping[str, float],
    scores: Scores,
    minutes: float,
) -> str:
    trials = arguments.steps * arguments.samples
    network = search["request"]["network"]
    base = scores["cross-entropy"]
    lines = [
        f"{search['request']['dataset']} at {arguments.size[0]}x{arguments.size[1]}, searched for "
        f"{arguments.metric} with {trials} proxies of {arguments.proxy_iterations} iterations; "
        f"retrained for {arguments.iterations} iterations, {arguments.seeds} seeds, "
        f"{network['architecture']} {network['encoder']} from scratch. "
        f"Validation split, percent, mean ± half of the 95% interval.",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, commit {camvid.commit()}, "
        f"{platform.machine()} with {torch.get_num_threads()} threads, torch {torch.__version__}, "
        f"{minutes:.0f} minutes in all.",
        "",
        *camvid.table(scores, camvid.titles(base, near_borders=False), rates),
        "",
        "Near the borders of classes: mean boundary accuracy, and mIoU within so many pixels of one:",
        "",
        *camvid.table(scores, camvid.titles(base, near_borders=True), rates),
        "",
        f"Difference to cross entropy in {METRICS[arguments.metric].title}, paired over seeds:",
        "",
    ]
    for loss, runs in scores.items():
        if loss != "cross-entropy":
            gap = camvid.difference(runs, base, arguments.metric)
            lines.append(f"- {loss}: {gap}, paired t-test")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
