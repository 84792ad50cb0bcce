"""Mean-shift of one image's embeddings against ``sklearn.cluster.MeanShift``, in one run.

    python -m benchmarks.clustering [--sides 32 48 128] [--sklearn-up-to 48] [--threads 1]

Embeddings of a grid of square objects, 8 channels, means drawn from a normal distribution of deviation 3
and pixels about them of deviation 0.05 or 0.4; the radius is 1.5. scikit-learn shifts every point where
this shifts those that no object holds yet; ``bin_seeding`` shifts one a bin, and finds other modes.
Its times are told for images up to a side only, since they grow with the square of the pixels. Agreement is
the adjusted Rand index with the true objects.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import MeanShift
from sklearn.metrics import adjusted_rand_score
from torch import Tensor

from workers.instances.grouping import grouped

OBJECT = 16  # side in pixels
RADIUS = 1.5
CHANNELS = 8

Groups = NDArray[np.int64]


def main() -> None:
    """Print a Markdown table, one row an image and a way of clustering."""
    parser = argparse.ArgumentParser(description="Time mean-shift against scikit-learn's.")
    parser.add_argument("--sides", type=int, nargs="+", default=(32, 48, 128))
    parser.add_argument("--sklearn-up-to", type=int, default=48, metavar="SIDE")
    parser.add_argument("--noises", type=float, nargs="+", default=(0.05, 0.4))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"{CHANNELS} channels, {arguments.device}, {arguments.threads} threads\n")
    print("| pixels | noise | by | seconds | objects | ARI |\n|---|---|---|---|---|---|")
    for side in arguments.sides:
        for noise in arguments.noises:
            points, owners = embedded(side, noise)
            ways: dict[str, Callable[[], Groups]] = {
                "mean-shift": partial(ours, points.to(arguments.device)),
                "merged": partial(ours, points.to(arguments.device), merge=True),
                "threshold": partial(ours, points.to(arguments.device), shift=False),
            }
            if side <= arguments.sklearn_up_to:
                ways["sklearn"] = partial(theirs, points, bins=False)
                ways["sklearn, bins"] = partial(theirs, points, bins=True)
            for name, way in ways.items():
                seconds, groups = timed(way)
                row = (len(points), noise, name, f"{seconds:.3f}", groups.max() + 1)
                agreement = adjusted_rand_score(owners, groups)
                print("|", *(f"{cell} |" for cell in row), f"{agreement:.3f} |", flush=True)


def embedded(side: int, noise: float) -> tuple[Tensor, Groups]:
    """Points float64 (side * side, 8) in the order they were drawn in, and the object of each."""
    random = np.random.default_rng(0)
    place = np.arange(side) // OBJECT
    owners = (place[:, None] * (place[-1] + 1) + place).ravel()
    means = 3 * random.standard_normal((owners.max() + 1, CHANNELS))
    points = means[owners] + noise * random.standard_normal((len(owners), CHANNELS))
    order = random.permutation(len(owners))
    return torch.from_numpy(points[order]), owners[order]


def ours(points: Tensor, *, shift: bool = True, merge: bool = False) -> Groups:
    groups: Groups = grouped(points, RADIUS, shift=shift, merge=merge).cpu().numpy()
    return groups


def theirs(points: Tensor, *, bins: bool) -> Groups:
    return np.asarray(MeanShift(bandwidth=RADIUS, bin_seeding=bins).fit(points.numpy()).labels_)


def timed(way: Callable[[], Groups]) -> tuple[float, Groups]:
    """Seconds of one call, after one that warms up where it is short."""
    start = time.perf_counter()
    groups = way()
    seconds = time.perf_counter() - start
    if seconds > 1:
        return seconds, groups
    start = time.perf_counter()
    groups = way()
    return time.perf_counter() - start, groups


if __name__ == "__main__":
    main()
