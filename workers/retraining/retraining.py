"""A full training with one loss: checkpoints, and the trained weights, scores and pictures as files."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from surrogate_zoo import needs_of
from surrogate_zoo.errors import ConflictError, DatasetError, StorageError, WorkerError
from surrogate_zoo.files import write_atomically
from workers.datasets.dataset import Dataset, Samples
from workers.datasets.layouts.registry import open_dataset
from workers.datasets.training_split import read_training_split
from workers.instances.scoring import instance_scores
from workers.learning.batches import Batches
from workers.learning.device import PeakMemory, choose_device
from workers.learning.hold_out import Cut, cut_hold_out, held_out
from workers.learning.image_formats import images_of
from workers.learning.image_stack import Stack, stack_by_size
from workers.learning.labellings import labelling_in
from workers.learning.learner import Learner, initial_network
from workers.learning.loop import CHECK_EVERY, train
from workers.learning.losses import build_loss, distance_maps_of, inputs_given
from workers.learning.rates import learning_rate
from workers.learning.sharing import is_over, told_by_first
from workers.retraining.early_stop import EarlyStop
from workers.retraining.logs import Logs, event_files, training_logs
from workers.retraining.objects import check_ways
from workers.retraining.results import Trained, write_results
from workers.scoring.inference import evaluate
from workers.tasks.base import Stopped
from workers.tasks.retraining import CHECKPOINT, RetrainingResult, RetrainingTask
from workers.tasks.shares import Share

Progress = Callable[[int, float], None]


def retrain(
    task: RetrainingTask,
    folder: Path,
    *,
    device: str = "auto",
    on_progress: Progress = lambda _steps, _loss: None,
    should_stop: Callable[[], bool] = lambda: False,
    share: Share | None = None,
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
        share: Where other processes take their parts of every batch (:func:`assist`), that of rank 0,
            which has joined them; None trains alone, whatever ``task.devices`` says.

    Returns:
        The scores, and the names of the files written: ``weights.safetensors``, ``metrics.json``,
        ``predictions.png``, ``objects.png`` where objects are made, and those of a TensorBoard log.

    Raises:
        Stopped: ``should_stop`` became true; the checkpoint holds every step taken.
        InputError: The task is wrong.
        ConflictError: ``folder`` holds the checkpoint of another task.
        StorageError: The checkpoint in ``folder`` cannot be read.
        WorkerError: The loss or the weights became infinite or NaN.
    """
    run = _Retraining(task, folder, choose_device(device), share)
    run.resume()
    with training_logs(task, folder, run.learner.steps) as logs:
        run.train(logs, on_progress, should_stop)
        result = _finish(run, logs)
    return replace(result, remarks=logs.remarks)


def assist(task: RetrainingTask, folder: Path, share: Share, *, device: str = "auto") -> None:
    """Take a part of every batch of a retraining, until rank 0 has enough of it; nothing is written.

    Args:
        task: As rank 0 has it.
        folder: Its folder.
        share: This process's part, of a rank above 0; it has joined the others.
        device: As of :func:`retrain`.
    """
    run = _Retraining(task, folder, choose_device(device), share)
    run.resume()
    run.train_along()


class _Settled(Exception):  # noqa: N818 - no error: it takes the way out of the loop
    """Further training would not raise the score."""


