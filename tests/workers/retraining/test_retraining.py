"""A retraining: its files and scores, stopped and resumed, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageColor
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

from surrogate_zoo import ImageScores
from surrogate_zoo.errors import (
    ConflictError,
    DatasetError,
    InputError,
    LossFileError,
    StorageError,
    WorkerError,
)
from surrogate_zoo.losses.registry import weighted_sum
from tests.workers import tiny
from workers.datasets.layouts.registry import open_dataset
from workers.instances.scoring import instance_scores
from workers.learning.device import PeakMemory
from workers.learning.image_stack import stack_by_size
from workers.networks.build import build_network
from workers.retraining import retraining
from workers.retraining.retraining import retrain
from workers.scoring.inference import evaluate
from workers.tasks.base import Stopped
from workers.tasks.instances import ClusteringSpec
from workers.tasks.networks import NetworkSpec
from workers.tasks.retraining import CHECKPOINT
from workers.tasks.scoring import InferenceSpec


def same_files(first_folder: Path, other_folder: Path) -> bool:
    first, second = (
        load_file(folder / "weights.safetensors") for folder in (first_folder, other_folder)
    )
    metrics = [(folder / "metrics.json").read_text() for folder in (first_folder, other_folder)]
    return metrics[0] == metrics[1] and all(torch.equal(first[n], second[n]) for n in first)


def test_results_can_be_used_without_the_product(tmp_path: Path) -> None:
    task = tiny.retraining_task(training={"iterations": 30, "batch_size": 8}, rankseg=True)
    result = retrain(task, tmp_path, device="cpu")
    assert result.files == ("weights.safetensors", "metrics.json", "predictions.png")
    assert result.seconds > 0
    report = json.loads((tmp_path / "metrics.json").read_text())
    assert report["metrics"] == result.metrics
    assert report["split"] == "val"
    assert "peak_memory_bytes" not in report  # torch does not count a CPU's
    assert report["images"] == 6
    assert [step for step, _ in report["curve"]] == list(range(1, 31))
    with safe_open(tmp_path / "weights.safetensors", "pt") as file:
        facts = json.loads(file.metadata()["lossfit"])
    spec = NetworkSpec.model_validate(facts["network"])
    network = build_network(spec, len(facts["classes"]))
    network.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    samples = open_dataset(tiny.SOURCE).read("val")
    stacks = stack_by_size(samples, torch.device("cpu"), range(6))
    images = ImageScores(6)
    assert evaluate(network, stacks, 6, tiny.SCORING, images=images) == result.metrics
    assert report["image_miou"] == images.image_miou()
    assert report["worst_decile"] == min(images.image_miou())
    assert [*report["class_iou"]] == [*report["colours"]] == facts["classes"]
    with Image.open(tmp_path / "predictions.png") as drawn:
        shown = np.unique(np.asarray(drawn.convert("RGB")).reshape(-1, 3), axis=0)
    assert tuple(ImageColor.getrgb(report["colours"]["ground"])) in set(map(tuple, shown.tolist()))
    measured = [score for score in report["class_iou"].values() if score is not None]
    assert np.mean(measured) == pytest.approx(report["metrics"]["miou"])
    ranked = evaluate(network, stacks, 6, tiny.SCORING, InferenceSpec(decoding="rankseg"))
    assert report["rankseg"] == ranked != result.metrics
    with Image.open(tmp_path / "predictions.png") as picture:
        assert picture.size == (480, 640)


EMBEDDED = tiny.NETWORK.model_copy(update={"embedding": 4})


def test_objects_are_scored_beside_the_labels(tmp_path: Path) -> None:
    clustering = ClusteringSpec(radius=0.5)
    task = tiny.retraining_task(
        "cross-entropy-discriminative",
        network=EMBEDDED,
        scoring=tiny.SCORING.model_copy(update={"clustering": clustering}),
    )
    result = retrain(task, tmp_path, device="cpu")
    network = build_network(EMBEDDED, 6)
    network.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    dataset = open_dataset(tiny.SOURCE)
    stacks = stack_by_size(dataset.read("val"), torch.device("cpu"), range(6))
    objects = instance_scores(network, stacks, dataset.things, clustering)
    assert {"sbd", "dic", "pq"} <= objects.keys()
    assert result.metrics == evaluate(network, stacks, 6, tiny.SCORING) | objects


def test_equal_weights_are_equal_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        retrain(tiny.retraining_task(), tmp_path / name, device="cpu")
    files = [(tmp_path / name / "weights.safetensors").read_bytes() for name in ("one", "two")]
    assert files[0] == files[1]


def test_the_split_is_the_one_that_was_asked_for(tmp_path: Path) -> None:
    val = retrain(tiny.retraining_task(), tmp_path / "val", device="cpu")
    test = retrain(tiny.retraining_task(split="test"), tmp_path / "test", device="cpu")
    assert val.metrics != test.metrics


def test_it_is_scored_by_the_inference_that_was_asked_for(tmp_path: Path) -> None:
    asked = InferenceSpec(window=(16, 16), scales=(0.5, 1.0), flip=True)
    result = retrain(tiny.retraining_task(inference=asked), tmp_path, device="cpu")
    network = build_network(tiny.NETWORK, 6)
    network.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    stacks = stack_by_size(open_dataset(tiny.SOURCE).read("val"), torch.device("cpu"), range(6))
    assert evaluate(network, stacks, 6, tiny.SCORING, asked) == result.metrics
    assert evaluate(network, stacks, 6, tiny.SCORING) != result.metrics


DROPPING = NetworkSpec(options={"decoder_channels": 16, "decoder_atrous_rates": (1, 2, 3)})


@pytest.mark.parametrize(
    ("stop_at", "network"), [(1, tiny.NETWORK), (2, tiny.NETWORK), (3, DROPPING)]
)
def test_a_stopped_retraining_resumes_to_the_same_end(
    tmp_path: Path, stop_at: int, network: NetworkSpec
) -> None:
    task = tiny.retraining_task("asl-macc-voc", network=network, training={"iterations": 5})
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    retrain(task, whole, device="cpu")
    looks = iter(range(1, 100))
    with pytest.raises(Stopped, match=f"after {stop_at} iterations"):
        retrain(task, parts, device="cpu", should_stop=lambda: next(looks) == stop_at)
    assert not (parts / "weights.safetensors").exists()
    retrain(task, parts, device="cpu")
    assert same_files(whole, parts)


def test_heads_and_maps_resume_to_the_same_end_and_leave_no_trace(tmp_path: Path) -> None:
    loss = weighted_sum("boundary-cross-entropy+0.01*boundary")
    task = tiny.retraining_task(training={"iterations": 5}).model_copy(update={"loss": loss})
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    retrain(task, whole, device="cpu")
    looks = iter(range(1, 100))
    with pytest.raises(Stopped):
        retrain(task, parts, device="cpu", should_stop=lambda: next(looks) == 3)
    retrain(task, parts, device="cpu")
    assert same_files(whole, parts)
    plain = build_network(tiny.NETWORK, 6).state_dict()
    assert load_file(whole / "weights.safetensors").keys() == plain.keys()


def test_a_crash_between_checkpoints_resumes_from_the_last(tmp_path: Path) -> None:
    task = tiny.retraining_task(training={"iterations": 7}, checkpoint_every=3)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    retrain(task, whole, device="cpu")
    looks = iter(range(1, 100))

    def crash() -> bool:
        if next(looks) == 5:
            raise RuntimeError("power cut")
        return False

    with pytest.raises(RuntimeError, match="power cut"):
        retrain(task, parts, device="cpu", should_stop=crash)
    state = torch.load(parts / CHECKPOINT, weights_only=True)
    assert state["learner"]["steps"] == 3
    retrain(task, parts, device="cpu")
    assert same_files(whole, parts)


def test_a_resumed_retraining_reports_the_highest_peak_of_its_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Gpu(PeakMemory):
        """A GPU whose first training takes 700 bytes, and every later one 300."""

        peaks = iter([700, 300, 300])

        def __init__(self, device: torch.device) -> None:
            super().__init__(device)
            self._peak = next(self.peaks)

        @property
        def bytes(self) -> int:
            return max(self._earlier, self._peak)

    monkeypatch.setattr("workers.retraining.retraining.PeakMemory", Gpu)
    task = tiny.retraining_task(training={"iterations": 3})
    with pytest.raises(Stopped):
        retrain(task, tmp_path / "parts", device="cpu", should_stop=lambda: True)
    for folder in ("parts", "whole"):
        retrain(task, tmp_path / folder, device="cpu")
    reports = [
        json.loads((tmp_path / folder / "metrics.json").read_text())
        for folder in ("parts", "whole")
    ]
    assert [report["peak_memory_bytes"] for report in reports] == [700, 300]


def test_a_finished_retraining_is_only_scored_again(tmp_path: Path) -> None:
    task = tiny.retraining_task()
    first = retrain(task, tmp_path, device="cpu")
    steps: list[int] = []
    second = retrain(task, tmp_path, device="cpu", on_progress=lambda step, _: steps.append(step))
    assert second.metrics == first.metrics
    assert steps == []


def test_progress_is_told_every_twenty_steps_and_at_the_end(tmp_path: Path) -> None:
    told: list[tuple[int, float]] = []
    task = tiny.retraining_task(training={"iterations": 45}, checkpoint_every=1000)
    retrain(task, tmp_path, device="cpu", on_progress=lambda *step: told.append(step))
    assert [steps for steps, _ in told] == [20, 40, 45]
    assert told[-1][1] < told[0][1]


def test_a_folder_belongs_to_one_task(tmp_path: Path) -> None:
    retrain(tiny.retraining_task(), tmp_path, device="cpu")
    with pytest.raises(ConflictError, match="belongs to another retraining"):
        retrain(tiny.retraining_task(seed=1), tmp_path, device="cpu")


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT).write_bytes(b"PK damaged")
    with pytest.raises(StorageError, match=r"checkpoint.pt cannot be read; delete it"):
        retrain(tiny.retraining_task(), tmp_path, device="cpu")


def test_a_checkpoint_cannot_run_code(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (print, ("run",))

    torch.save(Evil(), tmp_path / CHECKPOINT)
    with pytest.raises(StorageError):
        retrain(tiny.retraining_task(), tmp_path, device="cpu")


class Refusing(nn.Module):
    """Takes three batches, and no more."""

    def __init__(self) -> None:
        super().__init__()
        self._left = 3

    def forward(self, logits: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        if not self._left:
            raise InputError("no such class")
        self._left -= 1
        return logits.mean()


def test_a_loss_that_refuses_a_batch_ends_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retraining, "build_loss", lambda *_, **__: Refusing())
    with pytest.raises(WorkerError, match="The loss failed at iteration 3: no such class"):
        retrain(tiny.retraining_task(training={"iterations": 8}), tmp_path, device="cpu")


def test_a_training_that_diverges_says_so(tmp_path: Path) -> None:
    task = tiny.retraining_task(training=tiny.OVERFLOWING)
    with pytest.raises(WorkerError, match=r"became .* at iteration .*Lower the learning rate"):
        retrain(task, tmp_path, device="cpu")


def test_a_malformed_loss_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LossFileError):
        retrain(tiny.retraining_task().model_copy(update={"loss": {}}), tmp_path, device="cpu")


def test_a_dataset_without_the_split(tmp_path: Path) -> None:
    from tests.workers.datasets import folders

    source = folders.segnet(tmp_path / "data", {"train": 4, "val": 2})
    task = tiny.retraining_task(dataset=source, split="test")
    with pytest.raises(DatasetError, match="no split 'test'"):
        retrain(task, tmp_path / "out", device="cpu")
