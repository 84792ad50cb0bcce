"""The trained inverse transformation network, and the loss that it makes: minimum, growth, descent."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kornia.geometry.transform import translate
from torch import Tensor

from benchmarks.inverse_network import NOISES, shifted
from surrogate_zoo import load_loss
from surrogate_zoo.loss_networks.inverse import InverseNetwork
from surrogate_zoo.loss_networks.storage import load
from surrogate_zoo.losses.handmade.homography_distances import DISTANCES
from surrogate_zoo.losses.handmade.inverse_form import InverseForm, boundary_target
from workers.datasets.layouts.registry import open_dataset
from workers.loss_networks.boundary_tiles import BoundaryTiles
from workers.loss_networks.inverse import error_ratio, learning_rate
from workers.loss_networks.training import train_loss_network
from workers.tasks.base import Stopped
from workers.tasks.datasets import ShapesSource
from workers.tasks.loss_networks import InverseNetworkSpec, LossNetworkTask

SOURCE = ShapesSource(train=120, val=24, test=1)
CPU = torch.device("cpu")
SPEC = InverseNetworkSpec(side=16, tiles=(1, 1), iterations=250, batch_size=128, learning_rate=2e-3)


def _task(**changes: Any) -> LossNetworkTask:
    return LossNetworkTask(dataset=SOURCE, network=SPEC.model_copy(update=changes))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> InverseNetwork:
    folder = tmp_path_factory.mktemp("inverse")
    result = train_loss_network(_task(), folder, device="cpu")
    assert result.measures["error_ratio"] < 0.85
    assert result.measures["error_ratio_soft"] < 0.85
    network = load("inverse_network", folder / result.file)
    assert isinstance(network, InverseNetwork)
    return network


def _val_tiles(**changes: Any) -> BoundaryTiles:
    return BoundaryTiles(
        open_dataset(SOURCE).read("val").masks, SPEC.model_copy(update=changes), CPU
    )


def test_warps_of_unseen_masks_are_recovered_better_than_by_the_identity(
    trained: InverseNetwork,
) -> None:
    assert error_ratio(trained, _val_tiles(), 1) < 0.85
    assert error_ratio(trained, _val_tiles(), 1, soft=True) < 0.85
    untrained = InverseNetwork(side=16)
    assert error_ratio(untrained, _val_tiles(), 1) > 0.95


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize(("motion", "largest"), [("shift", 0.2), ("scale", 0.2), ("rotation", 15)])
def test_the_distance_is_zero_at_the_identity_and_grows_with_the_motion(
    trained: InverseNetwork, distance: str, motion: str, largest: float
) -> None:
    still = {"shift": 0, "scale": 0, "rotation": 0, "perspective": 0}
    means = []
    for share in (0, 0.25, 0.5, 1.0):
        # The same windows and directions at every step.
        tiles = _val_tiles(**still | {motion: share * largest})
        pairs = tiles.draw(400, np.random.default_rng(0), soft=False)
        means.append(float(DISTANCES[distance](trained(pairs.moved, pairs.fixed)).mean()))
    assert means[0] == 0
    assert (np.diff(means) > 0).all(), means


def test_descent_on_the_loss_moves_a_shifted_boundary_back(trained: InverseNetwork) -> None:
    masks = open_dataset(SOURCE).read("val").masks[:16]
    target = torch.from_numpy(np.stack(masks).astype(np.int64))
    loss = load_loss(
        "inverse-form",
        num_classes=6,
        inverse_network=trained,
        beta=0.0,
        gamma=1.0,
        tiles=(1, 1),
    )
    true = boundary_target(target, target != 255).float()
    generator = torch.Generator().manual_seed(0)
    shift = 8 * (2 * torch.rand(len(masks), 2, generator=generator) - 1)  # pixels of 64
    first = shift.norm(dim=1).median()
    shift.requires_grad_()
    optimiser = torch.optim.Adam([shift], lr=0.3)
    for _ in range(40):
        moved = translate(true, shift).clamp(1e-3, 1 - 1e-3)
        scores = torch.zeros(len(masks), 6, 64, 64)
        value = loss(scores, target, boundary_logits=moved.logit())
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
    # A few that start far away, along a line, are lost; most come back within a pixel.
    assert shift.detach().norm(dim=1).median() < 0.25 * first


def test_a_wide_crop_shows_a_shift_and_a_right_boundary_hardly_pulls(
    trained: InverseNetwork,
) -> None:
    masks = open_dataset(SOURCE).read("val").masks
    mosaic = np.block(
        [[masks[(7 * row + column) % 24] for column in range(16)] for row in range(8)]
    )
    assert mosaic.shape == (512, 1024)
    loss = load_loss("inverse-form", num_classes=6, inverse_network=trained, tiles=(6, 12))
    assert isinstance(loss, InverseForm)
    for noise in NOISES:
        still, *moved = shifted(loss, [mosaic], noise)
        # What a boundary of 96 x 128 pixels that is off by as much moved the loss by in 2 x 2 tiles.
        for shift, least in zip(moved, (0.126, 0.287, 0.627, 1.029), strict=True):
            assert shift.value - still.value > least
        assert still.ratio < 40
    coarse = load_loss("inverse-form", num_classes=6, inverse_network=trained, tiles=(2, 2))
    assert isinstance(coarse, InverseForm)
    assert shifted(coarse, [mosaic], noise=0.0)[-1].value < 0.1 * moved[-1].value


def test_noise_of_the_moved_map_follows_from_the_generator() -> None:
    quiet, loud = _val_tiles(), _val_tiles(noise=0.5)
    still, first, again = (
        tiles.draw(8, np.random.default_rng(3)).moved for tiles in (quiet, loud, loud)
    )
    assert torch.equal(first, again)
    noise = (first - still).flatten(1).std(1)
    assert (noise > 0).all()
    assert (noise < 0.6).all()
    crisp = loud.draw(8, np.random.default_rng(3), soft=False).moved
    assert torch.equal(crisp, quiet.draw(8, np.random.default_rng(3), soft=False).moved)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    seen: list[int] = []
    written: list[bytes] = []
    for number, seed in enumerate((0, 0, 1)):
        torch.manual_seed(number)  # what ran before must not matter
        task = _task(iterations=3).model_copy(update={"seed": seed})
        result = train_loss_network(
            task,
            tmp_path / str(number),
            device="cpu",
            on_progress=lambda steps, _: seen.append(steps),
        )
        written.append((tmp_path / str(number) / result.file).read_bytes())
    assert seen == [3] * 3
    assert written[0] == written[1] != written[2]


@pytest.mark.parametrize("architecture", ["fully-connected", "convolutional"])
@pytest.mark.parametrize("outputs", ["homography", "affine", "shift-scale"])
def test_every_kind_of_network_is_trained_and_stored(
    tmp_path: Path, architecture: str, outputs: str
) -> None:
    task = _task(iterations=2, batch_size=8, architecture=architecture, outputs=outputs)
    result = train_loss_network(task, tmp_path, device="cpu")
    network = load("inverse_network", tmp_path / result.file)
    expected = {"architecture": architecture, "outputs": outputs, "side": 16, "tiles": [1, 1]}
    assert result.parameters == expected
    maps: Tensor = torch.rand(2, 1, 16, 16)
    assert network(maps, maps).shape == (2, 3, 3)


@pytest.mark.slow  # 11 s of training
def test_the_geodesic_distance_trains_a_network_too(tmp_path: Path) -> None:
    shared = {"iterations": 300, "architecture": "convolutional", "batch_size": 64}
    ratios = {}
    for distance in ("euclidean", "geodesic"):
        task = _task(**shared, distance=distance)
        result = train_loss_network(task, tmp_path / distance, device="cpu")
        ratios[distance] = result.measures["error_ratio"]
    assert ratios["euclidean"] != ratios["geodesic"]
    assert max(ratios.values()) < 0.95, ratios


def test_a_training_can_be_stopped(tmp_path: Path) -> None:
    asked: list[int] = []

    def should_stop() -> bool:
        asked.append(1)
        return len(asked) == 3

    with pytest.raises(Stopped, match="after 3 iterations"):
        train_loss_network(_task(batch_size=8), tmp_path, device="cpu", should_stop=should_stop)
    assert not list(tmp_path.iterdir())


def test_the_learning_rate_warms_up_and_falls_to_nothing() -> None:
    rates = [learning_rate(SPEC, step) for step in range(SPEC.iterations)]
    peak = int(np.argmax(rates))
    assert rates[0] < 0.03 * SPEC.learning_rate
    assert 40 < peak < 60
    assert rates[peak] > 0.9 * SPEC.learning_rate
    assert rates[-1] < 1e-3 * SPEC.learning_rate
