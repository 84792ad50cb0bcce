"""A gallery shows what networks disagree about, and errors where they are."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from surrogate_zoo.errors import StorageError
from tests.workers import tiny
from workers.datasets.dataset import VOID
from workers.datasets.layouts.registry import open_dataset
from workers.datasets.reports.picture import draw_objects
from workers.instances.pictures import object_picture
from workers.instances.prediction import predict_instances
from workers.learning.learner import initial_network
from workers.scoring.gallery import (
    RIGHT,
    WRONG,
    WRONG_NEAR_BORDER,
    draw_gallery,
    error_picture,
    near_borders,
)
from workers.scoring.inference import predict
from workers.tasks.base import Stopped
from workers.tasks.gallery import Contestant, GalleryTask
from workers.tasks.instances import ClusteringSpec


def contestants(folder: Path) -> tuple[Contestant, ...]:
    found = []
    for seed in range(3):
        path = folder / f"{seed}.safetensors"
        save_file(initial_network(tiny.NETWORK, 6, seed).state_dict(), path)
        found.append(Contestant(name=f"loss {seed}", network=tiny.NETWORK, weights=str(path)))
    return tuple(found)


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_images_with_the_most_disagreement_are_shown(tmp_path: Path) -> None:
    task = GalleryTask(dataset=tiny.SOURCE, contestants=contestants(tmp_path), images=2)
    told: list[int] = []
    result = draw_gallery(
        task, tmp_path / "gallery", device="cpu", on_progress=lambda done, _: told.append(done)
    )
    assert told == list(range(1, 7))
    dataset = open_dataset(tiny.SOURCE)
    networks = [initial_network(tiny.NETWORK, 6, seed).eval() for seed in range(3)]
    shares = {}
    for index, name in enumerate(dataset.names("val")):
        image, mask, _ = dataset.sample("val", index)
        one, two, three = (predict(n, torch.from_numpy(image)[None])[0].numpy() for n in networks)
        shares[name] = ((one != two) | (one != three))[mask != VOID].mean()
    best = sorted(shares, key=lambda name: -shares[name])[:2]
    assert [image.name for image in result.images] == best
    assert [image.disagreement for image in result.images] == [shares[name] for name in best]
    image, mask, _ = dataset.sample("val", dataset.names("val").index(best[0]))
    first = result.images[0]
    assert (pixels(tmp_path / "gallery" / first.image) == image).all()
    assert list(first.predictions) == list(first.errors) == ["loss 0", "loss 1", "loss 2"]
    labels = predict(networks[1], torch.from_numpy(image)[None])[0].numpy().astype(np.uint8)
    error = pixels(tmp_path / "gallery" / first.errors["loss 1"])
    assert (error == error_picture(labels, mask)).all()
    truth = pixels(tmp_path / "gallery" / first.truth)
    background = bytes(truth[mask == 0][0]).hex()
    assert result.colours[dataset.classes[0]] == f"#{background}"


def test_objects_of_every_way_are_shown_beside_the_true_ones(tmp_path: Path) -> None:
    one, two, _ = contestants(tmp_path)
    ways = {
        "components": ClusteringSpec(method="components"),
        "large": ClusteringSpec(method="components", min_pixels=30),
    }
    pair = (one, two.model_copy(update={"ways": ways}))
    task = GalleryTask(dataset=tiny.SOURCE, contestants=pair, images=1)
    [shown] = draw_gallery(task, tmp_path, device="cpu").images
    dataset = open_dataset(tiny.SOURCE)
    image, mask, true = dataset.sample("val", dataset.names("val").index(shown.name))
    assert true is not None
    assert shown.true_objects is not None
    assert shown.true_objects.count == true.max()
    assert (pixels(tmp_path / shown.true_objects.file) == draw_objects(mask, true)).all()
    assert {name: [*found] for name, found in shown.objects.items()} == {two.name: [*ways]}
    network = initial_network(tiny.NETWORK, 6, 1).eval()
    for way, picture in shown.objects[two.name].items():
        seen = [torch.from_numpy(image)]
        [found] = predict_instances(network, seen, dataset.things, ways[way])
        assert picture.count == len(found.labels)
        drawn = object_picture(found.instances, true, mask)
        assert (pixels(tmp_path / picture.file) == drawn).all()


def test_errors_near_borders_are_told_apart() -> None:
    mask = np.zeros((3, 12), dtype=np.uint8)
    mask[:, 6:] = 1
    mask[:, 11] = VOID
    assert near_borders(mask)[0].tolist() == [False] * 4 + [True] * 4 + [False] * 4
    labels = mask.copy()
    labels[:, [0, 6]] = 2
    row = error_picture(labels, mask)[0]
    assert tuple(row[0]) == WRONG
    assert tuple(row[6]) == WRONG_NEAR_BORDER
    assert tuple(row[5]) == tuple(row[9]) == RIGHT
    assert tuple(row[11]) == (255, 255, 255)


def test_it_stops_when_asked(tmp_path: Path) -> None:
    task = GalleryTask(dataset=tiny.SOURCE, contestants=contestants(tmp_path))
    with pytest.raises(Stopped):
        draw_gallery(task, tmp_path / "gallery", device="cpu", should_stop=lambda: True)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    [one, *_] = contestants(tmp_path)
    save_file({"weight": torch.zeros(1)}, one.weights)
    task = GalleryTask(dataset=tiny.SOURCE, contestants=(one,))
    with pytest.raises(StorageError, match=r"0\.safetensors cannot be used"):
        draw_gallery(task, tmp_path / "gallery", device="cpu")
