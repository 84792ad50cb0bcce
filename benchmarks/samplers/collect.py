"""Train proxies on CamVid with many losses of one metric, and note what each scores.

    python -m benchmarks.samplers.collect --root <camvid> --metric miou --rows 400

The first rows are repeats: the same eight losses with each of four seeds, which tell the noise. The
rest are drawn from a mixture: uniformly from the cube, around the straight line, around the published
parameters, and around what the rows so far say is best, since that is where samplers go. Eight losses
share a seed, and so the hold-out cut, the initial weights and the batches. Scores are those of images
cut from the training split. A second run goes on where the first one stopped.
"""

import argparse
import json
import platform
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import tasks
from benchmarks.samplers import table
from benchmarks.samplers.table import Row
from search_service.presets import QUICK_NETWORK
from search_service.samplers.smoothing import expected_scores
from surrogate_zoo.losses.document import surrogate_document
from surrogate_zoo.losses.parameter_space import ParameterSpace
from surrogate_zoo.losses.published import published_document
from workers.proxy.proxy import evaluate_pack
from workers.tasks.proxy import Candidate, ProxyTask

SIZE = (24, 32)
SEEDS = 4
PACK = ("uniform", "uniform", "uniform", "line", "published", "refined", "refined", "refined")
"""Kinds of the rows that are trained together."""

REPEATED = ("start", "published-start", "line", "published", *("uniform",) * 4)
REFINE_FROM = 96  # rows; what is to be refined is drawn uniformly before


def main() -> None:
    """Append rows to the table until it has as many as are wanted."""
    arguments = _arguments()
    torch.set_num_threads(1)
    out = arguments.out or table.path_of(arguments.metric)
    begin(out, proxy_task(arguments.root, arguments.metric, 0))
    rows = table.read_rows(out)[1]
    while len(rows) < arguments.rows:
        pack = _trained(arguments, rows)
        table.append(out, pack)
        rows += pack
        scores = " ".join(f"{100 * (row.score or 0):.1f}" for row in pack)
        print(f"{len(rows)} rows: {scores}", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train proxies with many losses of one metric.")
    parser.add_argument("--root", type=Path, required=True, help="CamVid in the SegNet layout")
    parser.add_argument("--metric", default="miou")
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument(
        "--out", type=Path, help="the table; <metric>.jsonl of the results if not given"
    )
    return parser.parse_args()


def proxy_task(root: Path, metric: str, seed: int) -> ProxyTask:
    """The smallest proxy that still tells losses apart: a second or two on one core."""
    training = {
        "iterations": 80,
        "batch_size": 8,
        "crop": SIZE,
        "learning_rate": 0.5,
        "warmup": 5,
        "head_factor": 1.0,
        "augmentation": {"scale": (1.0, 1.0), "colour": 0.1},
    }
    return ProxyTask.model_validate(
        {
            "dataset": tasks.camvid(root, SIZE),
            "metric": metric,
            "network": QUICK_NETWORK,
            "training": training,
            "scoring": {"tolerance": 1},
            "hold_out": 0.4,
            "seed": seed,
        }
    )


def begin(out: Path, proxy: ProxyTask) -> None:
    """Write the header of a new table, or refuse to mix two tasks in one."""
    task = proxy.model_dump(mode="json", exclude={"seed"})
    del task["dataset"]["root"]
    if out.exists():
        if table.read_rows(out)[0]["task"] != task:
            raise SystemExit(f"{out} was begun with another proxy task; give another --out.")
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    header: dict[str, Any] = {
        "task": task,
        "commit": tasks.commit(),
        "machine": platform.machine(),
        "torch": torch.__version__,
    }
    out.write_text(json.dumps(header) + "\n")


def _trained(arguments: argparse.Namespace, rows: list[Row]) -> list[Row]:
    """The next rows: one pack, trained side by side."""
    space, metric = ParameterSpace(arguments.metric), arguments.metric
    drawn = next_draws(space, rows)
    candidates = [
        Candidate(number, surrogate_document(f"row-{number}", metric, space.control_points(theta)))
        for number, (_, theta) in enumerate(drawn, len(rows))
    ]
    seed = len(rows) // len(PACK) % SEEDS
    outcomes = evaluate_pack(proxy_task(arguments.root, metric, seed), candidates, device="cpu")
    return [
        Row(
            outcome.number,
            kind,
            seed,
            tuple(theta.tolist()),
            None if outcome.score is None else round(outcome.score, 6),
            {name: round(value, 6) for name, value in outcome.metrics.items()},
            round(outcome.seconds, 3),
        )
        for (kind, theta), outcome in zip(drawn, outcomes, strict=True)
    ]


def next_draws(space: ParameterSpace, rows: list[Row]) -> list[tuple[str, NDArray[np.float64]]]:
    """Kind and theta of the next pack; every seed has the same first one."""
    repeats = len(rows) < SEEDS * len(PACK)
    generator = np.random.default_rng(0 if repeats else len(rows))
    kinds: tuple[str, ...] = REPEATED if repeats else PACK
    if not repeats and len(rows) < REFINE_FROM:
        kinds = tuple("uniform" if kind == "refined" else kind for kind in kinds)
    return [(kind, np.round(_draw(kind, space, rows, generator), 6)) for kind in kinds]


def _draw(
    kind: str, space: ParameterSpace, rows: list[Row], generator: np.random.Generator
) -> NDArray[np.float64]:
    published = space.theta(published_document(space.metric)["control_points"])
    if kind == "uniform":
        return generator.random(space.dimension)
    if kind in ("start", "published-start"):
        return space.start if kind == "start" else published
    if kind == "refined":
        centre, sigma = _good(rows, generator), 0.1
    else:
        centre, sigma = (space.start if kind == "line" else published), 0.2
    return np.clip(centre + sigma * generator.standard_normal(space.dimension), 0.0, 1.0)


def _good(rows: list[Row], generator: np.random.Generator) -> NDArray[np.float64]:
    """One of the ten thetas that are expected to be best, given all rows."""
    scored = [row for row in rows if row.score is not None]
    thetas = np.array([row.theta for row in scored])
    expected = expected_scores(thetas, np.array([row.score for row in scored], dtype=np.float64))
    best: NDArray[np.float64] = thetas[generator.choice(np.argsort(-expected)[:10])]
    return best


if __name__ == "__main__":
    main()
