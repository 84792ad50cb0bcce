"""Losses, datasets, metrics and health over REST."""

import importlib
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from api.client.client import Client
from api.client.formats import Format
from search_service.catalogue import datasets
from search_service.catalogue.request import DatasetRequest
from search_service.samplers.registry import SAMPLERS
from search_service.store import artifacts
from search_service.store.database import make_engine
from search_service.store.lease import hold_lease
from surrogate_zoo import load_loss
from surrogate_zoo.curves.families import CURVE_FAMILIES
from surrogate_zoo.losses.document import surrogate_document
from surrogate_zoo.losses.parameter_space import ParameterSpace
from surrogate_zoo.losses.registry import LOSSES, needs_of
from surrogate_zoo.metrics.catalogue import METRICS
from surrogate_zoo.store import zoo
from surrogate_zoo.store.tables import LossNetwork
from tests.api.conftest import Live
from tests.api.requests import RETRAINING, SEARCH
from tests.api.routes.test_searches import pages_of, submit
from tests.api.test_problems import is_problem
from tests.conftest import DEADLINE
from workers.networks.architectures import ARCHITECTURES


def publish(live: Live, value: float) -> None:
    """Publish a surrogate of macc whose parameters all have one value."""
    space = ParameterSpace("macc")
    theta = np.full(space.dimension, value)
    document = surrogate_document("mine", "macc", space.control_points(theta))
    with live.sessions.begin() as session:
        zoo.publish(session, document, tags=["tried"])


def test_the_zoo_lists_what_is_built_in_page_after_page(live: Live) -> None:
    listed = [loss["name"] for page in pages_of(live.http, "/v1/losses", limit=4) for loss in page]
    assert listed == sorted(LOSSES)


def test_losses_can_be_listed_by_metric_and_tag(live: Live) -> None:
    publish(live, 0.3)
    of_macc = live.http.get("/v1/losses", params={"metric": "macc", "limit": 100}).json()["items"]
    assert {loss["metric"] for loss in of_macc} == {"macc"}
    tagged = live.http.get("/v1/losses", params={"tag": "tried"}).json()["items"]
    assert [(loss["name"], loss["tags"]) for loss in tagged] == [("mine", ["tried"])]
    assert live.http.get("/v1/losses", params={"metric": "no such"}).json()["items"] == []


def test_every_version_of_a_loss_stays(live: Live) -> None:
    publish(live, 0.3)
    publish(live, 0.4)
    newest = live.http.get("/v1/losses/mine").json()
    assert (newest["version"], newest["versions"]) == (2, [2, 1])
    first = live.http.get("/v1/losses/mine", params={"version": 1}).json()
    assert first["document"] != newest["document"]
    is_problem(live.http.get("/v1/losses/mine", params={"version": 3}), 404)


