"""Tables and figures of what :mod:`benchmarks.samplers.regret` found.

python -m benchmarks.samplers.report --metric miou
"""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

mpl.use("Agg")

from matplotlib import pyplot as plt

from benchmarks.samplers import table
from benchmarks.samplers.regret import CONTENDERS, GROUP, STARTS, read

REFERENCE = "ppo2, released"
BUDGETS = (32, 64, 96, 192, 384)
RESAMPLES = 1000
Run: TypeAlias = dict[str, Any]
Curves: TypeAlias = NDArray[np.float64]
"""True scores of what is published, (seeds, trainings + 1); NaN beyond the budget."""


def main() -> None:
    """Print the tables, and draw the figures beside the results."""
    parser = argparse.ArgumentParser(description="Tables and figures of the samplers' regret.")
    parser.add_argument("--metric", default="miou")
    metric = parser.parse_args().metric
    trained = len(table.read(table.path_of(metric)).scores)
    runs = read(table.RESULTS / f"{metric}-regret.jsonl", trained)
    for start in STARTS:
        kept: dict[str, list[Run]] = {name: [] for name in CONTENDERS}
        for run in runs:
            if run["start"] == start:
                kept[run["contender"]].append(run)
        curves = {name: filled(kept[name]) for name in CONTENDERS if len(kept[name]) > 1}
        if REFERENCE not in curves:
            continue
        print(f"\nFrom the {start}:\n")
        print("\n".join(rows(curves)))
        draw_curves(curves, start, table.RESULTS / f"{metric}-regret-{start}.png")
        draw_scores(kept, table.RESULTS / f"{metric}-ppo2-random-{start}.png")


def filled(curves: list[Run]) -> Curves:
    """What would be published after every number of trainings: what the last whole batch told."""
    longest = max(BUDGETS[-1], *(curve["trainings"][-1] for curve in curves))
    values = np.full((len(curves), longest + 1), np.nan)
    for row, curve in zip(values, curves, strict=True):
        ends = [*curve["trainings"][1:], curve["trainings"][-1] + 1]
        for begin, end, value in zip(curve["trainings"], ends, curve["values"], strict=True):
            row[begin:end] = value
    return values


def rows(curves: Mapping[str, Curves]) -> Iterator[str]:
    """Lines of a Markdown table."""
    yield f"| sampler | {' | '.join(f'after {n}' for n in BUDGETS)} | trainings to reach it |"
    yield "|---" * (len(BUDGETS) + 2) + "|"
    for name, values in curves.items():
        cells = (_mean(values[:, budget]) for budget in BUDGETS)
        yield f"| {name} | {' | '.join(cells)} | {trainings_to_reach(values, curves[REFERENCE])} |"


def _mean(values: NDArray[np.float64]) -> str:
    """Mean and half of its 95% interval (normal), in percent."""
    if np.isnan(values).any():
        return ""
    half = 196 * values.std(ddof=1) / len(values) ** 0.5
    return f"{100 * values.mean():.2f} ± {half:.2f}"


def trainings_to_reach(values: Curves, reference: Curves) -> str:
    """Trainings until the median over seeds is the reference's at its end; 95% by the bootstrap."""
    generator = np.random.default_rng(0)
    seeds = generator.integers(len(values), size=(RESAMPLES, len(values)))
    others = generator.integers(len(reference), size=(RESAMPLES, len(reference)))
    counts = [_first(values[s], reference[o]) for s, o in zip(seeds, others, strict=True)]
    low, high = np.quantile(counts, (0.025, 0.975), method="nearest")
    limit = np.flatnonzero(~np.isnan(values[0]))[-1]
    return (
        f"{_told(_first(values, reference), limit)} ({_told(low, limit)} to {_told(high, limit)})"
    )


def _first(values: Curves, reference: Curves) -> float:
    reached = np.median(values, axis=0) >= np.median(reference[:, BUDGETS[-1]])
    return float(np.argmax(reached)) if reached.any() else np.inf


def _told(count: float, limit: int) -> str:
    return f"more than {limit}" if np.isinf(count) else f"{count:.0f}"


def draw_curves(curves: Mapping[str, Curves], start: str, path: Path) -> None:
    """True score of what is published against trainings: means over seeds with 95% bands."""
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for name, values in curves.items():
        mean, half = values.mean(0), 1.96 * values.std(0, ddof=1) / len(values) ** 0.5
        (line,) = axes.plot(100 * mean, label=name)
        band = (100 * (mean - half), 100 * (mean + half))
        axes.fill_between(np.arange(len(mean)), *band, color=line.get_color(), alpha=0.15, lw=0)
    axes.axhline(100 * np.median(curves[REFERENCE][:, BUDGETS[-1]]), color="grey", lw=0.8, ls=":")
    axes.set(xlabel="trainings", ylabel="score of what is published, %", xlim=(0, BUDGETS[-1]))
    axes.set_title(f"Start: {start}; mean of {len(values)} seeds, 95% band", fontsize=10)
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_scores(kept: Mapping[str, list[Run]], path: Path) -> None:
    """Figure 3 of Auto Seg-Loss: scores of the trainings themselves, PPO2's against random search's."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained", sharex=True)
    titles = {"group_means": f"mean score of {GROUP} trainings, %", "best": "best score so far, %"}
    for axis, (scores, title) in zip(axes, titles.items(), strict=True):
        for name in (REFERENCE, "random"):
            mean = 100 * np.mean([run[scores] for run in kept[name]], axis=0)
            axis.plot(GROUP * np.arange(1, len(mean) + 1), mean, marker="o", ms=3, label=name)
        axis.set(xlabel="trainings", ylabel=title)
    axes[0].legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    main()
