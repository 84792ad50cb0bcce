"""The command line against a whole service: API, controller and Ray workers, as users run them."""

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from safetensors import safe_open
from typer.testing import CliRunner, Result

from api.cli.app import app
from api.cli.serving.embedded import embedded_service
from api.client.client import Client
from api.event_schemas import LossNetworkEvent, ProgressEvent, StageEvent, StateEvent, TrialEvent
from surrogate_zoo import load_loss
from tests.conftest import DEADLINE

DATASET = ["train=16", "val=4", "test=4", "height=32", "width=32"]
# A shallow network's batch statistics are of many values.
SHALLOW = {"encoder_depth": 2, "decoder_channels": [16, 8]}
SPEC = json.dumps({"architecture": "Unet", "encoder": "tu-resnet18", "options": SHALLOW})
NETWORK = [f"network={SPEC}"]
TRAINING = [
    *("training.iterations=2", "training.warmup=0", "training.batch_size=2"),
    "training.crop=[32,32]",
]
SAMPLER = ['sampler={"name": "random", "trials": 4, "batch": 2}', "proxy_size=null"]


@dataclass(frozen=True)
class Service:
    """A running service, and its command line."""

    client: Client
    home: Path

    def run(self, *arguments: str, fails: bool = False, **sets: list[str]) -> str:
        """Run a command; give what it printed."""
        result = self.invoke(*arguments, fails=fails, **sets)
        return result.stderr if fails else result.stdout

    def invoke(self, *arguments: str, fails: bool = False, **sets: list[str]) -> Result:
        """Run a command; give both of its outputs."""
        options = [part for one in sets.get("sets", []) for part in ("--set", one)]
        command = [*arguments, *options, "--url", self.client.url]
        result = CliRunner().invoke(app, command)
        assert (result.exit_code != 0) == fails, result.output
        return result


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("service")
    with embedded_service(home) as client:
        service = Service(client, home)
        service.run("datasets", "add", "tiny", "--layout", "shapes", sets=DATASET)
        yield service
        ours = processes(home)
    _, alive = psutil.wait_procs(ours, timeout=DEADLINE)
    assert not alive  # a stopped service leaves nothing behind


def wait_until_controlled(client: Client, *, controlled: bool = True) -> None:
    deadline = time.monotonic() + DEADLINE
    while bool(client.health.ready().warnings) == controlled:
        assert time.monotonic() < deadline


@pytest.fixture(scope="module")
def search(service: Service) -> dict[str, object]:
    """A finished search."""
    sets = SAMPLER + NETWORK + TRAINING
    printed = service.run("search", "macc", "tiny", "--name", "found", "--json", sets=sets)
    return dict(json.loads(printed))


def retrain(service: Service, loss: str, seed: int = 0) -> str:
    asked = ["retrain", loss, "tiny", "--seed", str(seed), "--json"]
    printed = service.run(*asked, sets=NETWORK + TRAINING)
    return str(json.loads(printed)["id"])


def test_two_workers_share_a_retraining(service: Service) -> None:
    sets = [*NETWORK, *TRAINING, "training.batch_size=4"]
    asked = ["retrain", "dice", "tiny", "--json"]
    alone, shared = (
        json.loads(service.run(*asked, sets=[*sets, f"devices={devices}"])) for devices in (1, 2)
    )
    assert service.client.retrainings.get(shared["id"]).request["devices"] == 2
    # A pixel whose two best classes are a rounding apart moves no other score as little.
    one, two = (job["result"]["metrics"]["gacc"] for job in (alone, shared))
    assert two == pytest.approx(one, abs=2e-3)
    uneven = service.run("retrain", "dice", "tiny", sets=[*sets, "devices=3"], fails=True)
    assert "devices must cut the 4 images of a forward pass into equal parts" in uneven


def test_a_search_ends_with_a_loss_in_the_zoo(service: Service, search: dict[str, Any]) -> None:
    assert search["result"]["loss"] == "found"
    shown = json.loads(service.run("losses", "show", "found", "--json"))
    assert shown["metric"] == "macc"
    assert shown["document"]["provenance"]
    assert "found" in service.run("losses", "list", "--metric", "macc")


