"""The picture of a dataset's samples."""

from pathlib import Path

import numpy as np
from PIL import Image

from tests.workers.datasets import folders
from workers.datasets.layouts import open_dataset
from workers.datasets.picture import BOX, GAP, LINE, draw_samples, palette


def test_nine_samples_with_labels_and_the_key_of_their_colours(tmp_path: Path) -> None:
    """The first sample stands top left, its labels beside it in the palette's colours."""
    dataset = open_dataset(folders.segnet(tmp_path, {"train": 20}))
    picture = np.asarray(draw_samples(dataset))
    image, mask, _ = dataset.sample("train", 0)
    width = BOX[0]
    shown = picture[GAP + LINE : GAP + LINE + BOX[1], GAP : GAP + 2 * width]
    for part, wanted in ((shown[:, :width], image), (shown[:, width:], palette()[mask])):
        fitted = Image.fromarray(wanted).resize(BOX, Image.Resampling.NEAREST)
        np.testing.assert_array_equal(part, np.asarray(fitted))
    assert picture.shape[0] == 3 * (LINE + BOX[1] + GAP) + LINE + 2 * GAP
    key = {tuple(pixel) for pixel in picture[-LINE:].reshape(-1, 3).tolist()}
    assert {tuple(palette()[label].tolist()) for label in range(3)} <= key


def test_a_dataset_of_fewer_samples_is_drawn_too(tmp_path: Path) -> None:
    picture = draw_samples(open_dataset(folders.segnet(tmp_path, {"train": 2})))
    assert picture.height == LINE + BOX[1] + GAP + LINE + 2 * GAP
