"""The training of edge networks: what it sees, and what it reaches on masks it has not seen."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from surrogate_zoo.loss_networks.edge import EdgeNetwork, edge_target
from surrogate_zoo.loss_networks.storage import load
from workers.datasets.dataset import VOID
from workers.datasets.layouts.registry import open_dataset
from workers.loss_networks.edge import crops, noisy_probabilities, one_hot, renamed, with_specks
from workers.loss_networks.training import train_loss_network
from workers.tasks.datasets import SegNetSource, ShapesSource
from workers.tasks.loss_networks import EdgeNetworkSpec, LossNetworkTask


def _train(task: LossNetworkTask, folder: Path) -> dict[str, float]:
    measures = train_loss_network(task, folder, device="cpu").measures
    assert measures.keys() == {"f1", "f1_noisy"}
    return measures


@pytest.mark.slow  # 11 s of training
def test_edges_of_unseen_shapes_are_found(tmp_path: Path) -> None:
    task = LossNetworkTask(dataset=ShapesSource(), network=EdgeNetworkSpec(iterations=600))
    measures = _train(task, tmp_path)
    assert measures["f1"] >= 0.98
    assert measures["f1_noisy"] >= 0.98
    # A hole of one pixel, of any class in any other, is found.
    assert _found_holes(tmp_path, 6) >= 0.95
    # Measured once more, by hand, on images of another split.
    network = load("edge_network", tmp_path / "edge_network.safetensors", num_classes=6)
    assert isinstance(network, EdgeNetwork)
    masks = torch.from_numpy(np.stack(open_dataset(ShapesSource()).read("val").masks)).long()
    valid = masks != VOID
    found = (network(one_hot(masks, 6))[:, 1] > 0.5) & valid
    edges = edge_target(masks, valid)
    hits = int((found & edges).sum())
    assert 2 * hits / int(found.sum() + edges.sum()) >= 0.98


@pytest.mark.slow
def test_edges_of_unseen_street_scenes_are_found(tmp_path: Path, real_datasets: Path) -> None:
    source = SegNetSource(
        root=str(real_datasets / "camvid"),
        classes=tuple(f"class-{label}" for label in range(11)),
        void_labels=(11,),
        size=(120, 160),
    )
    task = LossNetworkTask(dataset=source, network=EdgeNetworkSpec(iterations=1000))
    measures = _train(task, tmp_path)
    assert measures["f1"] >= 0.98
    assert measures["f1_noisy"] >= 0.98
    assert _found_holes(tmp_path, 11) >= 0.95


def _found_holes(folder: Path, classes: int) -> float:
    """Share of the edges that are found around holes of one pixel, one for each pair of classes."""
    network = load("edge_network", folder / "edge_network.safetensors", num_classes=classes)
    pairs = torch.tensor([(a, b) for a in range(classes) for b in range(classes) if a != b])
    masks = pairs[:, :1, None].repeat(1, 16, 16)
    masks[:, 8, 8] = pairs[:, 1]
    edges = network(one_hot(masks, classes))[:, 1, 7:10, 7:10] > 0.5
    return float(edges.float().mean())


def _spec(**changes: Any) -> EdgeNetworkSpec:
    return EdgeNetworkSpec(**{"batch_size": 6, "crop": (16, 24), **changes})


def test_crops_are_pieces_of_the_masks_padded_with_void() -> None:
    random = np.random.default_rng(0)
    masks = [random.integers(0, 200, size, dtype=np.uint8) for size in ((40, 50), (9, 60), (70, 8))]
    batch = crops(masks, _spec(batch_size=30), np.random.default_rng(1)).numpy()
    assert batch.shape == (30, 16, 24)
    sizes = set()
    for crop in batch:
        rows, columns = (crop != VOID).any(1).sum(), (crop != VOID).any(0).sum()
        sizes.add((int(rows), int(columns)))
        piece = crop[:rows, :columns]
        assert (crop != VOID).sum() == rows * columns
        windows = (
            np.lib.stride_tricks.sliding_window_view(mask, piece.shape)
            for mask in masks
            if mask.shape >= piece.shape and mask.shape[1] >= piece.shape[1]
        )
        assert any((window == piece).all((2, 3)).any() for window in windows)
    assert sizes == {(16, 24), (9, 24), (16, 8)}
    assert np.array_equal(
        batch, crops(masks, _spec(batch_size=30), np.random.default_rng(1)).numpy()
    )


def test_without_a_confidence_it_is_the_papers_noise() -> None:
    labels = torch.randint(0, 5, (40, 16, 24))
    labels[:, :3] = VOID
    torch.manual_seed(0)
    quiet = noisy_probabilities(labels, 5, _spec(noise=0, confidence=None))
    assert (quiet[:, :, :3] == 0).all()
    true = quiet.gather(1, labels.masked_fill(labels == VOID, 0)[:, None])[:, 0, 3:]
    np.testing.assert_allclose(true, math.e / (math.e + 4), rtol=1e-6)
    loud = noisy_probabilities(labels, 5, _spec(noise=0.3, confidence=None))[:, :, 3:].log()
    hot = one_hot(labels, 5)[:, :, 3:]
    noise = loud - hot
    away = noise - noise.mean(1, keepdim=True)  # what the softmax leaves of it
    assert float(away.std()) == pytest.approx(0.3 * (4 / 5) ** 0.5, rel=0.02)


def test_noisy_probabilities_are_as_sure_as_the_spec_says() -> None:
    labels = torch.randint(0, 5, (200, 16, 24))
    labels[:, :3] = VOID
    true = labels.masked_fill(labels == VOID, 0)[:, None]
    torch.manual_seed(0)
    quiet = noisy_probabilities(labels, 5, _spec(noise=0, confidence=0.7))
    assert (quiet[:, :, :3] == 0).all()
    np.testing.assert_allclose(quiet[:, :, 3:].sum(1), 1, rtol=1e-5)
    sure = quiet.gather(1, true)[:, 0, 3:]
    assert 0.7 - 1e-6 <= sure.min() < 0.72
    assert 0.999 < sure.max() <= 0.9999 + 1e-6
    # The others share the rest evenly without noise, and unevenly with it.
    torch.testing.assert_close(quiet.amin(1)[:, 3:], (1 - sure) / 4, rtol=1e-3, atol=1e-6)
    loud = noisy_probabilities(labels, 5, _spec(noise=0.15, confidence=0.7))
    others = loud.scatter(1, true, 0)[:, :, 3:]
    assert (others.amax(1) > 1.5 * (1 - loud.gather(1, true)[:, 0, 3:]) / 4).float().mean() > 0.5
    assert (loud.argmax(1) == labels)[:, 3:].float().mean() > 0.99


def test_classes_trade_places_mask_by_mask() -> None:
    labels = torch.arange(6).repeat(300, 2, 1)
    labels[:, 1, 4:] = VOID
    changed = renamed(labels, 6, np.random.default_rng(0))
    assert torch.equal(changed == VOID, labels == VOID)
    assert torch.equal(changed[:, 1, :4], changed[:, 0, :4])
    assert torch.equal(changed[:, 0].sort(1).values, labels[:, 0])
    # Every class becomes every other, about as often.
    counts = torch.stack([(changed[:, 0] == label).sum(0) for label in range(6)])
    assert 25 < counts.min() <= counts.max() < 75


def test_specks_are_a_share_of_the_valid_pixels() -> None:
    labels = torch.full((400, 20, 20), 3)
    labels[:, :5] = VOID
    changed = with_specks(labels, 5, 0.2, np.random.default_rng(0))
    assert (changed[:, :5] == VOID).all()
    # A fifth of the random labels are the old ones.
    shares = (changed != labels)[:, 5:].float().mean((1, 2)) / 0.8
    assert shares.min() < 0.02
    assert 0.18 < shares.max() < 0.27
    assert shares.mean() == pytest.approx(0.1, abs=0.01)
    assert set(changed[:, 5:].flatten().tolist()) == set(range(5))
    assert torch.equal(with_specks(labels, 5, 0, np.random.default_rng(0)), labels)


def test_one_hot_masks_are_0_at_void() -> None:
    labels = torch.tensor([[[0, 2, VOID]]])
    assert one_hot(labels, 3)[0, :, 0].T.tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]


def test_an_even_kernel_is_refused() -> None:
    with pytest.raises(ValidationError, match="kernel must be odd"):
        EdgeNetworkSpec(kernel=4)
