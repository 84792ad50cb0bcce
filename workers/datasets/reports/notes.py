"""Remarks of a report on what is no fault, and yet worth knowing before a training."""

from collections.abc import Iterator, Mapping, Sequence

from surrogate_zoo.modes import MULTILABEL
from workers.datasets.dataset import VOID, Dataset
from workers.datasets.reports.band_statistics import BandStatistics
from workers.datasets.reports.label_counts import LabelCounts

LISTED = 10


def turned(dataset: Dataset, by_split: Mapping[str, Sequence[bool]]) -> Iterator[str]:
    """How many images were turned upright, as their EXIF orientation says."""
    names = [
        name
        for split, some in by_split.items()
        for name, was in zip(dataset.names(split), some, strict=True)
        if was
    ]
    if names:
        yield (
            f"{len(names)} images have an EXIF orientation and are read turned upright, as viewers show "
            f"them, such as {names[0]}: see in the picture that their masks are upright too."
        )


def absent(
    dataset: Dataset, present: Mapping[str, Sequence[str]], labels: Mapping[str, LabelCounts]
) -> Iterator[str]:
    """Classes that the training split has no pixel of, and splits that nothing can be scored on."""
    missing = [name for name in dataset.classes if name not in present["train"]]
    if missing:
        listed = ", ".join(missing[:LISTED]) + (", ..." if len(missing) > LISTED else "")
        yield f"No pixel of the training split is of {listed}: it cannot be learned."
    for split, some in present.items():
        if split == "train" or len(labels[split].labels - {VOID}) > 1:
            continue
        if dataset.mode == MULTILABEL:
            yield f"In the split {split!r} no class has pixels: no score can be measured on it."
        else:
            held = " and ".join([*some, *(["void"] if labels[split].void else [])])
            yield (
                f"The masks of the split {split!r} hold {held} alone: no score can be measured on it."
            )


def constant(bands: BandStatistics | None) -> Iterator[str]:
    """Bands that tell nothing."""
    if bands is not None and bands.constant:
        listed = ", ".join(map(str, bands.constant))
        yield f"Every training image has one value alone in band {listed}: it tells nothing."
