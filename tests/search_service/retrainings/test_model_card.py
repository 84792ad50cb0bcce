"""The model card: its facts are those of the job, and its code runs."""

import re
from ast import literal_eval
from contextlib import chdir, redirect_stdout
from datetime import UTC, datetime
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from runpy import run_path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from search_service.retrainings.model_card import render
from search_service.retrainings.request import RetrainingRequest
from search_service.store.tables import Dataset
from surrogate_zoo.losses.document import signed, sum_document
from surrogate_zoo.losses.registry import LOSSES
from tests.workers import tiny
from workers.datasets.layouts.registry import open_dataset
from workers.datasets.reports.report import describe
from workers.instances.prediction import predict_instances
from workers.networks.trained import load_network
from workers.retraining.retraining import retrain
from workers.scoring.inference import predict
from workers.tasks.instances import ClusteringSpec
from workers.tasks.scoring import InferenceSpec, ScoringSpec

OUTCOME = {"metrics": {"miou": 0.51234, "mba": 0.4}, "seconds": 12.3}


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    report = describe(tiny.SOURCE).model_dump(mode="json")
    source = tiny.SOURCE.model_dump(mode="json")
    return Dataset(name="tiny", source=source, report=report, created_at=datetime.now(UTC))


def request(**fields: Any) -> RetrainingRequest:
    body = {"loss": "dice", "version": 3, "dataset": "tiny", "network": tiny.NETWORK.model_dump()}
    return RetrainingRequest.model_validate(body | fields)


def card(
    dataset: Dataset,
    asked: RetrainingRequest,
    loss: Any = None,
    networks: Any = (),
    objects: Any = None,
) -> str:
    document = loss or LOSSES["dice"].document()
    names = {"networks": networks, "job_id": "1234", "weights_sha256": "ab" * 32}
    outcome = OUTCOME | ({} if objects is None else {"objects": objects})
    return render(asked, dataset, document, outcome, **names)


def rows(text: str) -> dict[str, str]:
    """First and last cell of every row of a table."""
    cells = [re.split(r"(?<!\\)\|", line)[1:-1] for line in text.splitlines() if line[:1] == "|"]
    return {row[0].strip(): row[-1].strip() for row in cells}


def test_it_tells_where_the_weights_come_from(dataset: Dataset) -> None:
    text = card(dataset, request(training={"iterations": 77, "learning_rate": 0.125}, seed=5))
    told = rows(text)
    assert (told["network"], told["encoder"]) == ("Unet", r"tu-resnet18")
    assert told["encoder\\_depth"] == "2"
    assert told["start"] == "random weights"
    assert told["weights, SHA-256"] == "ab" * 32
    assert told["fingerprint"] == dataset.report["fingerprint"]
    assert told["images"] == "train 24, val 6, test 4"
    assert told["classes"].startswith(f"0 {dataset.report['classes'][0]}, 1 ")
    assert (told["name"], told["version"], told["loss"]) == ("dice", "3", "dice")
    assert (told["training.iterations"], told["training.learning\\_rate"]) == ("77", "0.125")
    assert told["seed"] == "5"
    assert (told["miou"], told["mba"]) == ("0.5123", "0.4000")
    assert "On the 6 images of split `val`" in text
    assert told["torch"] == version("torch")
    assert "job 1234" in text
    assert "beginning with" not in text


def test_a_sum_is_told_term_by_term_without_its_trials(dataset: Dataset) -> None:
    surrogate = LOSSES["asl-miou-voc"].document()
    surrogate = signed(surrogate | {"provenance": {"trials": ["many"] * 100}})
    dice = LOSSES["dice"].document()
    loss = sum_document("both", [(0.25, surrogate), (0.75, dice)], title="0.25*a+0.75*b")
    sum_of = {"loss": "0.25*asl-miou-voc+0.75*dice", "version": None}
    asked = request(**sum_of, versions={"asl-miou-voc": 2, "dice": 1})
    text = card(dataset, asked, loss)
    told = rows(text)
    assert told["term 1"] == "0.25 x asl-miou-voc, version 2"
    assert told["term 2"] == "0.75 x dice, version 1"
    (curve, points), *_ = surrogate["control_points"].items()
    assert told[f"term 1: control\\_points.{curve}"] == ", ".join(map(str, points))
    assert "many" not in text


def test_it_names_networks_of_the_loss_and_weights_of_others(dataset: Dataset) -> None:
    networks = [{"kind": "edge_network", "sha256": "cd" * 32, "measures": {"f1": 0.75}}]
    brought = tiny.NETWORK.model_dump() | {"weights_file": "/secret/place/own.safetensors"}
    text = card(dataset, request(network=brought), networks=networks)
    told = rows(text)
    assert (told["edge\\_network.sha256"], told["edge\\_network.f1"]) == ("cd" * 32, "0.75")
    assert "beginning with weights of others (own.safetensors)" in text
    assert "secret" not in text


def test_it_names_the_heads_that_stay(dataset: Dataset) -> None:
    headed = tiny.NETWORK.model_dump() | {"embedding": 8, "seediness": True}
    told, without = rows(card(dataset, request(network=headed))), rows(card(dataset, request()))
    assert (told["embedding head"], told["seediness head"]) == ("8 channels", "yes")
    assert not {"embedding head", "seediness head"} & without.keys()
    placed = rows(card(dataset, request(network=headed | {"coordinates": 4})))
    assert placed["embedding head"] == "8 channels, with places in units of 4.0 pixels"


