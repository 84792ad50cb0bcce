"""SEMEDA and its rivals against SciPy and plain NumPy, and what a trained edge network adds."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.signal import correlate2d
from torch import Tensor

from surrogate_zoo import load_loss
from surrogate_zoo.errors import InputError
from surrogate_zoo.loss_networks.edge import EdgeNetwork, edge_target
from surrogate_zoo.loss_networks.storage import save
from surrogate_zoo.losses.handmade.semeda import EdgeCrossEntropy, Semeda
from tests.surrogate_zoo.batches import VOID, labels
from tests.surrogate_zoo.losses.handmade.small import CLASSES, batch
from workers.loss_networks.training import train_loss_network
from workers.tasks.datasets import ShapesSource
from workers.tasks.loss_networks import EdgeNetworkSpec, LossNetworkTask

SHAPES_CLASSES = 6


def _network(classes: int = CLASSES) -> EdgeNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return EdgeNetwork(classes)


def _semeda(**parameters: Any) -> Semeda:
    loss = load_loss("semeda", num_classes=CLASSES, edge_network=_network(), **parameters)
    assert isinstance(loss, Semeda)
    return loss


def _one_hot(target: Tensor, classes: int = CLASSES) -> np.ndarray:
    hot = F.one_hot(target.masked_fill(target == VOID, 0), classes).movedim(-1, 1)
    return (hot * (target != VOID)[:, None]).double().numpy()


def _slow_embeddings(maps: np.ndarray) -> list[np.ndarray]:
    """Before the ReLUs, channel by channel with SciPy."""
    weights = {
        name: weight.detach().double().numpy() for name, weight in _network().named_parameters()
    }
    kept, features = [], maps
    for layer in range(3):
        kernels, bias = weights[f"layers.{layer}.weight"], weights[f"layers.{layer}.bias"]
        rows = [
            [sum(correlate2d(x, k, mode="same") for x, k in zip(image, row, strict=True))]
            for image in features
            for row in kernels
        ]
        before = np.array(rows).reshape(len(maps), len(kernels), *maps.shape[2:])
        before += bias[:, None, None]
        kept.append(before)
        features = np.maximum(before, 0)
    return kept


@pytest.mark.parametrize("lambdas", [(0, 1, 0), (1, 0.5, 0.25), (0, 0, 2), (1, 0, 0)])
@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("after_relu", [False, True])
def test_it_agrees_with_plain_numpy(
    lambdas: tuple[float, float, float], norm: str, after_relu: bool
) -> None:
    logits, target = batch(1)
    counted = (target != VOID).numpy()
    predicted = _slow_embeddings(logits.softmax(1).numpy() * counted[:, None])
    true = _slow_embeddings(_one_hot(target))
    expected = F.cross_entropy(logits, target, ignore_index=VOID).item()
    for layer, weight in enumerate(lambdas):
        one, two = predicted[layer], true[layer]
        if after_relu and layer < 2:
            one, two = np.maximum(one, 0), np.maximum(two, 0)
        apart = np.abs(one - two) if norm == "l1" else (one - two) ** 2
        expected += weight * apart.mean(1)[counted].mean()
    loss = _semeda(lambdas=lambdas, norm=norm, after_relu=after_relu)
    assert loss(logits, target).item() == pytest.approx(expected, rel=1e-9)


def test_sums_over_features_weigh_layers_by_their_width() -> None:
    logits, target = batch(7)
    summed = _semeda(lambdas=(1, 0.5, 0.25), over_features="sum")(logits, target)
    wide = _semeda(lambdas=(16, 0.5 * 32, 0.25 * 2))(logits, target)
    assert summed.item() == pytest.approx(wide.item(), rel=1e-12)


def test_true_edges_are_the_papers_equation_5() -> None:
    logits, target = batch(8)
    valid = target != VOID
    loss = load_loss(
        "edge-cross-entropy",
        num_classes=CLASSES,
        edge_network=_network(),
        weight=5,
        truth="edges",
    )
    found = _slow_embeddings(logits.softmax(1).numpy() * valid.numpy()[:, None])[-1]
    likely = np.exp(found) / np.exp(found).sum(1, keepdims=True)
    edges = edge_target(target, valid).numpy()
    entropy = -np.log(np.where(edges, likely[:, 1], likely[:, 0]))[valid.numpy()].mean()
    expected = F.cross_entropy(logits, target, ignore_index=VOID).item() + 5 * entropy
    assert loss(logits, target).item() == pytest.approx(expected, rel=1e-9)


def test_without_weights_it_is_cross_entropy() -> None:
    logits, target = batch(2)
    expected = F.cross_entropy(logits, target, ignore_index=VOID).item()
    assert _semeda(lambdas=(0, 0, 0))(logits, target).item() == pytest.approx(expected)


def test_the_edges_of_the_rival_are_compared_by_kullback_and_leibler() -> None:
    logits, target = batch(3)
    counted = (target != VOID).numpy()
    loss = load_loss("edge-cross-entropy", num_classes=CLASSES, edge_network=_network(), weight=3)
    predicted = _slow_embeddings(logits.softmax(1).numpy() * counted[:, None])[-1]
    true = _slow_embeddings(_one_hot(target))[-1]
    p, q = (np.exp(one) / np.exp(one).sum(1, keepdims=True) for one in (true, predicted))
    edges = (p * (np.log(p) - np.log(q))).sum(1)[counted].mean()
    expected = F.cross_entropy(logits, target, ignore_index=VOID).item() + 3 * edges
    assert loss(logits, target).item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("balanced", [False, True])
def test_the_edge_head_learns_the_edges_of_the_target(balanced: bool) -> None:
    logits, target = batch(4)
    head = torch.randn(2, 1, 9, 11, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    valid = target != VOID
    edges = edge_target(target, valid)[valid].double().numpy()
    p = head[:, 0][valid].sigmoid().numpy()
    weights = np.where(edges > 0, 1 - edges.mean(), edges.mean()) if balanced else 1.0
    entropy = -(weights * (edges * np.log(p) + (1 - edges) * np.log(1 - p))).mean()
    loss = load_loss("edge-head", num_classes=CLASSES, weight=0.5, balanced=balanced)
    expected = F.cross_entropy(logits, target, ignore_index=VOID).item() + 0.5 * entropy
    assert loss(logits, target, boundary_logits=head).item() == pytest.approx(expected, rel=1e-9)
    with pytest.raises(InputError, match="needs boundary_logits"):
        loss(logits, target)


def test_the_network_inside_never_learns() -> None:
    loss = _semeda().train()
    assert not loss.network.training
    assert not [weight for weight in loss.parameters() if weight.requires_grad]
    logits, target = batch(5)
    loss(logits.requires_grad_(), target).backward()
    assert all(weight.grad is None for weight in loss.parameters())
    assert {name for name, _ in loss.named_parameters()} >= {"network.layers.0.weight"}
    assert {weight.dtype for weight in loss.to(torch.float64).parameters()} == {torch.float64}


def test_bad_parameters_are_refused_by_name() -> None:
    for wrong in ((1, 2), (0, -1, 0)):
        with pytest.raises(InputError, match="lambdas must be 3 numbers of at least 0"):
            _semeda(lambdas=wrong)
    with pytest.raises(InputError, match="norm must be l1 or l2, not 'l3'"):
        _semeda(norm="l3")
    for name in ("edge-cross-entropy", "edge-head"):
        network: dict[str, Any] = (
            {"edge_network": _network()} if name == "edge-cross-entropy" else {}
        )
        with pytest.raises(InputError, match="weight must be a number of at least 0, not -1"):
            load_loss(name, num_classes=CLASSES, weight=-1, **network)


@pytest.mark.parametrize("name", ["semeda", "edge-cross-entropy"])
def test_a_missing_or_other_network_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lossfit loss-networks train"):
        load_loss(name, num_classes=CLASSES)
    with pytest.raises(InputError, match="made for num_classes = 5, not 6"):
        load_loss(name, num_classes=6, edge_network=_network())
    path = tmp_path / "edge.safetensors"
    save(_network(), path, kind="edge_network", parameters={"num_classes": 5}, provenance={})
    logits, target = batch(6)
    stored = load_loss(name, num_classes=CLASSES, facts={"edge_network": str(path)})
    from_network = load_loss(name, num_classes=CLASSES, edge_network=_network())
    assert stored(logits, target).item() == from_network(logits, target).item()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of an edge network that was trained on generated masks for a few seconds."""
    folder = tmp_path_factory.mktemp("edge")
    spec = EdgeNetworkSpec(iterations=150)
    task = LossNetworkTask(dataset=ShapesSource(), network=spec)
    return folder / train_loss_network(task, folder, device="cpu").file