def test_the_answer_of_a_search_is_shown(service: Service, search: dict[str, Any]) -> None:
    shown = service.run("jobs", "show", str(search["id"]))
    assert "The loss for mAcc: found v1" in shown
    assert "no race compared it with other losses" in shown
    assert "lossfit losses download found" in shown
    written = ("--tag", "first", "--tag", "paper", "--note", "Of the first lens.")
    service.run("jobs", "annotate", str(search["id"])[:8], *written)
    assert "first, paper" in service.run("jobs", "list", "--tag", "first", "--tag", "paper")
    assert service.run("jobs", "list", "--tag", "second") == ""
    assert "Of the first lens." in service.run("jobs", "show", str(search["id"]))
    full = json.loads(service.run("jobs", "show", str(search["id"]), "--json"))
    assert full["result"] == search["result"]


def test_a_search_leaves_its_figures_and_tables(
    service: Service, search: dict[str, Any], tmp_path: Path
) -> None:
    service.run("jobs", "fetch", str(search["id"]), str(tmp_path))
    names = {path.name for path in tmp_path.iterdir()}
    pictures = {"scores.png", "curves.png", "path.png", "surface.png", "trade-off.png"}
    drawn = {name.replace(".png", ".svg") for name in pictures}
    assert names == {"loss.json", "study.db", "trials.csv", "report.html"} | pictures | drawn
    assert len((tmp_path / "trials.csv").read_text().splitlines()) == 5


def test_a_trial_of_a_finished_search_is_published(
    service: Service, search: dict[str, Any]
) -> None:
    service.run("jobs", "publish", str(search["id"]), "1", "second")
    shown = json.loads(service.run("losses", "show", "second", "--json"))
    assert shown["document"]["provenance"]["chosen"]["trial"] == 1
    refused = service.run("jobs", "publish", str(search["id"]), "1", "dice", fails=True)
    assert "built-in loss" in refused


