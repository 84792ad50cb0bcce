"""What each way to save trainings costs in truth, on CamVid at a size that a CPU trains in seconds.

    python -m benchmarks.cheaper_proxies --root /data/camvid --out cheaper --metric miou

Uniformly drawn candidates (number 0 is the straight line) are all trained to the end, and scored on
every rung. From that follow, without any further training:

- rejection: which share would have been rejected, and how those scored that were trained anyway;
- halving: which part of the iterations it saves, how often the best of a generation would have been
  stopped, and how well the scores that a sampler is told rank the candidates.

Two more parts train more: ``--warm-up N`` starts the same candidates from N iterations of cross
entropy and trains them half as long; ``--repeats R`` trains some with R other seeds, for the noise.

Trainings are kept in ``<out>/<metric>.json``; a second run goes on where the first one was. Prints and
writes ``<out>/<metric>.md``.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import stats

from benchmarks import tasks
from search_service.searches.halving import HalvingSpec, Rung, imputed_scores
from surrogate_zoo.losses.document import surrogate_document
from surrogate_zoo.losses.parameter_space import ParameterSpace
from surrogate_zoo.losses.registry import LOSSES
from workers.learning.batches import Batches
from workers.learning.hold_out import cut_hold_out
from workers.learning.image_stack import stack_by_size
from workers.learning.losses import build_loss
from workers.proxy.proxy import evaluate_pack
from workers.proxy.rejection import RejectionTest
from workers.proxy.samples import training_samples
from workers.tasks.networks import NetworkSpec
from workers.tasks.proxy import Candidate, ProxyTask, RejectionSpec, state_path
from workers.tasks.scoring import ScoringSpec
from workers.tasks.training import AugmentationSpec, TrainingSpec

SIZE, CROP = (60, 80), (48, 64)
GENERATION = 8
NETWORK = NetworkSpec(architecture="Linknet", encoder="tu-resnet18", options={"encoder_depth": 3})
SHARES = (0.4, 0.5, 0.6, 0.7, 0.8)
CPU = torch.device("cpu")

Rows = list[dict[str, Any]]


def main() -> None:
    arguments = _arguments()
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    kept = arguments.out / f"{arguments.metric}.json"
    rows: Rows = json.loads(kept.read_text()) if kept.exists() else []
    rows += drawn(arguments.metric, arguments.candidates, arguments.seed)[len(rows) :]
    task = _task(arguments)
    train_all(arguments, task, rows, kept)
    lines = [
        f"{len(rows)} uniformly drawn candidates for {arguments.metric} on CamVid at {SIZE[0]}x{SIZE[1]}, "
        f"{task.training.iterations} iterations, commit {tasks.commit()}; percent on the hold-out set.",
        "",
        *rejection_table(final_scores(task, rows), *gains_of(task, rows)),
        "",
        *halving_report(task, rows),
    ]
    if arguments.warm_up:
        lines += ["", *_warm_up(arguments, task, rows, kept)]
    if arguments.repeats:
        lines += ["", *noise_report(arguments.repeats, task, rows, kept)]
    text = "\n".join(lines) + "\n"
    (arguments.out / f"{arguments.metric}.md").write_text(text)
    print(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="CamVid in the SegNet layout")
    parser.add_argument("--out", type=Path, default=Path("cheaper"))
    parser.add_argument("--metric", default="miou")
    parser.add_argument("--candidates", type=int, default=24)
    parser.add_argument("--iterations", type=int, default=80)
    parser.add_argument("--seed", type=int, default=1, help="of the candidates")
    parser.add_argument("--warm-up", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=0)
    return parser.parse_args()


def _task(arguments: argparse.Namespace) -> ProxyTask:
    return ProxyTask.model_validate(
        {
            "dataset": tasks.camvid(arguments.root, SIZE),
            "metric": arguments.metric,
            "network": NETWORK,
            "training": TrainingSpec(
                iterations=arguments.iterations,
                batch_size=8,
                crop=CROP,
                learning_rate=0.2,
                head_factor=1.0,
                warmup=10,
                augmentation=AugmentationSpec(scale=(0.75, 1.5)),
            ),
            "scoring": ScoringSpec(tolerance=2),
        }
    )


def drawn(metric: str, count: int, seed: int) -> Rows:
    """The candidates; the straight line first."""
    space, random = ParameterSpace(metric), np.random.default_rng(seed)
    thetas = [random.random(space.dimension).tolist() for _ in range(count - 1)]
    return [{"theta": theta, "scores": {}} for theta in [space.start.tolist(), *thetas]]


def _candidate(metric: str, number: int, row: dict[str, Any]) -> Candidate:
    points = ParameterSpace(metric).control_points(row["theta"])
    return Candidate(number, surrogate_document("x", metric, points, options={"tolerance": 2}))


def stages_of(task: ProxyTask) -> tuple[int, ...]:
    return (*HalvingSpec().iterations(task.training.iterations), task.training.iterations)


def train_all(arguments: argparse.Namespace, task: ProxyTask, rows: Rows, kept: Path) -> None:
    """Train all that are not scored yet, generation by generation, and score them on every rung."""
    for first in range(0, len(rows), GENERATION):
        part = rows[first : first + GENERATION]
        if all(row["scores"] for row in part):
            continue
        pack = [_candidate(arguments.metric, first + n, row) for n, row in enumerate(part)]
        with tempfile.TemporaryDirectory() as states:
            for rung in stages_of(task):
                staged = task.model_copy(update={"stop_after": rung, "states": states})
                for row, outcome in zip(
                    part, evaluate_pack(staged, pack, device="cpu"), strict=True
                ):
                    row["scores"][str(rung)] = outcome.score
        kept.write_text(json.dumps(rows))
        print(f"{first + len(part)} of {len(rows)} trained", flush=True)


def final_scores(task: ProxyTask, rows: Rows) -> list[float]:
    return [row["scores"][str(task.training.iterations)] or 0.0 for row in rows]


def rejection_table(
    final: Sequence[float], gains: Sequence[float], seconds: float
) -> Iterator[str]:
    """What the test says of candidates whose scores are known, and its seconds for each."""
    shares = [gain / gains[0] for gain in gains]
    rho = stats.spearmanr(gains, final).statistic
    middle = statistics.median(final)
    yield f"Rejection ({seconds:.2f} s a candidate; rank correlation of gain and score {rho:.2f}):"
    yield ""
    yield "| share | rejected | their scores | best of them | worst of the others | above the median |"
    yield "|---" * 6 + "|"
    for share in SHARES:
        bad = [score for score, gain in zip(final, shares, strict=True) if gain < share]
        good = [score for score, gain in zip(final, shares, strict=True) if gain >= share]
        cells = [f"{share:g}", f"{len(bad)} of {len(final)}", percent(bad)]
        cells += [f"{100 * max(bad, default=0):.1f}", f"{100 * min(good):.1f}"]
        yield f"| {' | '.join(cells)} | {sum(score > middle for score in bad)} |"
    yield ""
    yield f"Straight line {100 * final[0]:.1f}, median {100 * middle:.1f}, best {100 * max(final):.1f}."


def gains_of(task: ProxyTask, rows: Rows) -> tuple[list[float], float]:
    """Gain of every candidate in the rejection test, and the seconds of one."""
    samples, labelling = training_samples(task.dataset)
    classes = labelling.channels
    kept = cut_hold_out(task.dataset, samples, task.hold_out, task.seed).kept
    batches = Batches(stack_by_size(samples, CPU, kept), task.training, task.seed)
    test = RejectionTest(task, RejectionSpec(), batches(0).masks, classes)
    began = time.perf_counter()
    losses = [
        build_loss(_candidate(task.metric, number, row).loss, [], classes, {})
        for number, row in enumerate(rows)
    ]
    gains = [test.gain(loss) or 0.0 for loss in losses]
    return gains, (time.perf_counter() - began) / len(rows)


def halving_report(task: ProxyTask, rows: Rows) -> Iterator[str]:
    """What halving would have done to generations of candidates whose scores are known."""
    final, stages, spec = final_scores(task, rows), stages_of(task), HalvingSpec()
    spent, short, rhos = 0, [], []
    generations = [
        range(n, min(n + GENERATION, len(rows))) for n in range(0, len(rows), GENERATION)
    ]
    for numbers in generations:
        rungs: list[Rung] = []
        alive, before = list(numbers), 0
        for rung in stages[:-1]:
            spent += (rung - before) * len(alive)
            rungs.append(Rung.of({n: rows[n]["scores"][str(rung)] for n in alive}, spec.keep))
            alive, before = sorted(rungs[-1].going_on), rung
        spent += (stages[-1] - before) * len(alive)
        told = {n: final[n] for n in alive}
        told |= imputed_scores(rungs, told)
        short.append(max(final[n] for n in numbers) - max(final[n] for n in alive))
        rhos.append(
            stats.spearmanr([told[n] for n in numbers], [final[n] for n in numbers]).statistic
        )
    yield f"Halving, {len(generations)} generations of {GENERATION}, rungs {list(stages[:-1])}:"
    yield ""
    yield f"- iterations spent: {100 * spent / (stages[-1] * len(rows)):.0f}% of all"
    lost = sum(gap > 0 for gap in short)
    yield f"- the best of a generation was stopped in {lost} of {len(generations)}; the best that went on"
    yield f"  scored {', '.join(f'{100 * gap:.1f}' for gap in short)} points less"
    for rung in stages[:-1]:
        rho = stats.spearmanr([row["scores"][str(rung)] for row in rows], final).statistic
        yield f"- rank correlation of scores after {rung} iterations with the last ones: {rho:.2f}"
    yield f"- of told scores with the last ones, within generations: {statistics.fmean(rhos):.2f}"


def _warm_up(
    arguments: argparse.Namespace, task: ProxyTask, rows: Rows, kept: Path
) -> Iterator[str]:
    """The same candidates from a warm start, in half of the iterations."""
    half = task.training.model_copy(update={"iterations": task.training.iterations // 2})
    short = task.model_copy(update={"training": half})
    steps = arguments.warm_up
    schedule = task.training.model_copy(
        update={"iterations": steps, "warmup": min(task.training.warmup, steps - 1)}
    )
    with tempfile.TemporaryDirectory() as states:
        changes = {"training": schedule, "stop_after": steps, "states": states}
        ce = Candidate(0, LOSSES["cross-entropy"].document())
        [warm] = evaluate_pack(task.model_copy(update=changes), [ce], device="cpu")
        start = str(state_path(states, 0))
        for name, path in (("short", None), (f"warm {steps}", start)):
            train_more(task, short.model_copy(update={"warm_start": path}), rows, name, kept)
    final = final_scores(task, rows)
    score = 100 * (warm.score or 0)
    yield f"Half of the iterations, cold and from {steps} with cross entropy (which scores {score:.1f}):"
    for name in ("short", f"warm {steps}"):
        scores = [row["scores"][name] or 0.0 for row in rows]
        rho = stats.spearmanr(scores, final).statistic
        yield f"- {name}: scores {percent(scores)}, rank correlation with whole trainings {rho:.2f}"


def noise_report(repeats: int, task: ProxyTask, rows: Rows, kept: Path) -> Iterator[str]:
    """The first generation's candidates with other seeds."""
    part = rows[:GENERATION]
    for seed in range(1, repeats + 1):
        train_more(task, task.model_copy(update={"seed": seed}), part, f"seed {seed}", kept, rows)
    names = [str(task.training.iterations), *(f"seed {n}" for n in range(1, repeats + 1))]
    scores = np.array([[row["scores"][name] for name in names] for row in part])
    within = float(np.sqrt(scores.var(axis=1, ddof=1).mean()))
    common = float(np.sqrt((scores - scores.mean(0)).var(axis=1, ddof=1).mean()))
    yield (
        f"Noise over {len(names)} seeds of {len(part)} candidates: standard deviation {100 * within:.2f} "
        f"of one score, {100 * common:.2f} of its distance to the others of its seed; between "
        f"candidates {100 * float(scores.mean(1).std(ddof=1)):.2f}."
    )


def train_more(
    task: ProxyTask, other: ProxyTask, part: Rows, name: str, kept: Path, rows: Rows | None = None
) -> None:
    """Train those of ``part`` on another task that are not scored under ``name`` yet."""
    for first in range(0, len(part), GENERATION):
        missing = [row for row in part[first : first + GENERATION] if name not in row["scores"]]
        pack = [_candidate(task.metric, number, row) for number, row in enumerate(missing)]
        if pack:
            for row, outcome in zip(missing, evaluate_pack(other, pack, device="cpu"), strict=True):
                row["scores"][name] = outcome.score
            kept.write_text(json.dumps(rows or part))


def percent(scores: Sequence[float]) -> str:
    """Mean and range."""
    if not scores:
        return "-"
    return (
        f"{100 * statistics.fmean(scores):.1f} ({100 * min(scores):.1f} to {100 * max(scores):.1f})"
    )


if __name__ == "__main__":
    main()
