"""What every training of a loss network keeps to, whatever the network."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from surrogate_zoo.errors import DatasetError, WorkerError
from surrogate_zoo.loss_networks.storage import load
from tests.surrogate_zoo.loss_networks.headers import header_of
from tests.workers.datasets.folders import save
from workers.datasets.layouts.shapes import ShapesDataset
from workers.loss_networks.training import train_loss_network
from workers.tasks.base import Stopped
from workers.tasks.datasets import FolderSource, ShapesSource
from workers.tasks.loss_networks import EdgeNetworkSpec, InverseNetworkSpec, LossNetworkTask

SOURCE = ShapesSource(height=32, width=32, train=12, val=1, test=1)
SPECS = {
    "edge_network": EdgeNetworkSpec(iterations=25, batch_size=4, crop=(16, 16)),
    "inverse_network": InverseNetworkSpec(iterations=25, batch_size=4, side=16),
}
every_kind = pytest.mark.parametrize("kind", SPECS)


def _task(kind: str, **changes: Any) -> LossNetworkTask:
    return LossNetworkTask(**{"dataset": SOURCE, "network": SPECS[kind], **changes})


@every_kind
def test_the_weights_repeat_bit_for_bit_and_can_be_loaded(kind: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    result = train_loss_network(_task(kind), tmp_path / "a", device="cpu")
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    train_loss_network(_task(kind), tmp_path / "b", device="cpu")
    train_loss_network(_task(kind, seed=1), tmp_path / "c", device="cpu")
    first, second, other = (
        (tmp_path / folder / result.file).read_bytes() for folder in ("a", "b", "c")
    )
    assert first == second
    assert first != other
    assert [path.name for path in (tmp_path / "a").iterdir()] == [f"{kind}.safetensors"]
    load(kind, tmp_path / "a" / result.file, **result.parameters)
    header = header_of(tmp_path / "a" / result.file)
    assert header["parameters"] == result.parameters
    assert header["provenance"]["measures"] == result.measures
    assert LossNetworkTask(**header["provenance"]["task"]) == _task(kind)
    assert result.seconds > 0


@every_kind
def test_progress_is_told(kind: str, tmp_path: Path) -> None:
    reports: list[tuple[int, float]] = []
    train_loss_network(
        _task(kind),
        tmp_path,
        device="cpu",
        on_progress=lambda steps, loss: reports.append((steps, loss)),
    )
    assert [steps for steps, _ in reports] == [20, 25]
    assert all(loss > 0 for _, loss in reports)


@every_kind
def test_a_training_stops_within_a_step(kind: str, tmp_path: Path) -> None:
    asked = iter([False, False, True])
    with pytest.raises(Stopped, match="stopped after 3 iterations"):
        train_loss_network(_task(kind), tmp_path, device="cpu", should_stop=lambda: next(asked))
    assert not list(tmp_path.iterdir())


@every_kind
def test_only_the_training_split_is_read(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    splits: set[str] = set()
    sample = ShapesDataset.sample

    def watched(dataset: ShapesDataset, split: str, index: int) -> Any:
        splits.add(split)
        return sample(dataset, split, index)

    monkeypatch.setattr(ShapesDataset, "sample", watched)
    train_loss_network(_task(kind), tmp_path, device="cpu")
    assert splits == {"train"}


def test_a_training_that_diverges_writes_nothing(tmp_path: Path) -> None:
    spec = SPECS["edge_network"].model_copy(update={"learning_rate": 1e30, "iterations": 5})
    with pytest.raises(WorkerError, match="lower the learning rate"):
        train_loss_network(_task("edge_network", network=spec), tmp_path, device="cpu")
    assert not list(tmp_path.iterdir())


def test_too_few_masks_are_an_error_of_the_dataset(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="too few to hold out"):
        train_loss_network(_task("edge_network", hold_out=0.99), tmp_path, device="cpu")


NO_BORDER: dict[str, Callable[[int], np.ndarray]] = {
    "void between the classes": lambda _: np.resize(np.repeat([0, 255, 1], 4), (8, 12)),
    "a class a mask": lambda number: np.full((8, 12), number % 2),
}


@every_kind
@pytest.mark.parametrize("masks", NO_BORDER)
def test_masks_without_a_border_train_and_measure_nothing(
    kind: str, masks: str, tmp_path: Path
) -> None:
    for number in range(10):
        save(tmp_path / f"images/{number}.png", np.zeros((8, 12, 3), np.uint8))
        save(tmp_path / f"masks/{number}.png", NO_BORDER[masks](number).astype(np.uint8))
    source = FolderSource(root=str(tmp_path), classes=("ground", "cell"))
    with pytest.raises(DatasetError, match="holds a border between two classes"):
        train_loss_network(_task(kind, dataset=source), tmp_path / "out", device="cpu")
    assert not (tmp_path / "out").exists()
