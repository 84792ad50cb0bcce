"""The results of a full training as files: the trained weights, scores and pictures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors.torch import save as as_bytes
from torch import Tensor, nn

from surrogate_zoo import ImageScores
from surrogate_zoo.files import write_atomically
from surrogate_zoo.modes import MULTICLASS, channels_of
from workers.datasets.dataset import Dataset
from workers.datasets.reports.picture import colours_of
from workers.instances.pictures import draw_found
from workers.learning.image_stack import Stack, stack_by_size
from workers.networks.image_format import format_of, mode_of
from workers.retraining.objects import Tuned, object_report, tune_ways
from workers.scoring.inference import evaluate
from workers.scoring.pictures import draw_predictions
from workers.tasks.base import Curve
from workers.tasks.images import RGB
from workers.tasks.retraining import METRICS, WEIGHTS, RetrainingTask

PICTURE, OBJECTS = "predictions.png", "objects.png"


@dataclass(frozen=True)
class Trained:
    """A training that has ended.

    Attributes:
        task: What was trained.
        dataset: On what.
        device: Where.
        network: The trained network, in evaluation mode.
        curve: Its training loss.
        held_out: What clusterings are tuned on; empty where none are.
        cut: How that was cut, in a sentence.
        early_stop: What was looked at for early stopping; None without.
        peak_memory: Bytes of a GPU that it took; None on a CPU.
        ran: How its steps ran, as :attr:`workers.learning.learner.Learner.ran` says.
    """

    task: RetrainingTask
    dataset: Dataset
    device: torch.device
    network: nn.Module
    curve: Curve
    held_out: Sequence[Stack]
    cut: str
    early_stop: Mapping[str, Any] | None
    peak_memory: int | None
    ran: str


def write_results(trained: Trained, folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Score a network on its task's split and write the results into a folder.

    Returns:
        What ``metrics.json`` holds, and the names of the files: ``weights.safetensors``,
        ``metrics.json``, ``predictions.png``, and ``objects.png`` where objects are made.

    Raises:
        InputError: Clusterings cannot be tuned, or embeddings are not finite.
        StorageError: The disk could not take the files.
    """
    scored = trained.dataset.read(trained.task.split)
    images = format_of(trained.network)
    stacks = stack_by_size(scored, trained.device, range(len(scored)), images=images)
    things = trained.dataset.things
    chosen = tune_ways(trained.task, trained.network, trained.held_out, things, trained.cut)
    report = _report(trained, stacks, chosen)
    # Written here: safetensors has an error of its own for a full disk.
    content = _weights(trained)
    write_atomically(folder / WEIGHTS, lambda path: path.write_bytes(content))
    text = json.dumps(report, indent=2) + "\n"
    write_atomically(folder / METRICS, lambda path: path.write_text(text, encoding="utf-8"))
    picture = draw_predictions(trained.network, stacks, trained.task.inference)
    names = [WEIGHTS, METRICS, _draw(folder / PICTURE, picture)]
    if chosen.ways:
        objects = draw_found(trained.network, stacks, things, chosen.ways)
        names.append(_draw(folder / OBJECTS, objects))
    return report, names


def _draw(path: Path, picture: Image.Image) -> str:
    """Write a picture, and give its name."""
    write_atomically(path, lambda part: picture.save(part, format="PNG"))
    return path.name


def _report(trained: Trained, stacks: Sequence[Stack], chosen: Tuned) -> dict[str, Any]:
    """Scores over all images, of classes, of single images, and of objects."""
    classes, task, network = trained.dataset.classes, trained.task, trained.network
    channels = channels_of(len(classes), trained.dataset.mode)
    images = ImageScores(channels, mode=mode_of(network))
    metrics = evaluate(network, stacks, channels, task.scoring, task.inference, images=images)
    report: dict[str, Any] = {
        "split": task.split,
        "images": sum(len(stack.positions) for stack in stacks),
        "metrics": metrics,
        "class_iou": dict(zip(classes, _measured(images.class_iou()), strict=True)),
        "colours": colours_of(classes, trained.dataset.mode),
        "image_miou": _measured(images.image_miou()),
        "worst_decile": _measured([images.worst_decile()])[0],
        "curve": trained.curve,
    }
    if trained.early_stop is not None:
        report["early_stop"] = trained.early_stop
    if chosen.ways:
        things = trained.dataset.things
        objects = object_report(task, chosen, network, stacks, things)
        metrics |= next(iter(objects["scores"].values()))  # those of scoring.clustering
        report["objects"] = objects
    if task.rankseg:
        ranked = task.inference.model_copy(update={"decoding": "rankseg"})
        report["rankseg"] = evaluate(network, stacks, channels, task.scoring, ranked)
    if trained.peak_memory is not None:
        report["peak_memory_bytes"] = trained.peak_memory
        report["steps"] = trained.ran
    return report


def _weights(trained: Trained) -> bytes:
    """The trained weights as a safetensors file, which says what network they are of."""
    facts: dict[str, Any] = {
        "network": trained.task.network.model_dump(mode="json"),
        "classes": list(trained.dataset.classes),
        "loss": str(trained.task.loss.get("name", "")),
    }
    if trained.dataset.mode != MULTICLASS:
        facts["mode"] = trained.dataset.mode
    if (images := format_of(trained.network)) != RGB:
        facts["images"] = images.model_dump(mode="json")
    weights: dict[str, Tensor] = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in trained.network.state_dict().items()
    }
    # One entry alone: safetensors writes several in a random order, and equal weights would differ.
    return as_bytes(weights, {"lossfit": json.dumps(facts)})


def _measured(scores: list[float]) -> list[float | None]:
    """What was measured; JSON has no NaN."""
    return [None if isnan(score) else score for score in scores]
