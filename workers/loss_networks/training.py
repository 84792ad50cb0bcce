"""Trains loss networks on the masks of a data set's training split."""

import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from surrogate_zoo.errors import WorkerError
from surrogate_zoo.loss_networks.storage import save
from surrogate_zoo.needs import EDGE_NETWORK, INVERSE_NETWORK
from workers.datasets.layouts.registry import open_dataset
from workers.datasets.training_split import read_training_split
from workers.learning.device import choose_device
from workers.learning.hold_out import cut_hold_out, held_out
from workers.learning.streams import own_random_numbers
from workers.tasks.loss_networks import LossNetworkResult, LossNetworkTask

Progress = Callable[[int, float], None]

TRAININGS: Mapping[str, str] = {
    EDGE_NETWORK: "workers.loss_networks.edge:train",
    INVERSE_NETWORK: "workers.loss_networks.inverse:train",
}
"""Kind of network -> ``module:function``.

``train(task, kept, held, num_classes, device, on_progress, should_stop)`` with the masks to train on
and those to measure on, uint8 (H, W) each, void = 255; returns the network, its measures and the
keyword arguments that build it. It seeds torch's global generators, which are given back as they
were, asks ``should_stop`` at every step and raises ``Stopped``.
"""


def train_loss_network(
    task: LossNetworkTask,
    folder: Path,
    *,
    device: str = "auto",
    on_progress: Progress = lambda _steps, _loss: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> LossNetworkResult:
    """Train ``task.network`` on the masks of the training split and measure it on those held out.

    On a CPU with the same number of threads the same task writes
    the same bytes.

    Args:
        task: What to train.
        folder: Where the weights go; made if it is not there.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:<n>``.
        on_progress: Called now and then, and at the end, with the steps taken and the mean loss of
            the last ones.
        should_stop: Looked at after every step.

    Returns:
        The measures, and the name of the file written, ``<kind>.safetensors``.

    Raises:
        Stopped: ``should_stop`` became true; nothing was written.
        InputError: The task is wrong, or the training split holds fewer than two classes.
        StorageError: The disk could not take the weights.
        WorkerError: The network became infinite or NaN.
    """
    began = time.perf_counter()
    torch_device = choose_device(device)
    dataset = open_dataset(task.dataset)
    samples = read_training_split(dataset)
    cut = cut_hold_out(task.dataset, samples, task.hold_out, task.seed)
    measured = held_out(task.dataset, samples, cut)
    with own_random_numbers(torch_device):
        network, measures, parameters = _training(task.network.kind)(
            task,
            [samples.masks[index] for index in cut.kept],
            [measured.masks[index] for index in cut.held],
            num_classes=len(dataset.classes),
            device=torch_device,
            on_progress=on_progress,
            should_stop=should_stop,
        )
    if not all(bool(weight.isfinite().all()) for weight in network.state_dict().values()):
        raise WorkerError("The network's weights became infinite or NaN; lower the learning rate.")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{task.network.kind}.safetensors"
    provenance = _provenance(task, measures)
    save(network, file, kind=task.network.kind, parameters=parameters, provenance=provenance)
    return LossNetworkResult(
        file=file.name,
        measures=measures,
        parameters=parameters,
        seconds=time.perf_counter() - began,
    )


def _training(kind: str) -> Callable[..., Any]:
    module, _, name = TRAININGS[kind].partition(":")
    train: Callable[..., Any] = getattr(import_module(module), name)
    return train


def _provenance(task: LossNetworkTask, measures: dict[str, float]) -> dict[str, Any]:
    """What the file tells; without the dataset's folder: the same masks elsewhere make the same file."""
    asked = task.model_dump(mode="json", exclude={"dataset": {"root", "registered"}})
    return {"task": asked, "measures": measures}
