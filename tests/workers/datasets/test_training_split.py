"""A training split without two classes to tell apart is refused, wherever it is read."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from surrogate_zoo import LOSSES
from surrogate_zoo.errors import DatasetError
from tests.workers.datasets.folders import save
from workers.datasets.layouts.registry import open_dataset
from workers.datasets.reports.report import describe
from workers.datasets.training_split import read_training_split
from workers.loss_networks.training import train_loss_network
from workers.proxy.proxy import evaluate_pack
from workers.retraining.retraining import retrain
from workers.tasks.datasets import FolderSource
from workers.tasks.loss_networks import EdgeNetworkSpec, LossNetworkTask
from workers.tasks.proxy import Candidate, ProxyTask
from workers.tasks.retraining import RetrainingTask


def written(root: Path, train: tuple[int, ...], val: tuple[int, ...] = (0, 1)) -> FolderSource:
    """Four training images and two others, whose masks hold these values in stripes."""
    for index in range(6):
        values = np.array(train if index < 4 else val, dtype=np.uint8)
        save(root / "images" / f"{index}.png", np.zeros((8, 12, 3), dtype=np.uint8))
        save(root / "masks" / f"{index}.png", np.resize(values, (8, 12)))
    (root / "train.txt").write_text("0\n1\n2\n3\n")
    (root / "val.txt").write_text("4\n5\n")
    return FolderSource(root=str(root), classes=("ground", "cell"))


REFUSED = {
    (0, 255): r"hold label 0 \(ground\) and void alone; .* write 1 for 255",
    (1, 255): r"hold label 1 \(cell\) and void alone",
    (0,): r"hold label 0 \(ground\) alone",
    (255,): r"hold void alone",
}


@pytest.mark.parametrize("values", REFUSED)
def test_one_class_alone_cannot_be_registered_or_read(
    tmp_path: Path, values: tuple[int, ...]
) -> None:
    source = written(tmp_path, values)
    with pytest.raises(DatasetError, match=REFUSED[values]):
        describe(source)
    with pytest.raises(DatasetError, match=REFUSED[values]):
        read_training_split(open_dataset(source))


def test_the_advice_helps(tmp_path: Path) -> None:
    source = written(tmp_path / "grey", (0, 1, 255))
    assert describe(source).class_shares == {"ground": 0.5, "cell": 0.5}
    coloured = written(tmp_path / "rgb", (0, 255))
    for path in (tmp_path / "rgb" / "masks").iterdir():
        Image.open(path).convert("RGB").save(path)
    colours = {"#000000": 0, "#ffffff": 1, "#010101": 1}
    report = describe(coloured.model_copy(update={"colours": colours}))
    assert report.class_shares == {"ground": 0.5, "cell": 0.5}


def test_two_classes_in_two_masks_are_enough_and_other_splits_may_hold_one(tmp_path: Path) -> None:
    source = written(tmp_path, (0,), val=(1, 255))
    save(tmp_path / "masks" / "3.png", np.ones((8, 12), dtype=np.uint8))
    assert describe(source).class_shares["ground"] == 3 / 5
    assert len(read_training_split(open_dataset(source))) == 4


def _proxy(source: FolderSource, _folder: Path) -> None:
    loss = LOSSES["cross-entropy"].document()
    evaluate_pack(ProxyTask(dataset=source, metric="miou"), [Candidate(0, loss)], device="cpu")


def _retraining(source: FolderSource, folder: Path) -> None:
    loss = LOSSES["cross-entropy"].document()
    retrain(RetrainingTask(dataset=source, loss=loss), folder, device="cpu")


def _loss_network(source: FolderSource, folder: Path) -> None:
    task = LossNetworkTask(dataset=source, network=EdgeNetworkSpec())
    train_loss_network(task, folder, device="cpu")


@pytest.mark.parametrize("training", [_proxy, _retraining, _loss_network])
def test_no_training_begins(tmp_path: Path, training: Callable[[FolderSource, Path], None]) -> None:
    with pytest.raises(DatasetError, match=r"label 0 \(ground\) and void alone"):
        training(written(tmp_path / "data", (0, 255)), tmp_path / "out")
