"""Images that are nearly the same: a perceptual hash, and groups of those that are linked by it.

The hash is the pHash: signs of the low frequencies of a small grey image about their median (Zauner,
"Implementation and benchmarking of perceptual image hash functions", 2010), here 16 x 16 of them, since
8 x 8 cannot tell neighbours of a video from strangers. ``benchmarks/hold_out.py`` measures both.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from workers.datasets.dataset import Pixels

SIDE, FREQUENCIES = 64, 16
BITS = FREQUENCIES**2 - 1
"""Of a hash; the mean brightness is left out."""

NEAR = 72
"""Most different bits of near duplicates. Strangers differ in 127 +- 9: of 39,500 pairs of images of two
sequences of CamVid none has fewer than 90, of 77,000 pairs of nuclei, which are sparse and dark, none
fewer than 78. Of pairs of CamVid that are a second apart a fourth has no more than 72."""

ALIKE = 115
"""The same for two images that follow each other in a video: a tenth of the strangers have no more, but to
link two of them there makes a group larger and does no other harm."""

VIDEO = 0.1
"""Share of images whose follower is a near duplicate, from which a split is taken for a video."""

FLAT = 1.0
"""Standard deviation in grey levels below which an image has nothing to tell it by."""

_BLOCK = 2**22  # distances that are looked at together

Hash = NDArray[np.float32]


def _cosines() -> NDArray[np.float64]:
    """(16, 64) the first rows of the discrete cosine transform (DCT-II), unscaled."""
    rows, columns = np.arange(FREQUENCIES)[:, None], np.arange(SIDE)[None]
    return np.cos(np.pi * rows * (2 * columns + 1) / (2 * SIDE))


_COSINES = _cosines()


def hash_of(image: Pixels) -> Hash:
    """The hash of an image.

    Args:
        image: uint8 (H, W, 3).

    Returns:
        (255,), 1 or -1; all 0 of an image that is flat, which is near to none.
    """
    small = Image.fromarray(image).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    grey = np.asarray(small, dtype=np.float64)
    if grey.std() < FLAT:
        return np.zeros(BITS, dtype=np.float32)
    frequencies = (_COSINES @ grey @ _COSINES.T).ravel()[1:]
    return np.where(frequencies > np.median(frequencies), 1, -1).astype(np.float32)


def distances(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    """(L, R) number of different bits between hashes (L, 255) and (R, 255)."""
    different: NDArray[np.float32] = (BITS - left @ right.T) / np.float32(2)
    return different


@dataclass(frozen=True)
class NearDuplicates:
    """The near duplicates among the images of a split.

    Attributes:
        hashes: (N, 255) of the images in the split's order.
        video: Whether the order is that of a video: many images are near duplicates of the next one.
            Followers are then linked that are alike, though no near duplicates.
        groups: (N,) number of each image's group, counted from 0 in the split's order: whatever is
            linked, over any number of links, is one group (single linkage).
    """

    hashes: NDArray[np.float32]
    video: bool
    groups: NDArray[np.int64]

    @classmethod
    def among(cls, hashes: Iterable[Hash]) -> "NearDuplicates":
        """Find them; memory grows with the number of images, time with its square."""
        stacked = np.stack(list(hashes))
        following = (BITS - np.sum(stacked[:-1] * stacked[1:], axis=1)) / 2
        video = len(following) > 0 and bool(np.mean(following <= NEAR) >= VIDEO)
        labels = np.arange(len(stacked), dtype=np.int64)
        for rows, columns in _links(stacked):
            labels = _joined(labels, rows, columns)
        if video:
            first = np.flatnonzero(following <= ALIKE)
            labels = _joined(labels, first, first + 1)
        return cls(stacked, video, _numbered(labels))

    def beside(self, chosen: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(N,) which images are near duplicates of chosen ones, or in a video next to one of them."""
        marked = np.zeros(len(self.hashes), dtype=bool)
        for part in np.array_split(chosen, -(-len(chosen) * len(self.hashes) // _BLOCK)):
            marked |= (distances(self.hashes[part], self.hashes) <= NEAR).any(axis=0)
        if self.video:
            marked[np.maximum(chosen - 1, 0)] = True
            marked[np.minimum(chosen + 1, len(marked) - 1)] = True
        return marked


def _links(hashes: NDArray[np.float32]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pairs of near duplicates, some at a time; each once."""
    step = max(1, _BLOCK // len(hashes))
    for start in range(0, len(hashes), step):
        near = distances(hashes[start : start + step], hashes[start:]) <= NEAR
        rows, columns = np.nonzero(near)
        yield rows + start, columns + start


def _joined(
    labels: NDArray[np.int64], rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Labels after those of every pair have become the same."""
    ends = (labels[rows], labels[columns])
    graph = coo_matrix((np.ones(len(rows), dtype=bool), ends), shape=(len(labels), len(labels)))
    _, joined = connected_components(graph, directed=False)
    return joined.astype(np.int64)[labels]


def _numbered(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same groups, numbered as they first occur."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    return rank[inverse].astype(np.int64)
