"""All scores against the implementations that define them, on random scenes and real nuclei."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from surrogate_zoo import INSTANCE_SCORES, InstanceEvaluator
from tests.surrogate_zoo.metrics.instances import references
from tests.surrogate_zoo.metrics.instances.scenes import (
    THINGS,
    Scene,
    evaluated,
    from_objects,
    scene,
)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("void", [False, True])
def test_random_scenes(seed: int, void: bool, tmp_path: Path) -> None:
    scenes = [scene(10 * seed + image, void=void) for image in range(4)]
    scores = evaluated(scenes, InstanceEvaluator(THINGS)).compute()
    assert list(scores) == list(INSTANCE_SCORES)
    expected = references.all_scores(scenes, THINGS, tmp_path, min_pixels=100)
    assert scores == pytest.approx(expected, abs=1e-6)
    assert 0 < scores["ap"] < scores["ap50"] < 1


def test_every_object_counts_where_no_size_is_asked_for(tmp_path: Path) -> None:
    scenes = [scene(seed, count=40) for seed in range(3)]
    scores = evaluated(scenes, InstanceEvaluator(THINGS, min_pixels=0)).compute()
    expected = references.all_scores(scenes, THINGS, tmp_path, min_pixels=0)
    assert scores == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("void", [False, True])
def test_groups_of_cityscapes(void: bool) -> None:
    scenes = []
    for seed in range(6):
        shown = scene(seed, things=(1,), void=void)
        sizes = np.bincount(shown.instances.ravel())
        largest = 1 + int(sizes[1:].argmax())
        assert sizes[largest] >= 100
        grouped = np.where(shown.instances == largest, 0, shown.instances)
        scenes.append(shown._replace(instances=grouped))
    scores = evaluated(scenes, InstanceEvaluator((1,))).compute()
    expected = references.cityscapes_ap(scenes, (1,), 100)
    assert (scores["ap"], scores["ap50"]) == pytest.approx(expected, abs=1e-6)


def test_cityscapes_makes_equal_confidences_one_point_too() -> None:
    scenes = [scene(seed) for seed in range(6)]
    tied = [s._replace(confidences=np.round(s.confidences, 1)) for s in scenes]
    scores = evaluated(tied, InstanceEvaluator(THINGS)).compute()
    expected = references.cityscapes_ap(tied, THINGS, 100)
    assert (scores["ap"], scores["ap50"]) == pytest.approx(expected, abs=1e-6)


def test_an_image_with_more_objects_than_coco_looks_at(tmp_path: Path) -> None:
    side, count = 78, 151
    instances = np.zeros((side, side), dtype=np.int64)
    corners = [(row, column) for row in range(0, side, 6) for column in range(0, side, 6)]
    for number, (row, column) in enumerate(corners[:count], 1):
        instances[row : row + 5, column : column + 5] = number
    target = (instances > 0).astype(np.int64)
    confidences = np.random.default_rng(0).random(count)
    labels = np.ones(count, dtype=np.int64)
    shifted = np.roll(instances, 1, 0)
    shifted[np.isin(shifted, range(1, 60))] = 0
    scenes = [Scene(shifted, labels, confidences, instances, target)]
    scores = evaluated(scenes, InstanceEvaluator((1,), min_pixels=20)).compute()
    expected = references.all_scores(scenes, (1,), tmp_path, min_pixels=20)
    assert scores == pytest.approx(expected, abs=1e-6)
    assert scores["dic"] == 59
    exact = Scene(instances, labels, confidences, instances, target)
    perfect = evaluated([exact], InstanceEvaluator((1,), min_pixels=20)).compute()
    assert perfect["ap-coco"] == pytest.approx(1)


def test_real_nuclei(real_datasets: Path, tmp_path: Path) -> None:
    folder = real_datasets / "nuclei"
    if not folder.is_dir():
        pytest.skip(f"no nuclei in {real_datasets}")
    names = (folder / "val.txt").read_text().split()[:12]
    masks = [next((folder / "instances").glob(f"{Path(name).stem}.*")) for name in names]
    scenes = [
        from_objects(np.asarray(Image.open(mask)).astype(np.int64), seed)
        for seed, mask in enumerate(masks)
    ]
    scores = evaluated(scenes, InstanceEvaluator((1,))).compute()
    expected = references.all_scores(scenes, (1,), tmp_path, min_pixels=100)
    assert scores == pytest.approx(expected, abs=1e-6)
