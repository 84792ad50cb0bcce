"""A full training with one loss: checkpoints, and the trained weights, scores and pictures as files."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as as_bytes
from torch import Tensor

from surrogate_zoo import needs_of
from surrogate_zoo.errors import ConflictError, DatasetError, StorageError, WorkerError
from surrogate_zoo.files import write_atomically
from workers.augmentation import Batches
from workers.candidates import RetrainingResult, Stopped
from workers.datasets import Dataset, Samples, open_dataset
from workers.device import choose_device
from workers.image_stack import stack_by_size
from workers.inference import evaluate
from workers.losses import build_loss, distance_maps_of
from workers.pictures import draw_predictions
from workers.specs import RetrainingTask
from workers.training import CHECK_EVERY, Learner, initial_network, train

CHECKPOINT = "checkpoint.pt"
WEIGHTS, METRICS, PICTURE = "weights.safetensors", "metrics.json", "predictions.png"

Progress = Callable[[int, float], None]


def retrain(
    task: RetrainingTask,
    folder: Path,
    *,
    device: str = "auto",
    on_progress: Progress = lambda _steps, _loss: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> RetrainingResult:
    """Train a network with ``task.loss`` and score it on ``task.split``.

    Writes a checkpoint every ``task.checkpoint_every`` steps, when stopped, and at the end. Called
    again with the same task and folder it goes on from there; on a CPU with the same number of
    threads it ends with the very weights that an uninterrupted run ends with.

    Args:
        task: What to train.
        folder: Where checkpoint and results go; made if it is not there. One retraining owns it.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:<n>``.
        on_progress: Called every 20 steps, and at the end, with the steps taken and the mean loss
            of the last ones.
        should_stop: Looked at after every step.

    Returns:
        The scores, and the names of the files written: ``weights.safetensors``, ``metrics.json``
        and ``predictions.png``.

    Raises:
        Stopped: ``should_stop`` became true; the checkpoint holds every step taken.
        InputError: The task is wrong.
        ConflictError: ``folder`` holds the checkpoint of another task.
        StorageError: The checkpoint in ``folder`` cannot be read.
        WorkerError: The loss or the weights became infinite or NaN.
    """
    run = _Run(task, folder, choose_device(device))
    run.resume()
    train(
        [run.learner],
        run.batches(),
        task.training,
        seed=task.seed,
        device=run.device,
        after_step=lambda steps: run.after_step(steps, on_progress, should_stop),
    )
    return _finish(run)


class _Run:
    """A retraining under way: its learner and its checkpoint."""

    def __init__(self, task: RetrainingTask, folder: Path, device: torch.device) -> None:
        self.task, self.folder, self.device = task, folder, device
        self.dataset: Dataset = open_dataset(task.dataset)
        if task.split not in self.dataset.splits:
            raise DatasetError(f"The dataset has no split {task.split!r} to score on.")
        self.samples: Samples = self.dataset.read("train")
        classes = len(self.dataset.classes)
        self.learner = Learner(
            initial_network(task.network, classes, task.seed),
            build_loss(task.loss, self.samples.masks, classes, task.loss_networks),
            task.training,
            device,
            inputs=needs_of(task.loss).inputs,
            seed=task.seed,
        )
        self._began, self._before = time.perf_counter(), 0.0
        folder.mkdir(parents=True, exist_ok=True)

    def batches(self) -> Batches:
        """The training batches, by step."""
        stacks = stack_by_size(
            self.samples,
            self.device,
            range(len(self.samples)),
            maps=distance_maps_of([self.task.loss]),
            num_classes=len(self.dataset.classes),
        )
        return Batches(stacks, self.task.training, self.task.seed)

    def after_step(
        self, steps: int, on_progress: Progress, should_stop: Callable[[], bool]
    ) -> None:
        """Refuse a training that diverged, tell progress, write a checkpoint, stop: as is due."""
        last = steps == self.task.training.iterations
        if steps % CHECK_EVERY == 0 or last:
            if self.learner.failure is not None:
                raise WorkerError(
                    f"The retraining failed. {self.learner.failure} Lower the learning rate."
                )
            on_progress(steps, self.learner.recent_loss(CHECK_EVERY))
        stop = not last and should_stop()
        if steps % self.task.checkpoint_every == 0 or last or stop:
            self.save()
        if stop:
            raise Stopped(f"The retraining was stopped after {steps} iterations.")

    @property
    def seconds(self) -> float:
        """Seconds spent, those before the checkpoint that was resumed included."""
        return self._before + time.perf_counter() - self._began

    def save(self) -> None:
        """Write the checkpoint atomically: a crash leaves the one before."""
        state = {
            "task": self.task.model_dump_json(),
            "seconds": self.seconds,
            "learner": self.learner.state(),
        }
        write_atomically(self.folder / CHECKPOINT, lambda path: torch.save(state, path))

    def resume(self) -> None:
        """Take over the checkpoint in the folder, if there is one."""
        path = self.folder / CHECKPOINT
        if not path.exists():
            return
        try:
            state: dict[str, Any] = torch.load(path, map_location=self.device, weights_only=True)
        except Exception as error:
            raise StorageError(f"{path} cannot be read; delete it to start anew.") from error
        if state["task"] != self.task.model_dump_json():
            raise ConflictError(f"{path} belongs to another retraining; choose another folder.")
        self.learner.load(state["learner"])
        self._before = state["seconds"]


def _finish(run: _Run) -> RetrainingResult:
    """Score the network and write the results."""
    classes = run.dataset.classes
    scored = run.dataset.read(run.task.split)
    stacks = stack_by_size(scored, run.device, range(len(scored)))
    network = run.learner.network
    metrics = evaluate(network, stacks, len(classes), run.task.scoring, run.task.inference)
    facts = {
        "network": run.task.network.model_dump(mode="json"),
        "classes": list(classes),
        "loss": str(run.task.loss.get("name", "")),
    }
    # One entry alone: safetensors writes several in a random order, and equal weights would differ.
    header = {"segloss": json.dumps(facts)}
    weights: dict[str, Tensor] = {
        name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()
    }
    report = {
        "split": run.task.split,
        "images": len(scored),
        "metrics": metrics,
        "curve": run.learner.curve(),
    }
    folder = run.folder
    # Written here: safetensors has an error of its own for a full disk.
    content = as_bytes(weights, header)
    write_atomically(folder / WEIGHTS, lambda path: path.write_bytes(content))
    text = json.dumps(report, indent=2) + "\n"
    write_atomically(folder / METRICS, lambda path: path.write_text(text, encoding="utf-8"))
    picture = draw_predictions(network, stacks, run.task.inference)
    write_atomically(folder / PICTURE, lambda path: picture.save(path, format="PNG"))
    return RetrainingResult(metrics, (WEIGHTS, METRICS, PICTURE), run.seconds)
