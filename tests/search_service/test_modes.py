"""Data of one channel, and of classes that overlap, through the service, from a search to a comparison."""

import json
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from runpy import run_path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sqlalchemy import Engine

from search_service.catalogue import datasets
from search_service.catalogue.request import DatasetRequest
from search_service.comparisons.admission import cells as cells_of
from search_service.comparisons.request import ComparisonRequest
from search_service.jobs import lifecycle as jobs
from search_service.jobs.fields import JobRequest
from search_service.loss_networks.request import LossNetworkRequest
from search_service.retrainings.request import RetrainingRequest
from search_service.searches.request import SearchRequest
from search_service.settings import Settings
from search_service.store.artifacts import open_artifact
from surrogate_zoo import load_loss
from surrogate_zoo.errors import InputError
from tests.search_service.here_pool import HerePool
from tests.search_service.service import Desk, create, working
from tests.workers.datasets.folders import save
from tests.workers.tiny import NETWORK, training
from workers.cluster.pool import WorkerPool
from workers.datasets.layouts.registry import open_dataset
from workers.tasks.datasets import FolderSource, ShapesSource

pytestmark = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)

MODES = ("binary", "multilabel")
TINY: dict[str, Any] = {
    "dataset": "own",
    "network": NETWORK.model_dump(),
    "training": training().model_dump(),
}


def written(root: Path, mode: str) -> FolderSource:
    """Shapes as their owner would have them: 0 and 255, a folder for each class where they overlap."""
    shapes = open_dataset(ShapesSource(mode=mode, height=32, width=32, train=16, val=4, test=1))  # type: ignore[arg-type]
    for split in ("train", "val"):
        names = shapes.names(split)
        (root / f"{split}.txt").parent.mkdir(parents=True, exist_ok=True)
        (root / f"{split}.txt").write_text("\n".join(names))
        for index, name in enumerate(names):
            sample = shapes.sample(split, index)
            save(root / f"images/{name}.png", sample.image)
            stored = np.where(sample.mask == 255, 9, 255 * sample.mask).astype(np.uint8)
            if mode == "binary":
                save(root / f"masks/{name}.png", stored)
            for label, own in enumerate(shapes.classes if mode == "multilabel" else ()):
                save(root / f"masks/{own}/{name}.png", stored[..., label])
    fields = {"labels": {255: 1}, "void_labels": (9,), "mode": mode, "classes": shapes.classes}
    several = {"mask_name": "{class}/{image}"} if mode == "multilabel" else {}
    return FolderSource.model_validate({"root": str(root), **fields, **several})


@pytest.fixture
def desk(engine: Engine, settings: Settings, mode: str, tmp_path: Path) -> Desk:
    desk = Desk(engine)
    allowed = settings.model_copy(update={"dataset_roots": (tmp_path,)})
    request = DatasetRequest(name="own", source=written(tmp_path / "own", mode))
    with desk.writing.begin() as session:
        datasets.register(session, allowed, request)
    return desk


def kept(desk: Desk, settings: Settings, job_id: str) -> dict[str, Path]:
    with desk.reading() as session:
        return {
            file.name: open_artifact(settings.artifacts_root, file.sha256)
            for file in jobs.artifacts(session, job_id)
        }


@pytest.mark.parametrize("mode", MODES)
def test_a_retraining_ends_with_a_card_whose_code_runs(
    desk: Desk, settings: Settings, mode: str, tmp_path: Path
) -> None:
    early = {"metric": "dice", "every": 2, "patience": 1, "hold_out": {"share": 0.25}}
    job_id = desk.submit(
        RetrainingRequest.model_validate({**TINY, "loss": "lovasz", "early_stop": early})
    )
    with working(settings, HerePool()):
        job = desk.wait_for(job_id)
    assert (job.state, job.error) == ("succeeded", None)
    files = kept(desk, settings, job_id)
    with desk.reading() as session:
        report = datasets.get(session, "own").report
    classes = report["classes"]
    assert list(json.loads(files["metrics.json"].read_text())["class_iou"]) == classes
    card = files["model-card.md"].read_text()
    told = "by one channel (sigmoid)" if mode == "binary" else "any or none of them"
    assert told in card
    place = tmp_path / "elsewhere"
    place.mkdir()
    (place / "weights.safetensors").write_bytes(files["weights.safetensors"].read_bytes())
    Image.new("RGB", (40, 32)).save(place / "image.png")
    (place / "code.py").write_text(card.partition("```python\n")[2].partition("```")[0])
    with chdir(place):
        run_path("code.py")
    name = "labels.png" if mode == "binary" else f"labels-{len(classes) - 1}.png"
    with Image.open(place / name) as labels:
        assert labels.size == (40, 32)
        assert set(np.unique(np.asarray(labels)).tolist()) <= {0, 1, 255}


