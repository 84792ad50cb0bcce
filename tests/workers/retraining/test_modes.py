"""One channel, and channels that overlap: from a dataset to candidates, a retraining, and what predicts."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from surrogate_zoo import LOSSES
from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.drafts import draft_of, in_mode
from tests.workers import tiny
from workers.datasets.layouts.registry import open_dataset
from workers.instances.prediction import predict_instances
from workers.learning.batches import Batches
from workers.learning.image_formats import images_of
from workers.learning.image_stack import stack_by_size
from workers.loss_networks.training import train_loss_network
from workers.networks.trained import load_network
from workers.proxy.proxy import evaluate_pack
from workers.retraining.retraining import retrain
from workers.scoring.gallery import draw_gallery
from workers.scoring.inference import predict
from workers.tasks.datasets import ShapesSource
from workers.tasks.gallery import Contestant, GalleryTask
from workers.tasks.instances import ClusteringSpec
from workers.tasks.loss_networks import EdgeNetworkSpec, LossNetworkTask
from workers.tasks.proxy import Candidate, RejectionSpec
from workers.tasks.scoring import InferenceSpec

CHANNELS = {"binary": 1, "multilabel": 5}
MODES = tuple(CHANNELS)
KINDS = (
    "cross-entropy",
    "lovasz",
    "inverse-frequency-cross-entropy",
    "boundary",
    "naive-bf1",
    "asl-miou-voc",
)


def source(mode: str) -> ShapesSource:
    return ShapesSource.model_validate({**tiny.SOURCE.model_dump(), "mode": mode})


@pytest.mark.parametrize("mode", MODES)
def test_candidates_of_every_kind_are_trained_and_scored(mode: str) -> None:
    """Losses with counts of classes, with distance maps, surrogates, and scales that are measured."""
    task = tiny.proxy_task(
        dataset=source(mode), metric="miou", rejection=RejectionSpec(share=0.01), proxy_size=32
    )
    losses = [draft_of(LOSSES[name].document()) for name in KINDS]
    outcomes = evaluate_pack(
        task, [Candidate(n, loss) for n, loss in enumerate(losses)], device="cpu"
    )
    for name, outcome in zip(KINDS, outcomes, strict=True):
        refused = mode == "multilabel" and name == "inverse-frequency-cross-entropy"
        if refused:
            assert "takes no multi-labels" in str(outcome.error)
        else:
            assert outcome.rejected or outcome.error is None, (name, outcome.error)
            assert outcome.rejected or len(outcome.scales) == 1
    assert outcomes[0].score is not None
    assert {"miou", "bf1", "mba"} <= outcomes[0].metrics.keys()


@pytest.mark.parametrize("mode", MODES)
def test_a_retraining_is_scored_saved_and_predicts_in_its_mode(mode: str, tmp_path: Path) -> None:
    task = tiny.retraining_task(
        "dice", dataset=source(mode), rankseg=True, training={"iterations": 6}
    )
    result = retrain(task, tmp_path, device="cpu")
    network, classes = load_network(tmp_path / "weights.safetensors")
    dataset = open_dataset(task.dataset)
    assert classes == dataset.classes
    val = dataset.read("val")
    images = torch.from_numpy(np.stack(val.images))
    logits = network(torch.zeros(1, 3, 32, 32))
    assert logits.shape == (1, CHANNELS[mode], 32, 32)
    found, true = predict(network, images).numpy(), np.stack(val.masks)
    true = np.moveaxis(true, -1, 1) if mode == "multilabel" else true
    assert found.shape == true.shape
    report = json.loads((tmp_path / "metrics.json").read_text())
    assert list(report["class_iou"]) == list(classes)
    for label, name in enumerate(classes):
        own = (found[:, label], true[:, label]) if mode == "multilabel" else (found, true)
        wanted, known = (1 if mode == "multilabel" else label), own[1] != 255
        on = [(each == wanted) & known for each in own]
        iou = (on[0] & on[1]).sum() / (on[0] | on[1]).sum()
        assert report["class_iou"][name] == pytest.approx(iou)
    assert result.metrics["miou"] == pytest.approx(np.mean(list(report["class_iou"].values())))
    assert set(report["rankseg"]) == set(report["metrics"])
    averaged = predict(network, images, InferenceSpec(flip=True, scales=(0.5, 1.0)))
    assert averaged.shape == found.shape
    assert set(averaged.flatten().tolist()) <= {0, 1}
    with Image.open(tmp_path / "predictions.png") as picture:
        assert picture.width > 0


def test_objects_are_made_of_one_channel_and_of_no_multilabel(tmp_path: Path) -> None:
    clustering = ClusteringSpec(method="components", min_pixels=3)
    scoring = tiny.SCORING.model_copy(update={"clustering": clustering})
    task = tiny.retraining_task(dataset=source("binary"), scoring=scoring)
    result = retrain(task, tmp_path / "binary", device="cpu")
    assert "sbd" in result.metrics
    network, _ = load_network(tmp_path / "binary/weights.safetensors")
    image = torch.from_numpy(open_dataset(task.dataset).sample("val", 0).image)
    [objects] = predict_instances(network, [image], [1], clustering)
    assert set(objects.labels.tolist()) <= {1}
    retrain(tiny.retraining_task(dataset=source("multilabel")), tmp_path / "several", device="cpu")
    several, _ = load_network(tmp_path / "several/weights.safetensors")
    with pytest.raises(InputError, match="one class a pixel"):
        predict_instances(several, [image], [1], clustering)


def test_a_loss_of_multilabels_does_not_fit_to_one_class_a_pixel(tmp_path: Path) -> None:
    loss = in_mode(LOSSES["dice"].document(), "multilabel")
    for mode, told in (("multiclass", "is of multi-labels"), ("binary", "is of multi-labels")):
        task = tiny.retraining_task(dataset=source(mode)).model_copy(update={"loss": loss})
        with pytest.raises(InputError, match=told):
            retrain(task, tmp_path / mode, device="cpu")


def test_a_batch_of_channels_is_the_batches_of_each(tmp_path: Path) -> None:
    """Cropped, scaled and mirrored alike, and void beyond the image."""
    task = tiny.retraining_task(dataset=source("multilabel"), training={"crop": (40, 40)})
    samples = open_dataset(task.dataset).read("train")
    images = images_of(task.dataset, samples)
    chosen = range(len(samples))
    cpu = torch.device("cpu")
    whole = stack_by_size(
        samples, cpu, chosen, maps=("signed_distances",), num_classes=5, images=images
    )
    batch = Batches(whole, task.training, 3)(0)
    for label in range(5):
        masks = tuple(mask[..., label] for mask in samples.masks)
        alone = stack_by_size(
            samples.__class__(samples.names, samples.images, masks),
            cpu,
            chosen,
            maps=("signed_distances",),
            num_classes=1,
        )
        own = Batches(alone, task.training, 3)(0)
        assert batch.masks[:, label].equal(own.masks)
        maps = batch.maps["signed_distances"][:, 2 * label : 2 * label + 2]
        assert maps.equal(own.maps["signed_distances"])
    assert (batch.masks == 255).any()
    assert tmp_path.exists()


@pytest.mark.parametrize("mode", MODES)
def test_a_gallery_shows_what_is_on_and_wrong(mode: str, tmp_path: Path) -> None:
    tasks = [tiny.retraining_task(name, dataset=source(mode)) for name in ("cross-entropy", "dice")]
    contestants = []
    for number, task in enumerate(tasks):
        retrain(task, tmp_path / str(number), device="cpu")
        weights = str(tmp_path / str(number) / "weights.safetensors")
        contestants.append(Contestant(name=str(number), network=task.network, weights=weights))
    gallery = GalleryTask(dataset=source(mode), contestants=tuple(contestants), images=1)
    result = draw_gallery(gallery, tmp_path / "gallery", device="cpu")
    assert list(result.colours) == list(open_dataset(source(mode)).classes)
    [image] = result.images
    truth = np.asarray(Image.open(tmp_path / "gallery" / image.truth))
    assert truth.shape == (32, 32, 3)
    assert 0 <= image.disagreement <= 1


@pytest.mark.parametrize("loss", ["semeda", "cross-entropy-discriminative"])
def test_losses_of_two_classes_take_one_channel(loss: str, tmp_path: Path) -> None:
    """An edge network of the two classes, and embeddings of the objects of the one."""
    networks = {}
    if loss == "semeda":
        spec = EdgeNetworkSpec(iterations=2)
        asked = LossNetworkTask(dataset=source("binary"), network=spec)
        trained = train_loss_network(asked, tmp_path / "edges", device="cpu")
        networks = {"edge_network": str(tmp_path / "edges" / trained.file)}
    network = tiny.NETWORK.model_copy(update={"embedding": 4})
    task = tiny.retraining_task(
        loss, dataset=source("binary"), network=network, loss_networks=networks
    )
    result = retrain(task, tmp_path / "run", device="cpu")
    assert 0 <= result.metrics["miou"] <= 1