OBJECTS = {
    "things": [1, 2],
    "clusterings": {
        "mean-shift": ClusteringSpec(radius=0.75, min_pixels=5).model_dump(mode="json"),
        "plain": ClusteringSpec(method="components").model_dump(mode="json"),
    },
    "scores": {"mean-shift": {"sbd": 0.625, "dic": 2.5}, "plain": {"sbd": 0.5}},
    "oracles": {"oracle-centres": {"sbd": 0.875}},
    "tuning": {"score": "sbd", "hold_out": "2 of 24 training images held out", "scores": {}},
}


def test_it_tells_how_objects_are_made_and_what_they_score(dataset: Dataset) -> None:
    text = card(dataset, request(), objects=OBJECTS)
    _, _, section = text.partition("## Objects")
    section, _, _ = section.partition("## Dataset")
    names = dataset.report["classes"]
    assert f"Every object of {names[1]}, {names[2]} is told apart." in section
    tables = [line for line in section.splitlines() if line[:1] == "|"]
    assert tables[2] == "| mean-shift | radius=0.75, min\\_pixels=5 |"
    assert tables[3] == "| plain | method='components' |"
    head, rule, first, plain = tables[4:8]
    assert head.startswith(
        r"| way | SBD | \|DiC\|, objects (lower is better) | DiC, objects | AP |"
    )
    assert rule.count("---") == head.replace(r"\|", "").count("|") - 1
    assert first.startswith("| mean-shift | 0.6250 | 2.5000 |  |")
    assert plain.startswith("| plain | 0.5000 |  |")
    assert tables[-1].startswith("| oracle-centres | 0.8750 |")
    assert "chosen by sbd on images that were not trained on (2 of 24" in section
    assert "## Objects" not in card(dataset, request())


def test_its_code_counts_objects(dataset: Dataset, tmp_path: Path) -> None:
    embedded = tiny.NETWORK.model_copy(update={"embedding": 4})
    task = tiny.retraining_task(
        "cross-entropy-discriminative",
        network=embedded,
        scoring=ScoringSpec(clustering=ClusteringSpec(radius=0.5, min_pixels=3)),
    )
    result = retrain(task, tmp_path, device="cpu")
    text = card(dataset, request(network=embedded), objects=dict(result.objects))
    (code,) = re.findall(r"```python\n(.*?)```", text, re.S)
    tiny_dataset = open_dataset(tiny.SOURCE)
    image = tiny_dataset.sample("val", 0).image
    Image.fromarray(image).save(tmp_path / "image.png")
    (tmp_path / "use.py").write_text(code)
    with chdir(tmp_path), redirect_stdout(StringIO()) as printed:
        run_path("use.py")
    network, _ = load_network(tmp_path / "weights.safetensors")
    pixels = torch.from_numpy(image)[None]
    [objects] = predict_instances(network, pixels, tiny_dataset.things, task.ways["mean-shift"])
    with Image.open(tmp_path / "objects.png") as numbers:
        assert np.array_equal(np.asarray(numbers), objects.instances.numpy())
    assert printed.getvalue().splitlines()[-1] == f"{len(objects.labels)} objects"


def test_a_name_cannot_break_the_tables(dataset: Dataset) -> None:
    report = dataset.report | {"classes": ["a|b", "<script>", "`c`\n| d"]}
    strange = Dataset(name="tiny", source=dataset.source, report=report)
    text = card(strange, request())
    assert rows(text)["classes"] == r"0 a\|b, 1 \<script\>, 2 \`c\` \| d"


@pytest.mark.parametrize(
    ("inference", "size"), [({}, None), ({"window": (16, 16), "flip": True}, (24, 40))]
)
def test_its_code_runs_and_predicts(
    dataset: Dataset,
    tmp_path: Path,
    inference: dict[str, Any],
    size: tuple[int, int] | None,
) -> None:
    retrain(tiny.retraining_task(), tmp_path, device="cpu")
    sized = Dataset(name="tiny", source=dataset.source | {"size": size}, report=dataset.report)
    (code,) = re.findall(r"```python\n(.*?)```", card(sized, request(inference=inference)), re.S)
    image = open_dataset(tiny.SOURCE).sample("val", 0).image
    Image.fromarray(image).save(tmp_path / "image.png")
    (tmp_path / "use.py").write_text(code)
    with chdir(tmp_path), redirect_stdout(StringIO()) as printed:
        run_path("use.py")
    network, classes = load_network(tmp_path / "weights.safetensors")
    assert list(classes) == dataset.report["classes"]
    seen: Image.Image = Image.open(tmp_path / "image.png")
    seen = seen if size is None else seen.resize(size[::-1], Image.Resampling.BILINEAR)
    pixels = torch.from_numpy(np.array(seen))[None]
    expected = predict(network, pixels, InferenceSpec(**inference))[0].numpy()
    with Image.open(tmp_path / "labels.png") as labels:
        assert np.array_equal(np.asarray(labels), expected)
    assert set(literal_eval(printed.getvalue())) == set(classes)