@pytest.mark.parametrize("mode", ["multilabel"])
@pytest.mark.usefixtures("mode")
def test_what_has_no_meaning_for_overlapping_classes_is_refused(desk: Desk) -> None:
    search = {"metric": "miou", "preset": "quick", "dataset": "own"}
    compared = {**TINY, "networks": [TINY["network"]], "losses": ["dice"], "metric": "kappa"}
    compared.pop("network")
    asked: list[tuple[type[JobRequest], dict[str, Any], str]] = [
        (RetrainingRequest, {**TINY, "loss": "semeda"}, "borders and objects of classes"),
        (RetrainingRequest, {**TINY, "loss": "0.5*dice+inverse-form"}, "takes no multi-labels"),
        (RetrainingRequest, {**TINY, "loss": "naive-kappa"}, "kappa compares the classes"),
        (RetrainingRequest, {**TINY, "loss": "dice", "early_stop": {"metric": "kappa"}}, "kappa"),
        (ComparisonRequest, compared, "kappa compares the classes"),
        (SearchRequest, search | {"metric": "kappa"}, "kappa compares the classes"),
        (SearchRequest, search | {"mode": "multiclass"}, "mode is multiclass, and the dataset own"),
        (LossNetworkRequest, {"dataset": "own", "network": {"kind": "edge_network"}}, "overlap"),
    ]
    for kind, body, told in asked:
        with pytest.raises(InputError, match=told):
            desk.submit(kind.model_validate(body))


@pytest.fixture(scope="module")
def pool(local_ray: None) -> Iterator[WorkerPool]:
    with WorkerPool(actors=2) as pool:
        yield pool


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_a_search_finds_a_loss_that_is_retrained_and_compared(
    desk: Desk, settings: Settings, mode: str, pool: WorkerPool
) -> None:
    sampler = {"name": "portfolio", "trials": 2, "batch": 2, "rates": [1.0]}
    body = {
        **TINY,
        "metric": "dice",
        "name": "found",
        "sampler": sampler,
        "space": {"name": "zoo", "losses": ["lovasz", "focal"]},
        "race": {"heats": 0, "rounds": 2, "starters": 1},
        "halving": None,
        "proxy_size": None,
    }
    with working(settings, pool):
        search = desk.wait_for(desk.submit(SearchRequest.model_validate(body)))
        assert (search.state, search.error) == ("succeeded", None)
        losses = {
            "losses": ["found", "dice"],
            "seeds": 1,
            "networks": [TINY["network"]],
            "images": 1,
        }
        asked = {name: value for name, value in TINY.items() if name != "network"} | losses
        with desk.writing.begin() as session:
            job_id = create(session, ComparisonRequest.model_validate(asked)).id
        comparison = desk.wait_for(job_id)
    assert (comparison.state, comparison.error) == ("succeeded", None)
    assert search.request["mode"] == (None if mode == "binary" else "multilabel")
    assert all(0 <= score <= 1 for _, _, score in desk.trials(search.id) if score is not None)
    document = desk.published(search.id)
    assert document.get("mode") == search.request["mode"]
    channels = 1 if mode == "binary" else 5
    target = torch.randint(0, 2, (2, 8, 8) if mode == "binary" else (2, 5, 8, 8))
    loss = load_loss(document, num_classes=channels)
    assert torch.isfinite(loss(torch.randn(2, channels, 8, 8), target))
    with desk.reading() as session:
        cells = cells_of(session, comparison.id)
        classes = datasets.get(session, "own").report["classes"]
    assert [list(cell.outcome["class_iou"]) for cell in cells] == [classes] * 2
    text = kept(desk, settings, comparison.id)["comparison.csv"].read_text()
    assert "found" in text
