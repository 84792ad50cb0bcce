"""The picture of a dataset's samples."""

from pathlib import Path

import numpy as np
from PIL import Image

from tests.workers.datasets import folders
from tests.workers.datasets.layouts import object_layouts
from workers.datasets.layouts.registry import open_dataset
from workers.datasets.reports.picture import BOX, GAP, LINE, draw_objects, draw_samples, palette


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


def test_objects_are_drawn_beside_the_labels(tmp_path: Path) -> None:
    nuclei = object_layouts.nuclei(tmp_path).source
    dataset = open_dataset(nuclei.model_copy(update={"labels": "foreground"}))
    picture = np.asarray(draw_samples(dataset))
    _, mask, instances = dataset.sample("train", 0)
    assert instances is not None
    size = (BOX[0], round(BOX[0] * mask.shape[0] / mask.shape[1]))
    for place, wanted in ((1, palette()[mask]), (2, draw_objects(mask, instances))):
        left = GAP + place * BOX[0]
        shown = picture[GAP + LINE : GAP + LINE + size[1], left : left + BOX[0]]
        fitted = Image.fromarray(wanted).resize(size, Image.Resampling.NEAREST)
        np.testing.assert_array_equal(shown, np.asarray(fitted))


def test_every_object_has_a_colour_of_its_own_and_void_is_white() -> None:
    instances = np.arange(152, dtype=np.int32).reshape(8, 19)
    mask = (instances > 0).astype(np.uint8)
    colours = draw_objects(mask, instances).reshape(-1, 3)
    assert len(np.unique(colours, axis=0)) == 152
    assert colours[0].tolist() == [0, 0, 0]
    assert colours[1:].max(axis=1).min() >= 150  # none is near black
    mask[0, 0] = 255
    assert draw_objects(mask, instances)[0, 0].tolist() == [255, 255, 255]
