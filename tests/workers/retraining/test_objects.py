"""Objects of a retraining: every way under its name, tuned on what was not trained on, oracles apart."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from surrogate_zoo import LOSSES
from surrogate_zoo.errors import DatasetError, InputError
from tests.workers import tiny
from tests.workers.datasets import folders
from workers.datasets.layouts.registry import open_dataset
from workers.instances.scoring import Way, instance_scores, scores_of_ways
from workers.learning.hold_out import cut_hold_out
from workers.learning.image_stack import Stack, stack_by_size
from workers.networks.build import build_network
from workers.retraining.objects import check_ways, tune_ways
from workers.retraining.retraining import retrain
from workers.tasks.base import Stopped
from workers.tasks.hold_out import HoldOut
from workers.tasks.instances import ClusteringSpec
from workers.tasks.objects import ObjectOptions
from workers.tasks.retraining import RetrainingTask

CPU = torch.device("cpu")
THINGS = tuple(range(1, 6))
EMBEDDED = tiny.NETWORK.model_copy(update={"embedding": 4})
ASKED: dict[str, Any] = {
    "scoring": {"tolerance": 2, "clustering": {"radius": 0.5}},
    "clusterings": {
        "watershed": {"method": "watershed", "radius": 4},
        "components": {"method": "components"},
    },
    "tune_clustering": {"hold_out": 0.25, "factors": [0.5, 1, 2], "min_pixels": [1, 20]},
    "oracles": ["oracle-semantic", "oracle-centres"],
}


def objects_task(**changes: Any) -> RetrainingTask:
    asked = ASKED | {"network": EMBEDDED, "training": {"iterations": 6}} | changes
    return tiny.retraining_task("cross-entropy-discriminative", **asked)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    retrain(objects_task(), folder, device="cpu")
    return folder


@pytest.fixture(scope="module")
def network(whole: Path) -> nn.Module:
    built = build_network(EMBEDDED, 6)
    built.load_state_dict(load_file(whole / "weights.safetensors"))
    return built.eval()


@pytest.fixture(scope="module")
def scored() -> list[Stack]:
    return stack_by_size(open_dataset(tiny.SOURCE).read("val"), CPU, range(6))


@pytest.fixture(scope="module")
def held_out() -> list[Stack]:
    samples = open_dataset(tiny.SOURCE).read("train")
    cut = cut_hold_out(tiny.SOURCE, samples, HoldOut(share=0.25), seed=0)
    return stack_by_size(samples, CPU, cut.held)


def told(folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    return report


def test_every_way_is_scored_as_it_was_tuned(
    whole: Path, network: nn.Module, scored: list[Stack]
) -> None:
    report = told(whole)
    objects = report["objects"]
    assert [*objects["clusterings"]] == ["mean-shift", "watershed", "components"]
    ways = {
        name: Way(ClusteringSpec.model_validate(each))
        for name, each in objects["clusterings"].items()
    }
    oracles = {name: Way(ways["mean-shift"].clustering, name) for name in ASKED["oracles"]}
    scores = scores_of_ways(network, scored, THINGS, ways | oracles)
    assert objects["scores"] == {name: scores[name] for name in ways}
    assert objects["oracles"] == {name: scores[name] for name in oracles}
    assert objects["scores"]["mean-shift"].items() <= report["metrics"].items()
    assert not objects["oracles"].keys() & report["metrics"].keys()


def test_what_was_chosen_is_best_on_what_was_held_out(
    whole: Path, network: nn.Module, held_out: list[Stack]
) -> None:
    objects = told(whole)["objects"]
    tuning = objects["tuning"]
    assert tuning["score"] == "sbd"
    assert "6 of 24 training images held out" in tuning["hold_out"]
    asked = objects_task()
    assert asked.tune_clustering is not None
    for name, clustering in asked.ways.items():
        tried = [
            ClusteringSpec.model_validate(
                clustering.model_dump() | {"radius": radius, "min_pixels": least}
            )
            for radius in asked.tune_clustering.radii(clustering) or (None,)
            for least in (1, 20)
        ]
        reached = [instance_scores(network, held_out, THINGS, each)["sbd"] for each in tried]
        best = tried[reached.index(max(reached))]
        assert objects["clusterings"][name] == best.model_dump(mode="json")
        assert tuning["scores"][name] == max(reached)


def test_counts_are_tuned_downwards(network: nn.Module, held_out: list[Stack]) -> None:
    tuning = {"score": "dic", "factors": [1, 2], "min_pixels": [1, 30, 60]}
    options = ObjectOptions.model_validate(
        {"scoring": {"clustering": {"method": "components"}}, "tune_clustering": tuning}
    )
    chosen = tune_ways(options, network, held_out, THINGS, "cut")
    reached = {
        least: instance_scores(
            network, held_out, THINGS, ClusteringSpec(method="components", min_pixels=least)
        )["dic"]
        for least in (1, 30, 60)
    }
    assert len(set(reached.values())) > 1
    scores = {"components": min(reached.values())}
    assert chosen.told == {"score": "dic", "hold_out": "cut", "scores": scores}
    assert reached[chosen.ways["components"].min_pixels] == min(reached.values())


def test_nothing_is_tuned_unless_it_is_asked_for(tmp_path: Path) -> None:
    task = objects_task(tune_clustering=None, clusterings={}, oracles=())
    result = retrain(task, tmp_path, device="cpu")
    [clustering] = result.objects["clusterings"].values()
    assert clustering == task.ways["mean-shift"].model_dump(mode="json")
    assert result.objects.keys() == {"things", "clusterings", "scores", "oracles"}
    assert result.objects["things"] == list(THINGS)
    assert told(tmp_path)["objects"] == result.objects


def test_what_is_held_out_is_not_trained_on(whole: Path, tmp_path: Path) -> None:
    retrain(objects_task(tune_clustering=None), tmp_path, device="cpu")
    assert told(tmp_path)["curve"] != told(whole)["curve"]
    early = {"hold_out": 0.25, "every": 6}
    retrain(objects_task(tune_clustering=None, early_stop=early), tmp_path / "early", device="cpu")
    assert told(tmp_path / "early")["curve"] == told(whole)["curve"]


@pytest.mark.parametrize("stop_at", [2, 5])
def test_it_resumes_to_the_same_end(whole: Path, tmp_path: Path, stop_at: int) -> None:
    looks = iter(range(1, 100))
    with pytest.raises(Stopped):
        retrain(objects_task(), tmp_path, device="cpu", should_stop=lambda: next(looks) == stop_at)
    result = retrain(objects_task(), tmp_path, device="cpu")
    for name in ("metrics.json", "weights.safetensors", "objects.png"):
        assert name in result.files
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes()


def test_there_is_a_picture_of_every_way(whole: Path) -> None:
    with Image.open(whole / "objects.png") as picture:
        assert picture.size == ((2 + 3) * (220 + 6), 4 * (18 + 220 + 6))


def test_what_cannot_be_scored_is_refused_before_the_training(tmp_path: Path) -> None:
    entropy = LOSSES["cross-entropy"].document()
    with pytest.raises(InputError, match="the loss cross-entropy trains none: take one that does"):
        check_ways(objects_task(), THINGS, entropy)
    watershed = {"clustering": {"method": "watershed"}}
    check_ways(ObjectOptions.model_validate({"scoring": watershed}), THINGS, entropy)
    task = tiny.retraining_task(dataset=folders.segnet(tmp_path), scoring=watershed)
    with pytest.raises(DatasetError, match="the dataset tells none apart"):
        retrain(task, tmp_path / "out", device="cpu")
