"""The tables about inverse networks: a network that was trained, and distances at growing motion."""

import argparse

from benchmarks.inverse_network import (
    MOTIONS,
    NOISES,
    SHARES,
    SHIFTS,
    growth,
    measured,
    source_of,
    steepness,
)
from surrogate_zoo.loss_networks.inverse import InverseNetwork
from surrogate_zoo.losses.handmade.homography_distances import DISTANCES
from tests.workers.tiny import SOURCE
from workers.datasets.layouts.registry import open_dataset
from workers.tasks.datasets import SegNetSource, ShapesSource
from workers.tasks.loss_networks import InverseNetworkSpec, LossNetworkTask

SPEC = InverseNetworkSpec(side=16, iterations=3)
TASK = LossNetworkTask(dataset=SOURCE, network=SPEC)


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_the_source_is_the_generated_one_or_a_folder_with_numbered_classes() -> None:
    assert source_of(argparse.Namespace(generated="shapes")) == ShapesSource()
    folder = argparse.Namespace(generated=None, root="/data", classes=2, void=[11], size=[48, 64])
    assert source_of(folder) == SegNetSource(
        root="/data", classes=("class 0", "class 1"), void_labels=(11,), size=(48, 64)
    )


def test_a_row_tells_the_network_that_was_trained() -> None:
    network, row = measured(TASK, "cpu")
    title, side, steps, ratio, softened, _, weights = cells(row)
    assert (title, side, steps) == (SPEC.architecture, "16", "3")
    assert float(ratio) > 0
    assert float(softened) > 0
    assert int(weights.replace(",", "")) == sum(w.numel() for w in network.parameters())


def test_a_shifted_boundary_is_told_with_its_gradient_with_and_without_noise() -> None:
    masks = open_dataset(SOURCE).read("train").masks[:2]
    head, _, *rows = steepness({"small": InverseNetwork(side=16)}, masks)
    assert cells(head)[4:] == [
        *(f"{s} px" for s in SHIFTS),
        "gradient: 0 px",
        "1 px",
        "2 px",
        "4 px",
        "8 px",
    ]
    assert [cells(row)[:4] for row in rows] == [
        ["small", "2x2", "0.03", f"{noise:g}"] for noise in NOISES
    ]
    still, *moved = map(float, cells(rows[0])[4:9])
    assert still < 1e-3 < min(moved)
    _, _, *rows = steepness({"small": InverseNetwork(side=16)}, masks, [(1, 2), None], [0.0])
    assert [cells(row)[1:3] for row in rows] == [["1x2", "0"]] * 2 + [["2x2", "0"]] * 2


def test_every_motion_has_its_distances_and_without_motion_there_is_none() -> None:
    network, _ = measured(TASK, "cpu")
    head, _, *rows = growth(TASK, [("small", network, SPEC)])
    assert cells(head)[-len(SHARES) :] == ["0%", "25%", "50%", "75%", "100%"]
    assert len(rows) == len(MOTIONS) * len(DISTANCES)
    for row in rows:
        title, motion, distance, *shares = cells(row)
        assert title == "small"
        assert motion.partition(" ")[0] in MOTIONS
        assert distance in DISTANCES
        assert float(shares[0]) == 0, row
        assert max(map(float, shares)) > 0, row
    for motion in MOTIONS:
        assert f"{motion} ({SPEC.model_dump()[motion]:g})" in {cells(row)[1] for row in rows}
