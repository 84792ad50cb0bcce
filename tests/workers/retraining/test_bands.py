"""Many bands and 16 bits from a folder to a retraining, its file, and what predicts with it."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from safetensors import safe_open

from surrogate_zoo import LOSSES
from tests.workers import tiny
from tests.workers.datasets.folders import save
from workers.datasets.image_files import read_image
from workers.datasets.layouts.registry import open_dataset
from workers.datasets.reports.report import describe
from workers.learning.crops import jitter
from workers.learning.image_formats import images_of
from workers.networks.encoders import PACKAGED
from workers.networks.image_format import format_of
from workers.networks.trained import load_network
from workers.proxy.proxy import evaluate_pack
from workers.retraining.retraining import retrain
from workers.scoring.inference import predict
from workers.tasks.datasets import FolderSource
from workers.tasks.file_sources import Registered
from workers.tasks.images import ImageFormat
from workers.tasks.networks import NetworkSpec
from workers.tasks.proxy import Candidate

SIDE = 32
KINDS = {"many bands": (np.float32, 6), "four bands": (np.uint8, 4), "16 bits": (np.uint16, 2)}


def written(root: Path, dtype: type, bands: int, count: int = 16) -> FolderSource:
    """Squares on noise; only the last band shows them."""
    for index in range(count):
        random = np.random.default_rng(index)
        mask = np.zeros((SIDE, SIDE), dtype=np.uint8)
        top, left = random.integers(2, SIDE - 16, 2)
        mask[top : top + 14, left : left + 14] = 1
        scale = 1.0 if dtype == np.float32 else float(np.iinfo(dtype).max)
        pixels = random.uniform(0.2, 0.4, (SIDE, SIDE, bands))
        pixels[..., -1] += 0.5 * mask
        stored: np.ndarray = (scale * pixels).astype(dtype)
        path = root / f"images/{index:02d}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(path, stored, photometric="minisblack", planarconfig="contig")
        save(root / f"masks/{index:02d}.png", mask)
    return FolderSource(root=str(root), classes=("ground", "square"), bands=bands)


@pytest.mark.parametrize(
    "kind",
    [
        "16 bits",
        *(pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS if kind != "16 bits"),
    ],
)
def test_from_a_folder_to_a_prediction_with_a_pretrained_encoder(kind: str, tmp_path: Path) -> None:
    dtype, bands = KINDS[kind]
    source = written(tmp_path / "data", dtype, bands)
    network = NetworkSpec(architecture="FPN", encoder=PACKAGED, weights="packaged")
    training = {"iterations": 60, "learning_rate": 0.05, "batch_size": 8}
    task = tiny.retraining_task(dataset=source, network=network, training=training)
    result = retrain(task, tmp_path / "out", device="cpu")
    assert result.metrics["miou"] > 0.6
    found = describe(source).bands
    assert found is not None
    trained, classes = load_network(tmp_path / "out/weights.safetensors")
    assert classes == ("ground", "square")
    taken = format_of(trained)
    assert (taken.bands, taken.depth) == (bands, np.dtype(dtype).name)
    np.testing.assert_allclose(taken.mean, found.mean, rtol=1e-6)
    np.testing.assert_allclose(taken.deviation, found.deviation, rtol=1e-6)
    pixels = read_image(tmp_path / "data/images/03.tif", bands).pixels
    labels = predict(trained, torch.from_numpy(pixels)[None])[0].numpy()
    mask = np.asarray(Image.open(tmp_path / "data/masks/03.png"))
    assert (labels == mask).mean() > 0.8
    with Image.open(tmp_path / "out/predictions.png") as picture:
        assert picture.mode == "RGB"


def test_files_of_rgb_networks_say_nothing_of_images(tmp_path: Path) -> None:
    retrain(tiny.retraining_task(), tmp_path, device="cpu")
    with safe_open(tmp_path / "weights.safetensors", "pt") as file:
        facts = json.loads(file.metadata()["lossfit"])
    assert "images" not in facts
    assert format_of(load_network(tmp_path / "weights.safetensors")[0]) == ImageFormat()


@pytest.mark.parametrize("proxy_size", [None, 16])
def test_a_search_scores_candidates_on_bands(tmp_path: Path, proxy_size: int | None) -> None:
    source = written(tmp_path, np.uint16, 5, 24)
    task = tiny.proxy_task(dataset=source, proxy_size=proxy_size, training={"crop": (16, 16)})
    [outcome] = evaluate_pack(task, [Candidate(0, LOSSES["dice"].document())], device="cpu")
    assert outcome.error is None
    assert outcome.score is not None


def test_what_registering_found_counts(tmp_path: Path) -> None:
    source = written(tmp_path, np.float32, 2)
    training = open_dataset(source).read("train")
    measured = images_of(source, training)
    told = Registered(depth="float32", mean=(0.0, 1.0), deviation=(2.0, 3.0))
    known = images_of(source.model_copy(update={"registered": told}), training)
    assert (known.mean, known.deviation) == ((0.0, 1.0), (2.0, 3.0))
    assert measured.mean != known.mean


@pytest.mark.parametrize("bands", [1, 4])
def test_colour_jitter_of_bands_keeps_no_range(bands: int) -> None:
    images = ImageFormat(
        bands=bands, depth="float32", mean=(0.0,) * bands, deviation=(1.0,) * bands
    )
    pixels = torch.randn(3, 4, 4, bands, generator=torch.Generator().manual_seed(0)) * 1000
    same = torch.full((3, 3), 0.5)
    torch.testing.assert_close(jitter(pixels, 0.25, same, images), pixels, rtol=1e-4, atol=1e-2)
    brighter = jitter(pixels, 0.25, torch.tensor([[1.0, 0.5, 0.5]] * 3), images)
    torch.testing.assert_close(brighter, 1.25 * pixels, rtol=1e-4, atol=1e-2)
