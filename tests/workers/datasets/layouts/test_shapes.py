"""The generated dataset: the same on every machine, of any size."""

import hashlib
import time

import numpy as np
from scipy.ndimage import label

from workers.datasets.dataset import VOID
from workers.datasets.layouts.registry import open_dataset
from workers.datasets.layouts.shapes import CLASSES
from workers.datasets.reports.report import describe
from workers.tasks.datasets import ShapesSource

# What seed 0 drew when the dataset was fixed: a change of one byte changes every recorded result.
FINGERPRINT = "fba7b2af23174adf672e20742b8e8a31a6553f0ce0047fd71d93952a9dfd5073"


def digest(source: ShapesSource, split: str = "train") -> str:
    samples = open_dataset(source).read(split)
    return hashlib.sha256(b"".join(a.tobytes() for a in samples.images + samples.masks)).hexdigest()


def test_bytes_are_those_of_every_machine() -> None:
    assert describe(ShapesSource(train=8, val=1, test=1)).fingerprint == FINGERPRINT


def test_seed_and_split_change_the_images() -> None:
    small = ShapesSource(train=8, val=8, test=8)
    reseeded = small.model_copy(update={"seed": 1})
    digests = {digest(small), digest(small, "val"), digest(small, "test"), digest(reseeded)}
    assert len(digests) == 4


def test_an_image_stays_when_its_split_grows() -> None:
    few, many = ShapesSource(train=8), ShapesSource(train=50)
    before, after = open_dataset(few).read("train"), open_dataset(many).read("train", range(8))
    assert all(np.array_equal(a, b) for a, b in zip(before.images, after.images, strict=True))


def test_thin_classes_are_rare_and_void_lies_between_shapes() -> None:
    report = describe(ShapesSource())
    assert report.classes == CLASSES
    assert 0.003 < report.class_shares["wire"] < 0.02
    assert 0.003 < report.class_shares["ring"] < 0.03
    assert min(report.class_shares[name] for name in ("disc", "box", "wedge")) > 0.05
    assert 0.01 < report.void_share < 0.05


def test_most_borders_are_not_void() -> None:
    samples = open_dataset(ShapesSource()).read("val")
    masks = np.stack(samples.masks).astype(int)
    left, right = masks[:, :, :-1], masks[:, :, 1:]
    crisp = (left != right) & (left != VOID) & (right != VOID)
    assert crisp.mean() > 0.02


def test_default_size_is_drawn_quickly() -> None:
    began = time.process_time()
    for split in ("train", "val", "test"):
        open_dataset(ShapesSource()).read(split)
    assert time.process_time() - began < 5


def test_any_size_is_drawn() -> None:
    for height, width in ((16, 16), (16, 200), (300, 40)):
        samples = open_dataset(ShapesSource(height=height, width=width, train=8)).read("train")
        assert samples.images[0].shape == (height, width, 3)
        assert len({label for mask in samples.masks for label in np.unique(mask)}) >= 4


def test_what_is_visible_of_each_shape_is_numbered() -> None:
    dataset = open_dataset(ShapesSource(train=30))
    parts = 0
    for index in range(30):
        _, mask, instances = dataset.sample("train", index)
        assert instances is not None
        assert 1 <= instances.max() <= 9
        np.testing.assert_array_equal(instances > 0, (mask > 0) & (mask != VOID))
        for number in range(1, instances.max() + 1):
            assert len(np.unique(mask[instances == number])) == 1
            parts += label(instances == number, np.ones((3, 3)))[1] > 1
    assert parts > 5  # shapes that another one cuts in two are still one object
