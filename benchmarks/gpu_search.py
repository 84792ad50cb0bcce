"""A whole search's worth of proxies at the released size, as far as the time goes, and what all would take.

    python -m benchmarks.gpu_search [--trials 384] [--pack 8] [--minutes 10]

Packs of candidates, drawn at random, train and are scored as in a search of the preset ``released`` on
generated images, by the very function that workers call; the sampler, which takes milliseconds, is left out.
"""

import argparse
import time
from collections.abc import Iterator, Sequence

import torch

from benchmarks import proxy_pack
from benchmarks.proxy_pack import SIZES, Size
from workers.proxy.proxy import evaluate_pack
from workers.tasks.datasets import ShapesSource
from workers.tasks.proxy import Candidate, Outcome, ProxyTask

SOURCES = {
    "released": ShapesSource(height=192, width=256, train=600, val=8, test=8),
    "tiny": ShapesSource(height=32, width=48, train=24, val=6, test=4),
}
PROXY_SIZE = {"released": 128, "tiny": 32}


def main() -> None:
    """Print what was measured, pack by pack, and the whole search's hours."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=sorted(SIZES), default="released")
    parser.add_argument("--metric", default="miou")
    parser.add_argument("--trials", type=int, default=384)
    parser.add_argument("--pack", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--iterations", type=int, help="of a proxy, where others than released")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    print(f"{proxy_pack.facts(torch.device(arguments.device))}\n", flush=True)
    task = task_of(SIZES[arguments.size], arguments.size, arguments.metric, arguments.iterations)
    until = time.perf_counter() + 60 * arguments.minutes
    for line in searched(
        task, arguments.trials, arguments.pack, until=until, device=arguments.device
    ):
        print(line, flush=True)


def task_of(size: Size, name: str, metric: str, iterations: int | None) -> ProxyTask:
    """The proxy task of a search at a size."""
    augmentation = size.training.augmentation.model_copy(update={"short_side": None})
    changes = {"augmentation": augmentation, "iterations": iterations or size.training.iterations}
    return ProxyTask(
        dataset=SOURCES[name],
        metric=metric,
        network=size.network,
        training=size.training.model_copy(update=changes),
        proxy_size=PROXY_SIZE[name],
    )


def searched(
    task: ProxyTask, trials: int, pack: int, *, until: float, device: str
) -> Iterator[str]:
    """Train pack by pack until all are trained or the time is over."""
    seconds: list[float] = []
    for start in range(0, trials, pack):
        numbers = range(start, min(start + pack, trials))
        candidates = [
            Candidate(number, proxy_pack.document_of(task.metric, number)) for number in numbers
        ]
        began = time.perf_counter()
        outcomes = evaluate_pack(task, candidates, device=device)
        seconds += [(time.perf_counter() - began) / len(candidates)] * len(candidates)
        yield f"- {len(seconds)} candidates, {seconds[-1]:.2f} s each; {told(outcomes)}"
        if time.perf_counter() > until:
            break
    # The first pack reads the images and builds the network.
    later = seconds[pack:] or seconds
    whole = sum(seconds) + (trials - len(seconds)) * sum(later) / len(later)
    yield ""
    yield (
        f"{len(seconds)} of {trials} candidates in {sum(seconds) / 60:.1f} minutes; all of them take "
        f"{whole / 3600:.2f} hours, {sum(later) / len(later):.2f} s each after the first pack."
    )


def told(outcomes: Sequence[Outcome]) -> str:
    """How the steps of a pack ran, and the scores."""
    ran = sorted({str(outcome.worker.get("steps", "loop")) for outcome in outcomes})
    scores = [f"{100 * outcome.score:.1f}" for outcome in outcomes if outcome.score is not None]
    errors = sorted({outcome.error for outcome in outcomes if outcome.error})
    return (
        f"{', '.join(ran)}; scores {', '.join(scores)}{'; ' if errors else ''}{'; '.join(errors)}"
    )


if __name__ == "__main__":
    main()