def test_a_downloaded_loss_needs_torch_alone(
    service: Service, search: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "found.py"
    service.run("losses", "download", "found", "--format", "python", "--output", str(path))
    program = (
        "import sys, torch, found\n"
        "loss = found.load(num_classes=3)\n"
        "logits = torch.zeros((1, 3, 8, 8), requires_grad=True)\n"
        "loss(logits, torch.ones((1, 8, 8), dtype=torch.int64)).backward()\n"
        "assert logits.grad.abs().sum() > 0\n"
        "assert not any(name.startswith(('surrogate_zoo', 'workers')) for name in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path)


def test_retrainings_are_compared_loss_by_loss(
    service: Service, search: dict[str, Any], tmp_path: Path
) -> None:
    jobs = [retrain(service, "found"), retrain(service, "cross-entropy")]
    jobs.append(retrain(service, "cross-entropy", seed=1))
    table = service.run("compare", "--jobs", *jobs)
    assert "found v1" in table
    (row,) = [line for line in table.splitlines() if "cross-entropy v1" in line]
    assert row.count("±") == 8
    shown = service.run("jobs", "show", jobs[0][:8])
    assert "mIoU" in shown
    assert f"lossfit compare --jobs {jobs[0]}" in shown
    service.run("jobs", "fetch", jobs[0][:8], str(tmp_path))
    assert {"metrics.json", "weights.safetensors", "predictions.png"} <= {
        path.name for path in tmp_path.iterdir()
    }
    with safe_open(tmp_path / "weights.safetensors", framework="pt") as weights:
        assert weights.keys()


def test_every_event_of_the_service_is_typed(
    service: Service, search: dict[str, object], edge_network: dict[str, object]
) -> None:
    client = service.client
    printed = service.run("retrain", "semeda", "tiny", "--json", sets=NETWORK + TRAINING)
    ids = [str(search["id"]), str(json.loads(printed)["id"]), next(client.loss_networks.list()).id]
    found = [client.find(job_id) for job_id in ids]
    events = [event for jobs, job in found for event in jobs.events(job.id)]
    assert {type(event) for event in events} == {
        *(StateEvent, StageEvent, TrialEvent, ProgressEvent, LossNetworkEvent)
    }
    assert [event.event for event in events if event.model_extra] == []


EDGE = ["network.iterations=5", "network.crop=[32,32]"]


@pytest.fixture(scope="module")
def edge_network(service: Service) -> dict[str, object]:
    """What the training of an edge network on ``tiny`` ended with."""
    printed = service.run("loss-networks", "train", "edge", "tiny", "--json", sets=EDGE)
    return dict(json.loads(printed)["result"])


def test_a_loss_network_is_trained_listed_and_downloaded(
    service: Service, edge_network: dict[str, object], tmp_path: Path
) -> None:
    sha256 = str(edge_network["sha256"])
    assert sha256 in service.run("loss-networks", "list", "tiny")
    (listed,) = json.loads(service.run("loss-networks", "list", "tiny", "--json"))
    assert listed["measures"] == edge_network["measures"]
    path = tmp_path / "edge.safetensors"
    service.run("loss-networks", "download", "edge", "tiny", "--output", str(path))
    assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    loss = load_loss("semeda", num_classes=6, edge_network=path)
    logits = torch.zeros((1, 6, 8, 8), requires_grad=True)
    loss(logits, torch.ones((1, 8, 8), dtype=torch.int64)).backward()
    assert "edge network on tiny" in service.run("jobs", "list")
    refused = service.run("loss-networks", "download", "inverse", "tiny", fails=True)
    assert "lossfit loss-networks train inverse tiny" in refused


def test_a_retraining_with_a_sum_takes_the_edge_network_and_says_so(
    service: Service, edge_network: dict[str, object]
) -> None:
    loss = "0.5*cross-entropy+0.5*semeda"
    result = service.invoke("retrain", loss, "tiny", "--json", sets=NETWORK + TRAINING)
    assert f"retrain with {loss} on tiny: takes the edge network that was trained" in result.stderr
    job = json.loads(result.stdout)
    (taken,) = job["result"]["loss_networks"]
    assert taken["sha256"] == edge_network["sha256"]
    table = service.run("compare", "--jobs", job["id"], retrain(service, "cross-entropy"))
    assert f"{loss} (cross-entropy v1, semeda v1)" in table


@pytest.mark.slow
def test_a_retraining_on_a_dataset_without_networks_says_that_it_trains_one(
    service: Service,
) -> None:
    service.run("datasets", "add", "untrained", "--layout", "shapes", sets=[*DATASET, "seed=1"])
    edges = 'loss_network_specs=[{"kind": "edge_network", "iterations": 20}]'
    result = service.invoke("retrain", "semeda", "untrained", sets=[*NETWORK, *TRAINING, edges])
    assert "training the edge network first" in result.stderr
    assert "trained the edge network (" in result.stderr


def test_metrics_are_listed(service: Service) -> None:
    assert "boundary-iou" in service.run("metrics")
    listed = {metric["name"]: metric for metric in json.loads(service.run("metrics", "--json"))}
    assert listed["kappa"]["parameters"] == 12
    assert listed["kappa"]["package"] is None


def test_networks_are_listed(service: Service) -> None:
    assert "OCRNet" in service.run("networks")
    listed = {network["name"] for network in json.loads(service.run("networks", "--json"))}
    assert {"DeepLabV3Plus", "HierarchicalOCRNet"} <= listed


def test_curve_families_and_samplers_are_listed(service: Service) -> None:
    assert "bezier-unconstrained" in service.run("curve-families")
    families = json.loads(service.run("curve-families", "--json"))
    assert {family["name"] for family in families if family["bounded"]} >= {"bezier"}
    assert "startup=8" in service.run("samplers")
    assert "tpe" in {sampler["name"] for sampler in json.loads(service.run("samplers", "--json"))}


def test_what_a_loss_needs_is_shown(service: Service) -> None:
    needs = json.loads(service.run("losses", "show", "semeda", "--json"))["needs"]
    assert needs["facts"] == ["edge_network"]


def test_what_cannot_be_compared_is_refused(service: Service, search: dict[str, Any]) -> None:
    sets = [*NETWORK, *TRAINING, "training.momentum=0.5"]
    other = json.loads(service.run("retrain", "dice", "tiny", "--json", sets=sets))["id"]
    refused = service.run("compare", "--jobs", retrain(service, "dice"), other, fails=True)
    assert "differ in training" in refused
    refused = service.run("compare", "--jobs", other, "--rate", "0.1", "--detach", fails=True)
    assert "--rate, --detach would change a new comparison" in refused
    refused = service.run("compare", "--jobs", other, "--preset", "quick", fails=True)
    assert "--preset would change a new comparison" in refused


def test_a_detached_job_is_watched_paused_resumed_and_cancelled(service: Service) -> None:
    sets = SAMPLER + NETWORK + [*TRAINING, "training.iterations=100000"]
    job = service.run("search", "macc", "tiny", "--detach", sets=sets).strip()
    assert job in service.run("jobs", "list")
    service.run("jobs", "pause", job)
    wait_for_state(service, job, "paused")
    service.run("jobs", "resume", job)
    service.run("jobs", "cancel", job)
    wait_for_state(service, job, "cancelled")
    assert "cancelled" in service.run("jobs", "watch", job, fails=True)
    assert "cancelled" in service.run("jobs", "cancel", job, fails=True)


def wait_for_state(service: Service, job: str, state: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while service.client.searches.get(job).state != state:
        assert time.monotonic() < deadline


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["search", "nonsense", "tiny"], "Known: ap, ap-coco, ap50, bf1"),
        (["search", "miuo", "tiny"], "Did you mean 'miou'?"),
        (["retrain", "dice", "tiny", "--set", "network.encoder=resnet19"], "'resnet18'"),
        (["search", "macc", "nonsense"], "Known: shapes"),
        (["search", "macc", "tiny", "--set", "training"], "FIELD=VALUE"),
        (["search", "macc", "tiny", "--set", "seed.x=1"], "seed has no fields"),
        (["search", "macc", "tiny", "--set", "training.iterations=-1"], "training.iterations"),
        (["search", "macc", "tiny", "--set", "seed=NaN"], "cannot be written as JSON"),
        (["retrain", "dice", "tiny", "--key", "schlüssel"], "printable ASCII"),
        (["retrain", "nonsense", "tiny"], "nonsense"),
        (["retrain", "dice+nonsense", "tiny"], "nonsense"),
        (["retrain", "dice+lovasz", "tiny", "--version", "1"], "version is of a single loss"),
        (["loss-networks", "list", "nonsense"], "nonsense"),
        (["jobs", "show", "nonsense"], "lossfit jobs list"),
        (["losses", "show", "nonsense"], "nonsense"),
        (["losses", "show", ""], "names nothing"),
        (["losses", "download", "dice", "--output", "/dev/null/x"], "cannot be written"),
        (["datasets", "add", "x", "/nowhere", "--classes", "a,b"], "LOSSFIT_DATASET_ROOTS"),
    ],
)
def test_mistakes_are_told_in_one_message(
    service: Service, arguments: list[str], told: str
) -> None:
    message = service.run(*arguments, fails=True)
    assert message.startswith("Error: ")
    assert told in message
    assert "Traceback" not in message