def _terms(
    loss: Semeda | EdgeCrossEntropy, predicted: Tensor, target: Tensor
) -> tuple[float, float]:
    """Cross entropy, and what the edge network adds, where a prediction is sure of itself (0.97)."""
    logits = 5 * F.one_hot(predicted, SHAPES_CLASSES).movedim(-1, 1).float()
    entropy = F.cross_entropy(logits, target).item()
    return entropy, loss(logits, target).item() - entropy


def _square() -> Tensor:
    target = torch.zeros(1, 48, 48, dtype=torch.int64)
    target[:, 12:36, 12:36] = 2
    return target


@pytest.fixture(params=["semeda", "edge-cross-entropy"])
def loss(request: pytest.FixtureRequest, trained: Path) -> Semeda | EdgeCrossEntropy:
    built = load_loss(request.param, num_classes=SHAPES_CLASSES, edge_network=trained)
    assert isinstance(built, Semeda | EdgeCrossEntropy)
    return built


def test_holes_cost_more_than_a_nibbled_corner_of_the_same_cross_entropy(
    loss: Semeda | EdgeCrossEntropy,
) -> None:
    target = _square()
    corner, holes = target.clone(), target.clone()
    corner[:, 12:15, 12:15] = 0
    holes[:, 16:33:8, 16:33:8] = 0
    _, least = _terms(loss, target, target)
    corner_entropy, corner_edges = _terms(loss, corner, target)
    holes_entropy, holes_edges = _terms(loss, holes, target)
    assert holes_entropy == pytest.approx(corner_entropy, rel=1e-5)
    assert holes_edges - least > 2 * (corner_edges - least)


