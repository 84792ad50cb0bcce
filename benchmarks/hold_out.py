"""How many held-out images have a neighbour in training, by the way that the hold-out set is cut.

    python -m benchmarks.hold_out /data/camvid /data/nuclei

A neighbour is a near duplicate (``workers.datasets.reports.near_duplicates``) or, where names end in the
number of a video's frame (``0016E5_08580``), a frame of the same sequence within thirty. Means over five
seeds.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from workers.datasets.dataset import Samples
from workers.datasets.image_files import read_image
from workers.datasets.reports.near_duplicates import NEAR, distances, hash_of
from workers.learning.hold_out import cut_hold_out
from workers.tasks.datasets import NucleiSource
from workers.tasks.hold_out import HoldOut

SEEDS = range(5)
SECOND = 30
FRAME = re.compile(r"(\w+)_\D*(\d+)$")
WAYS: Mapping[str, object] = {
    "single images": {"groups": None},
    "auto": {},
    "blocks of 8, gap 1": {"groups": {"blocks": 8}},
    "blocks of 8, gap 5": {"groups": {"blocks": 8, "gap": 5}},
}
SEQUENCES = {"pattern of the sequence": {"groups": r"^(\w+?)_"}}


def read(root: Path) -> Samples:
    """The images of ``train.txt``, in ``train/`` or ``images/``; no masks are needed."""
    names = (root / "train.txt").read_text(encoding="utf-8").split()
    folder = root / ("train" if (root / "train").is_dir() else "images")
    images = [read_image(next(folder.glob(f"{name}.*"))).pixels for name in names]
    return Samples(tuple(names), tuple(images), tuple(image[..., 0] for image in images))


def seconds_apart(names: tuple[str, ...]) -> NDArray[np.bool_] | None:
    """(N, N) whether two names are frames of a sequence within thirty; None of no frames."""
    frames = [FRAME.match(name) for name in names]
    found = [(frame[1], int(frame[2])) for frame in frames if frame]
    if len(found) < len(names):
        return None
    sequences = np.array([sequence for sequence, _ in found])
    numbers = np.array([number for _, number in found])
    far = np.abs(numbers[:, None] - numbers)
    near: NDArray[np.bool_] = (far <= SECOND) & (sequences[:, None] == sequences)
    return near


def table(root: Path) -> Iterator[str]:
    """Lines of a dataset's table."""
    samples = read(root)
    hashes = np.stack([hash_of(image) for image in samples.images])
    alike, frames = distances(hashes, hashes) <= NEAR, seconds_apart(samples.names)
    yield f"| {root.name} | held out | left out | near duplicate in train | within {SECOND} frames |"
    yield "|---|---|---|---|---|"
    for way, spec in (WAYS if frames is None else {**WAYS, **SEQUENCES}).items():
        rows = []
        for seed in SEEDS:
            source = NucleiSource(root=str(root))
            cut = cut_hold_out(source, samples, HoldOut.model_validate(spec), seed)
            held, kept = np.array(cut.held), np.array(cut.kept)
            neighbours = [
                float(near[held][:, kept].any(axis=1).sum())
                for near in (alike, frames)
                if near is not None
            ]
            rows.append([len(held), len(samples) - len(held) - len(kept), *neighbours])
        means = [f"{fmean(column):.0f}" for column in zip(*rows, strict=True)]
        yield f"| {way} | {' | '.join([*means, *['-'] * (4 - len(means))])} |"


if __name__ == "__main__":
    for folder in sys.argv[1:]:
        print("\n".join(table(Path(folder))), end="\n\n")
