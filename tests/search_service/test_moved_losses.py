"""Losses with parameters and chosen networks through whole services: REST, controller, real workers."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from api.client.client import Client
from api.client.errors import JobError
from api.client.jobs import Jobs
from search_service.settings import Settings
from tests.api.conftest import running
from tests.search_service.service import working
from tests.workers.tiny import NETWORK, SOURCE, training
from workers.cluster.pool import WorkerPool

pytestmark = pytest.mark.slow

SCHEDULE = {"dataset": "tiny", "training": training().model_dump(mode="json")}
NETWORKS = {"network": NETWORK.model_dump(mode="json")}
INVERSE = {"kind": "inverse_network", "iterations": 3, "batch_size": 4}
EDGE = {"kind": "edge_network", "iterations": 5, "crop": (32, 32)}


@pytest.fixture(scope="module")
def pool(local_ray: None) -> Iterator[WorkerPool]:
    with WorkerPool(actors=2) as pool:
        yield pool


@contextmanager
def service(template: Path, home: Path, pool: WorkerPool) -> Iterator[Client]:
    """A whole service on a fresh database, with a dataset."""
    home.mkdir()
    shutil.copy(template, home / "lossfit.db")
    settings = Settings(home=home)
    with (
        running(settings) as live,
        working(settings, pool),
        Client(str(live.http.base_url)) as client,
    ):
        client.datasets.register(name="tiny", source=SOURCE.model_dump(mode="json"))
        yield client


def finished(jobs: Jobs[Any], request: Mapping[str, object]) -> dict[str, Any]:
    """The result of a job that succeeds."""
    job = jobs.wait(jobs.submit(request).id)
    assert (job.state, job.error) == ("succeeded", None)
    assert job.result is not None
    return job.result


def trained(client: Client, network: Mapping[str, object], **changed: object) -> str:
    """SHA-256 of a loss network that is trained now."""
    body = {"dataset": "tiny", "network": {**network, **changed}}
    return str(finished(client.loss_networks, body)["sha256"])


def test_a_loss_that_is_downloaded_and_added_elsewhere_retrains_to_the_same_scores(
    sqlite_template: Path, tmp_path: Path, pool: WorkerPool
) -> None:
    request = SCHEDULE | NETWORKS | {"loss": "mine", "seed": 3}
    with service(sqlite_template, tmp_path / "here", pool) as client:
        client.losses.make("mine", "tversky", {"alpha": 0.25, "beta": 0.5})
        here = finished(client.retrainings, request)
        unscaled = finished(client.retrainings, request | {"scale": 1})
        file = client.losses.download("mine", tmp_path)
        client.losses.export(tmp_path / "zoo.zip")
    with service(sqlite_template, tmp_path / "there", pool) as client:
        added = client.losses.add(file)
        assert client.losses.import_from(tmp_path / "zoo.zip") == [added]
        assert added.sha256 == client.losses.get("mine").document["sha256"]
        there = finished(client.retrainings, request)
        ordinary = finished(client.retrainings, request | {"loss": "tversky"})
        client.losses.make("own", "tversky", {"alpha": 0.25, "beta": 0.5}, scale=1)
        own = finished(client.retrainings, request | {"loss": "own"})
    assert own["metrics"] == unscaled["metrics"] != here["metrics"]
    assert there["metrics"] == here["metrics"]
    assert ordinary["metrics"] != here["metrics"]


def test_variants_of_semeda_and_inverse_form_stand_in_one_comparison(
    sqlite_template: Path, tmp_path: Path, pool: WorkerPool
) -> None:
    with service(sqlite_template, tmp_path / "home", pool) as client:
        client.losses.make("semeda-all", "semeda", {"lambdas": [1, 0.5, 0.25]})
        client.losses.make("inverse-aet", "inverse-form", {"distance": "geodesic", "tiles": [1, 1]})
        aet = trained(client, INVERSE, architecture="convolutional", distance="geodesic")
        connected = trained(client, INVERSE)
        edge = trained(client, EDGE)
        losses = ["semeda", "semeda-all", "inverse-form", "inverse-aet"]
        body = SCHEDULE | {"losses": losses, "networks": [NETWORK.model_dump(mode="json")]}
        body |= {"seeds": 1, "images": 0, "learning_rates": [0.05], "rate_extensions": 0}
        body |= {"loss_networks": {"inverse-aet": {"inverse_network": aet}}}
        result = finished(client.comparisons, body)
        (job,) = client.comparisons.list()
        cells = {cell.loss: cell for cell in client.comparisons.cells(job.id).items}
        # What none was chosen for takes the newest, and a retraining with the other gives its scores.
        alone = SCHEDULE | NETWORKS | {"loss": "inverse-aet"}
        again = finished(client.retrainings, alone | {"loss_networks": {"inverse_network": aet}})
        newest = finished(client.retrainings, alone)
    taken = {network["sha256"]: network["losses"] for network in result["loss_networks"]}
    assert taken == {
        edge: ["semeda", "semeda-all"],
        connected: ["inverse-form"],
        aet: ["inverse-aet"],
    }
    assert set(cells) == set(losses)
    assert all(cell.error is None for cell in cells.values())
    assert cells["semeda"].metrics != cells["semeda-all"].metrics
    assert cells["inverse-form"].metrics != cells["inverse-aet"].metrics
    assert [network["sha256"] for network in again["loss_networks"]] == [aet]
    assert [network["sha256"] for network in newest["loss_networks"]] == [connected]
    assert again["metrics"] == cells["inverse-aet"].metrics != newest["metrics"]


def test_a_chosen_network_whose_weights_are_gone_is_told(
    sqlite_template: Path, tmp_path: Path, pool: WorkerPool
) -> None:
    with service(sqlite_template, tmp_path / "home", pool) as client:
        edge = trained(client, EDGE)
        (file,) = (tmp_path / "home" / "artifacts").rglob(f"*{edge[2:]}*")
        file.unlink()
        body = SCHEDULE | NETWORKS | {"loss": "semeda", "loss_networks": {"edge_network": edge}}
        job_id = client.retrainings.submit(body).id
        with pytest.raises(JobError, match="are not among the artifacts any more: train it again"):
            client.retrainings.wait(job_id)