def test_a_shift_by_one_pixel_that_cross_entropy_hardly_sees_is_seen_in_the_edges(
    trained: Path,
) -> None:
    loss = load_loss("edge-cross-entropy", num_classes=SHAPES_CLASSES, edge_network=trained)
    assert isinstance(loss, EdgeCrossEntropy)
    target = _square()
    entropies, added = zip(
        *(_terms(loss, target.roll(shift, 2), target) for shift in (0, 1)), strict=True
    )
    assert added[1] > 50 * added[0]
    assert entropies[1] < 5 * entropies[0]


def test_it_grows_with_the_shift_of_a_boundary(loss: Semeda | EdgeCrossEntropy) -> None:
    target = _square()
    # By two pixels the edges, two pixels wide, no longer meet.
    added = [_terms(loss, target.roll(shift, 2), target)[1] for shift in range(3)]
    assert all(more > less for less, more in pairwise(added))


def test_only_equal_masks_are_no_distance_apart(loss: Semeda | EdgeCrossEntropy) -> None:
    target = labels(3, classes=SHAPES_CLASSES, size=(1, 16, 16), void=0)
    exact = 1e4 * F.one_hot(target, SHAPES_CLASSES).movedim(-1, 1).float()
    assert loss(exact, target).item() == 0
    for row, column in ((0, 0), (7, 9), (15, 15)):
        other = target.clone()
        other[:, row, column] = (other[:, row, column] + 1) % SHAPES_CLASSES
        assert _terms(loss, other, target)[1] > _terms(loss, target, target)[1]