def test_losses_are_compared_in_one_job_and_its_files_fetched(
    service: Service, tmp_path: Path
) -> None:
    sets = [f"networks=[{SPEC}]", *TRAINING, "images=1"]
    asked = ["compare", "cross-entropy", "dice", "--dataset", "tiny", "--seeds", "1", "--key", "k"]
    sets.append("rate_extensions=0")
    printed = service.run(*asked, "--rate", "0.01", "--json", sets=sets)
    job = json.loads(printed)
    # The same key shows the same job again, as a table.
    shown = service.run(*asked, "--rate", "0.01", sets=sets)
    assert "half of the 95% interval" in shown
    assert "The best learning rate is the only one that was tried" in shown
    assert (job["result"]["cells"], job["result"]["failed"]) == (2, 0)
    assert "2 losses by" in service.run("jobs", "list")
    assert f"Job:              {job['id']}" in shown
    service.run("jobs", "fetch", job["id"], str(tmp_path))
    assert {one.name for one in tmp_path.iterdir()} == {*job["result"]["files"]}
    assert "**Unet with" in (tmp_path / "comparison.md").read_text()


@pytest.mark.slow
def test_a_killed_controller_comes_back_and_goes_on(service: Service) -> None:
    wait_until_controlled(service.client)
    job = service.run("search", "bf1", "tiny", "--detach", sets=SAMPLER + NETWORK + TRAINING)
    (controller,) = [
        one for one in processes(service.home) if "search_service.process" in one.cmdline()
    ]
    controller.kill()
    wait_until_controlled(service.client, controlled=False)
    wait_until_controlled(service.client)
    assert "it starts again in" in (service.home / "service.log").read_text()
    assert json.loads(service.run("jobs", "watch", job.strip(), "--json"))["result"]["trials"] == 4


def processes(home: Path) -> list[psutil.Process]:
    """The service in ``home`` and everything that it started."""
    (root,) = [one for one in psutil.Process().children() if f"--home={home}" in one.cmdline()]
    return [root, *root.children(recursive=True)]