def test_a_downloaded_loss_trains_the_same_in_both_formats(
    live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(live, 0.3)
    with Client(str(live.http.base_url)) as client:
        formats: tuple[tuple[Format, str], ...] = (("json", "mine.json"), ("python", "mine.py"))
        for file_format, expected in formats:
            path = client.losses.download("mine", tmp_path, file_format=file_format)
            assert path == tmp_path / expected
    monkeypatch.syspath_prepend(tmp_path)
    loss = load_loss(tmp_path / "mine.json", num_classes=3)
    exported = importlib.import_module("mine").load(num_classes=3)
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn((2, 3, 8, 8), generator=generator)
    target = torch.randint(0, 3, (2, 8, 8), generator=generator)
    assert torch.equal(loss(logits, target), exported(logits, target))


def test_a_handmade_loss_has_a_python_file_too(live: Live) -> None:
    answer = live.http.get("/v1/losses/dice/download", params={"format": "python"})
    assert "class Dice(" in answer.text
    assert answer.headers["content-disposition"] == 'attachment; filename="dice.py"'


def test_a_downloaded_loss_file_is_the_stored_document(live: Live) -> None:
    downloaded = live.http.get("/v1/losses/dice/download").json()
    assert downloaded == live.http.get("/v1/losses/dice").json()["document"]


def test_a_loss_tells_what_it_needs(live: Live) -> None:
    for name in LOSSES:
        told, needs = live.http.get(f"/v1/losses/{name}").json()["needs"], needs_of(name)
        assert told == {"inputs": list(needs.inputs), "facts": list(needs.facts)}
    shown = live.http.get("/v1/losses/dice-boundary").json()["needs"]
    assert shown["inputs"] == list(needs_of("boundary").inputs) != []


def test_metrics_are_those_of_the_registry(live: Live) -> None:
    listed = {metric["name"]: metric for metric in live.http.get("/v1/metrics").json()["items"]}
    assert set(listed) == set(METRICS)
    assert (listed["miou"]["parameters"], listed["macc"]["parameters"]) == (12, 6)
    assert listed["bf1"]["parameters"] == 8


def test_networks_are_those_of_the_registry(live: Live) -> None:
    listed = {entry["name"]: entry for entry in live.http.get("/v1/networks").json()["items"]}
    assert list(listed) == list(ARCHITECTURES)
    assert all(
        entry["summary"] and entry["source"] for entry in listed.values() if not entry["package"]
    )
    assert listed["OCRNet"]["package"] is None
    unknown = RETRAINING | {"network": {"architecture": "FCN"}}
    assert "OCRNet" in is_problem(live.http.post("/v1/retrainings", json=unknown), 422).detail


def test_a_file_of_weights_must_lie_below_the_roots(
    serve: Callable[..., Live], tmp_path: Path
) -> None:
    path = tmp_path / "weights" / "encoder.safetensors"
    path.parent.mkdir()
    path.write_bytes(b"")
    live = serve(weights_roots=(path.parent,))
    fields = {"network": {"weights_file": f"{path.parent}/../weights/{path.name}"}}
    for collection, body in (("searches", SEARCH), ("retrainings", RETRAINING)):
        network = {"weights": None} | fields["network"]
        made = live.http.post(f"/v1/{collection}", json=body | {"network": network})
        assert made.status_code == 201, made.text
        assert made.json()["request"]["network"]["weights_file"] == str(path)
    for outside in ("/etc/passwd", f"{path.parent}/../x", f"{path.parent}/x"):
        body = RETRAINING | {"network": {"weights_file": outside}}
        assert "weights" in is_problem(live.http.post("/v1/retrainings", json=body), 422).detail


def test_curve_families_tell_the_constraints_that_they_keep(live: Live) -> None:
    listed = {entry["name"]: entry for entry in live.http.get("/v1/curve-families").json()["items"]}
    assert list(listed) == list(CURVE_FAMILIES)
    assert (listed["bezier"]["segments"], listed["linear"]["segments"]) == (None, 5)
    assert (listed["bezier"]["bounded"], listed["linear"]["bounded"]) == (True, False)
    kept = {name: (entry["truth_table"], entry["monotone"]) for name, entry in listed.items()}
    assert kept["bezier"] == kept["linear"] == (True, True)
    assert kept["bezier-no-monotonicity"] == (True, False)
    assert kept["bezier-unconstrained"] == (False, False)


def test_samplers_tell_options_that_a_search_takes(live: Live) -> None:
    listed = {entry["name"]: entry for entry in live.http.get("/v1/samplers").json()["items"]}
    assert set(listed) == {*SAMPLERS, "portfolio"}
    assert "Optuna" in listed["tpe"]["summary"]
    for name, sampler in listed.items():
        options = sampler["options"]["properties"]
        chosen = {option: schema["default"] for option, schema in options.items()}
        assert chosen["name"] == name
        metric = {"metric": "miou+macc"}
        made = live.http.post("/v1/searches", json=SEARCH | metric | {"sampler": chosen})
        assert (made.status_code, made.json()["request"]["sampler"]) == (201, chosen)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A plain folder of ten images and masks."""
    root = tmp_path / "datasets" / "ten"
    generator = np.random.default_rng(0)
    for kind, shape in (("images", (32, 32, 3)), ("masks", (32, 32))):
        (root / kind).mkdir(parents=True)
        for i in range(10):
            pixels = generator.integers(0, 2, shape, dtype=np.uint8)
            Image.fromarray(pixels).save(root / kind / f"{i}.png")
    return root


def test_a_dataset_is_listed_and_read_with_its_report(
    serve: Callable[..., Live], folder: Path
) -> None:
    live = serve(dataset_roots=(folder.parent,))
    source = {"layout": "folder", "root": str(folder), "classes": ["sky", "ground"]}
    request = DatasetRequest.model_validate({"name": "ten", "source": source})
    with live.sessions.begin() as session:
        datasets.register(session, live.settings, request)
    read = live.http.get("/v1/datasets/ten").json()
    assert sum(read["report"]["images"].values()) == 10
    entries = [entry for page in pages_of(live.http, "/v1/datasets", limit=1) for entry in page]
    assert [entry["name"] for entry in entries] == ["shapes", "ten"]
    assert entries[1] == read


def test_a_dataset_outside_the_roots_is_refused_at_once_also_through_a_link(
    serve: Callable[..., Live], folder: Path, tmp_path: Path
) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link").symlink_to(folder)
    live = serve(dataset_roots=(inside,))
    for root in (folder, inside / "link", inside / ".." / "datasets" / "ten"):
        source = {"layout": "folder", "root": str(root), "classes": ["sky", "ground"]}
        refused = live.http.post("/v1/registrations", json={"name": "x", "source": source})
        assert "LOSSFIT_DATASET_ROOTS" in is_problem(refused, 422).detail


def publish_network(live: Live, folder: Path, content: bytes, kind: str) -> LossNetwork:
    """Publish a file as a loss network of ``shapes``."""
    (folder / "weights").write_bytes(content)
    sha256, size = artifacts.store(live.settings.artifacts_root, folder / "weights")
    facts = {"spec": {}, "seed": 0, "measures": {"f1": 0.9}, "provenance": {"hold_out": 0.2}}
    with live.sessions.begin() as session:
        fingerprint = datasets.get(session, "shapes").report["fingerprint"]
        row = LossNetwork(kind=kind, fingerprint=fingerprint, sha256=sha256, bytes=size, **facts)
        return zoo.publish_loss_network(session, row)


def test_loss_networks_are_listed_by_dataset_and_downloaded(live: Live, tmp_path: Path) -> None:
    path = "/v1/datasets/shapes/loss-networks"
    assert live.http.get(path).json() == {"items": [], "next": None}
    made = [publish_network(live, tmp_path, bytes([i]) * 9, "edge_network") for i in range(5)]
    listed = [entry["sha256"] for page in pages_of(live.http, path, limit=2) for entry in page]
    assert listed == [entry.sha256 for entry in made][::-1]
    newest = live.http.get(path).json()["items"][0]
    assert (newest["kind"], newest["measures"], newest["bytes"]) == ("edge_network", {"f1": 0.9}, 9)
    file = live.http.get(f"{path}/{newest['sha256']}")
    assert file.content == bytes([4]) * 9
    assert 'filename="edge_network.safetensors"' in file.headers["content-disposition"]
    part = live.http.get(f"{path}/{newest['sha256']}", headers={"Range": "bytes=7-"})
    assert (part.status_code, part.content) == (206, bytes([4, 4]))


def test_readyz_warns_while_no_controller_runs(any_database: Live) -> None:
    assert any_database.http.get("/livez").json() == {"status": "ok", "warnings": []}
    assert "No controller" in any_database.http.get("/readyz").json()["warnings"][0]


def test_readyz_sees_a_controller(any_database: Live) -> None:
    engine = make_engine(any_database.settings.database)
    with hold_lease(engine):
        assert any_database.http.get("/readyz").json() == {"status": "ok", "warnings": []}
    deadline = time.monotonic() + DEADLINE  # PostgreSQL may notice late that a session has ended
    while not any_database.http.get("/readyz").json()["warnings"]:
        assert time.monotonic() < deadline
    engine.dispose()


def test_requests_are_counted_by_operation_not_by_path(live: Live) -> None:
    for name in ("dice", "cross-entropy", "nonsense"):
        live.http.get(f"/v1/losses/{name}")
    live.http.request("STRANGE", "/livez")
    text = live.http.get("/metrics").text
    counted = 'lossfit_http_requests_total{method="GET",operation="read_loss",status="200"} 2.0'
    assert counted in text
    assert 'operation="read_loss",status="404"} 1.0' in text
    assert 'method="other"' in text
    assert "STRANGE" not in text
    assert json.dumps("dice") not in text


def test_jobs_are_counted_by_kind_and_state(live: Live) -> None:
    first, _ = submit(live), submit(live)
    submit(live, "retrainings")
    live.http.post(f"/v1/searches/{first['id']}/cancel")
    text = live.http.get("/metrics").text
    for kind, state in (("search", "queued"), ("search", "cancelled"), ("retraining", "queued")):
        assert f'lossfit_jobs{{kind="{kind}",state="{state}"}} 1.0' in text
