"""The hold-out set: a share of the training split that is not trained on."""

from surrogate_zoo.errors import DatasetError
from workers.learning.streams import Stream, generator


def cut_hold_out(images: int, share: float, seed: int) -> tuple[list[int], list[int]]:
    """Cut ``images`` training images into those to train on and those to score on, both sorted.

    Raises:
        DatasetError: One of the two would be empty.
    """
    held = max(1, round(images * share))
    if held >= images:
        raise DatasetError(
            f"{images} training images are too few to hold out a share of {share} for the score."
        )
    order = generator(seed, Stream.HOLD_OUT).permutation(images)
    return sorted(map(int, order[held:])), sorted(map(int, order[:held]))