class _Retraining:
    """A retraining under way: its learner, its checkpoint, and what it took so far."""

    def __init__(
        self, task: RetrainingTask, folder: Path, device: torch.device, share: Share | None
    ) -> None:
        self.task, self.folder, self.device, self._share = task, folder, device, share
        self.peak_memory = PeakMemory(device)
        self.dataset: Dataset = open_dataset(task.dataset)
        if task.split not in self.dataset.splits:
            raise DatasetError(f"The dataset has no split {task.split!r} to score on.")
        check_ways(task, self.dataset.things, task.loss)
        self.samples: Samples = read_training_split(self.dataset)
        self.labelling = labelling_in(self.dataset)
        channels, mode = self.labelling.channels, self.labelling.mode
        self.kept = list(range(len(self.samples)))
        self.early_stop: EarlyStop | None = None
        self.cut: Cut | None = None
        if task.held_out is not None:
            self.cut = cut_hold_out(task.dataset, self.samples, task.held_out, task.seed)
            self.kept = list(self.cut.kept)
            if task.early_stop is not None:
                self.early_stop = EarlyStop(task.early_stop, self._measure, self.cut.told)
        masks = [self.samples.masks[index] for index in self.kept]
        self.images = images_of(task.dataset, self.samples)
        given = inputs_given(task.network, self.samples)
        self.learner = Learner(
            initial_network(task.network, channels, task.seed, self.images, mode=mode),
            build_loss(task.loss, masks, channels, task.loss_networks, given=given, mode=mode),
            task.training,
            device,
            inputs=needs_of(task.loss).inputs,
            seed=task.seed,
            share=share,
        )
        self._began, self._before = time.perf_counter(), 0.0
        folder.mkdir(parents=True, exist_ok=True)

    def batches(self) -> Batches:
        """The training batches, by step."""
        stacks = stack_by_size(
            self.samples,
            self.device,
            self.kept,
            maps=distance_maps_of([self.task.loss]),
            num_classes=self.labelling.channels,
            images=self.images,
        )
        return Batches(stacks, self.task.training, self.task.seed)

    def train(self, logs: Logs, on_progress: Progress, should_stop: Callable[[], bool]) -> None:
        """Train to the end of the schedule, or until the score on the hold-out set rises no more."""
        if self.early_stop is None or not self.early_stop.over:
            with suppress(_Settled):
                train(
                    [self.learner],
                    self.batches(),
                    self.task.training,
                    seed=self.task.seed,
                    device=self.device,
                    after_step=lambda steps: self._after_step(
                        steps, logs, on_progress, should_stop
                    ),
                )
        if self.early_stop is not None:
            self.early_stop.restore(self.learner.trained)

    def train_along(self) -> None:
        """Take every step that rank 0 takes."""
        with suppress(_Settled):
            train(
                [self.learner],
                self.batches(),
                self.task.training,
                seed=self.task.seed,
                device=self.device,
                rank=0 if self._share is None else self._share.rank,
                after_step=_listen,
            )

    def _after_step(
        self, steps: int, logs: Logs, on_progress: Progress, should_stop: Callable[[], bool]
    ) -> None:
        """Do what is due, and tell the others whether there is another step."""
        over = True
        try:
            self._due(steps, logs, on_progress, should_stop)
            over = False
        finally:
            if self._share is not None:
                is_over(over)

    def _due(
        self, steps: int, logs: Logs, on_progress: Progress, should_stop: Callable[[], bool]
    ) -> None:
        """Refuse a diverged training, tell progress, look, write a checkpoint, stop: as is due."""
        last = steps == self.task.training.iterations
        if self.learner.failure is not None:
            raise WorkerError(
                f"The retraining failed. {self.learner.failure} Lower the learning rate."
            )
        if steps % CHECK_EVERY == 0 or last:
            loss = self.learner.recent_loss(CHECK_EVERY)
            on_progress(steps, loss)
            rate = learning_rate(self.task.training, steps - 1)
            logs.scalars(steps, {"train/loss": loss, "train/learning_rate": rate})
        settled = self._looked_enough(steps, logs, last=last)
        stop = not last and not settled and should_stop()
        if steps % self.task.checkpoint_every == 0 or last or stop or settled:
            self.save()
        if settled:
            raise _Settled
        if stop:
            raise Stopped(f"The retraining was stopped after {steps} iterations.")

    def _looked_enough(self, steps: int, logs: Logs, *, last: bool) -> bool:
        """Look at the hold-out set where it is due; whether the score rises no more."""
        if self.task.early_stop is None or self.early_stop is None:
            return False
        if steps % self.task.early_stop.every and not last:
            return False
        score = self.early_stop.look(self.learner.trained, steps)
        logs.scalars(steps, {f"hold-out/{self.task.early_stop.metric}": score})
        return self.early_stop.over

    @cached_property
    def held_out(self) -> list[Stack]:
        """What is not trained on, for early stopping and the tuning of clusterings; often nothing."""
        if self.cut is None:
            return []
        scored = held_out(self.task.dataset, self.samples, self.cut)
        images = images_of(self.task.dataset, self.samples)
        return stack_by_size(scored, self.device, self.cut.held, images=images)

    def _measure(self, network: nn.Module) -> dict[str, float]:
        """Measure a network on the hold-out set, predicting as it is scored at the end."""
        task, stacks = self.task, self.held_out
        scores = evaluate(network, stacks, self.labelling.channels, task.scoring, task.inference)
        if (clustering := task.scoring.clustering) is not None:
            scores |= instance_scores(network, stacks, self.dataset.things, clustering)
        return scores

    @property
    def seconds(self) -> float:
        """Seconds spent, those before the checkpoint that was resumed included."""
        return self._before + time.perf_counter() - self._began

    def save(self) -> None:
        """Write the checkpoint atomically: a crash leaves the one before."""
        state = {
            "task": _identity(self.task),
            "seconds": self.seconds,
            "peak_memory": self.peak_memory.bytes,
            "learner": self.learner.state(),
            "early_stop": {} if self.early_stop is None else self.early_stop.state(),
        }
        write_atomically(self.folder / CHECKPOINT, lambda path: torch.save(state, path))

    def resume(self) -> None:
        """Take over the checkpoint in the folder, if there is one; rank 0 reads it for all."""
        state = None if self._share is not None and self._share.rank else self._checkpoint()
        if self._share is not None:
            state = told_by_first(state)
        if state is None:
            return
        self.learner.load(state["learner"])
        if self.early_stop is not None:
            self.early_stop.load(state["early_stop"])
        self._before = state["seconds"]
        self.peak_memory.go_on(state["peak_memory"])

    def _checkpoint(self) -> dict[str, Any] | None:
        path = self.folder / CHECKPOINT
        if not path.exists():
            return None
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:
            raise StorageError(f"{path} cannot be read; delete it to start anew.") from error
        if state["task"] != _identity(self.task):
            raise ConflictError(f"{path} belongs to another retraining; choose another folder.")
        return state


def _listen(_: int) -> None:
    """Go on as long as rank 0 does."""
    if is_over():
        raise _Settled


def _identity(task: RetrainingTask) -> str:
    """What a checkpoint belongs to; where it is logged does not matter, nor times of files."""
    return task.model_dump_json(exclude={"log": True, "mlflow": True, "dataset": {"registered"}})


def _finish(run: _Retraining, logs: Logs) -> RetrainingResult:
    """Score the network and write the results."""
    trained = Trained(
        task=run.task,
        dataset=run.dataset,
        device=run.device,
        network=run.learner.trained.eval(),
        curve=run.learner.curve(),
        held_out=run.held_out if run.task.tune_clustering is not None else [],
        cut="" if run.cut is None else run.cut.told,
        early_stop=None if run.early_stop is None else run.early_stop.report(),
        peak_memory=run.peak_memory.bytes,
        ran=run.learner.ran,
    )
    report, files = write_results(trained, run.folder)
    metrics = report["metrics"]
    logs.scalars(
        run.learner.steps, {f"{run.task.split}/{name}": score for name, score in metrics.items()}
    )
    written = (*files, *event_files(run.folder))
    return RetrainingResult(metrics, written, run.seconds, report.get("objects", {}))
