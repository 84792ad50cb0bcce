"""Every route has a method, and what the methods give is typed; against the real service."""

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from starlette.types import ASGIApp, Receive, Scope, Send

from api.app import create_app
from api.client.client import Client
from api.client.errors import ServiceError
from api.client.jobs import Jobs
from search_service.catalogue import datasets
from search_service.catalogue.request import DatasetRequest
from search_service.comparisons.request import ComparisonRequest
from search_service.jobs import ledger
from search_service.kinds import KINDS
from search_service.loss_networks.request import LossNetworkRequest
from search_service.registrations.request import RegistrationRequest
from search_service.retrainings.request import RetrainingRequest
from search_service.searches.request import SearchRequest
from search_service.store import artifacts
from search_service.store.tables import Artifact, Trial
from surrogate_zoo import METRICS
from surrogate_zoo.store.tables import now
from tests.api.conftest import Live, listening
from tests.api.requests import COMPARISON, LOSS_NETWORK, REGISTRATION, RETRAINING, SEARCH

METHODS = {"get", "post", "put", "patch", "delete"}
REQUESTS: dict[str, dict[str, Any]] = {
    "searches": SEARCH,
    "retrainings": RETRAINING,
    "comparisons": COMPARISON,
    "loss_networks": LOSS_NETWORK,
    "registrations": REGISTRATION,
}
MODELS: dict[str, BaseModel] = {
    "searches": SearchRequest.model_validate(SEARCH),
    "retrainings": RetrainingRequest.model_validate(RETRAINING),
    "comparisons": ComparisonRequest.model_validate(COMPARISON),
    "loss_networks": LossNetworkRequest.model_validate(LOSS_NETWORK),
    "registrations": RegistrationRequest.model_validate(REGISTRATION),
}


@pytest.fixture
def client(live: Live) -> Iterator[Client]:
    with Client(str(live.http.base_url)) as client:
        yield client


class Recorder:
    """Notes the method and path of every request to an application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.asked: set[tuple[str, str]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.asked.add((scope["method"].lower(), scope["path"]))
        await self._app(scope, receive, send)

    def reaches(self, method: str, path: str) -> bool:
        """Whether an operation of the OpenAPI document was asked for."""
        pattern = re.compile(re.sub(r"\{[^}]*\}", "[^/]+", path))
        return any(asked == method and pattern.fullmatch(where) for asked, where in self.asked)


def collections(client: Client) -> dict[str, Jobs[Any]]:
    return dict(zip(REQUESTS, client.jobs, strict=True))


def add_artifact(live: Live, job_id: str, folder: Path) -> None:
    (folder / "scores.csv").write_text("1,2\n")
    sha256, size = artifacts.store(live.settings.artifacts_root, folder / "scores.csv")
    row = Artifact(job_id=job_id, name="scores.csv", sha256=sha256, bytes=size)
    row.media_type = "text/csv"
    with live.sessions.begin() as session:
        ledger.record_artifact(session, row)


def trial(job_id: str, number: int) -> Trial:
    return Trial(
        **{"job_id": job_id, "number": number, "generation": 0, "theta": [0.1, 0.2]},
        **{"is_mean": number == 0, "score": 0.5, "metrics": {"macc": 0.5}, "error": None},
        **{"ending": "trained", "iterations": 2, "seconds": 1.0, "worker": {}},
        finished_at=now(),
    )


def live_a_life(live: Live, jobs: Jobs[Any], request: dict[str, Any], folder: Path) -> str:
    """Ask all that any job can be asked; give its id."""
    job = jobs.submit(request)
    add_artifact(live, job.id, folder)
    assert jobs.get(job.id).request == job.request
    assert job.id in {listed.id for listed in jobs.list()}
    assert jobs.pause(job.id).state == "paused"
    assert jobs.resume(job.id).state == "queued"
    assert jobs.cancel(job.id).state == "cancelled"
    assert [event.sequence for event in jobs.events(job.id)] == [1, 2, 3, 4]
    assert [entry.sequence for entry in jobs.log(job.id, page_size=2)] == [1, 2, 3, 4]
    written = jobs.annotate(job.id, note="Of the first lens.", tags=["baseline"])
    assert (written.note, written.tags) == ("Of the first lens.", ["baseline"])
    assert jobs.annotate(job.id, tags=["lens-1"]).note == "Of the first lens."
    other = jobs.cancel(jobs.submit(request).id)
    assert jobs.delete(other.id, dry_run=True).jobs == jobs.delete(other.id).jobs == [other.id]
    assert [artifact.name for artifact in jobs.artifacts(job.id)] == ["scores.csv"]
    assert jobs.download(job.id, "scores.csv", folder / job.id).read_text() == "1,2\n"
    return job.id


def change_a_loss(client: Client) -> None:
    made = client.losses.make("mine", "focal", {"gamma": 1})
    assert client.losses.add(client.losses.get("mine").document) == made
    noted = client.losses.annotate("mine", note="Thin things.", tags=["paper"])
    assert (noted.note, client.losses.annotate("mine", 1, tags=[]).tags) == ("Thin things.", [])
    assert client.losses.point("production", "mine").version == 1
    assert [alias.loss for alias in client.losses.aliases()] == ["mine"]
    assert client.losses.get("production").aliases == ["production"]
    assert client.losses.remove_alias("production").aliases == ["production"]
    assert client.losses.delete("mine").losses == ["mine"]


def ask_the_rest(live: Live, client: Client, search: str, comparison: str, folder: Path) -> None:
    """Ask all that no job, or one kind of job alone, can be asked."""
    with live.sessions.begin() as session:
        ledger.record_trial(session, trial(search, 0))
    (candidate,) = client.searches.trials(search)
    assert (candidate.theta, candidate.score) == ([0.1, 0.2], 0.5)
    assert client.searches.trial(search, 0).curve == []
    with pytest.raises(ServiceError, match="unexpected"):  # a theta that no search would store
        client.searches.publish(search, 0, "mine")
    with pytest.raises(ServiceError, match="is cancelled: only one that has succeeded"):
        client.searches.extend(search, 2)
    ask_for_trials(client, search)
    assert client.searches.answers(search) == []
    assert client.find(search)[1].kind == "search"
    assert client.comparisons.table(comparison) == []
    assert client.comparisons.export(comparison, "csv", losses=["dice"]).name == "comparison.csv"
    assert search in {job.id for job in client.overview(kinds=["search"], states=["cancelled"])}
    tagged = {job.kind for job in client.overview(tags=["lens-1"])}
    assert {"search", "comparison"} <= tagged
    with pytest.raises(ServiceError, match="outside the folders"):
        client.datasets.register(name="elsewhere", source={"layout": "voc", "root": "/elsewhere"})
    assert client.comparisons.cells(comparison).items == []
    assert "dice" in {loss.name for loss in client.losses.list()}
    assert client.losses.get("dice").versions == [1]
    assert client.losses.download("dice", folder) == folder / "dice.json"
    assert (
        client.losses.attempt("dice", [[0, 1], [0, 1]], [[0.1, 0.6], [0.2, 0.9]]).value is not None
    )
    change_a_loss(client)
    with live.sessions.begin() as session:
        datasets.register(session, live.settings, DatasetRequest.model_validate(REGISTRATION))
    dataset = client.datasets.get("tiny")
    assert dataset in list(client.datasets.list())
    assert client.datasets.picture("tiny").name == "tiny.png"
    assert list(client.datasets.loss_networks("tiny")) == []
    with pytest.raises(ServiceError, match="loss network"):
        client.datasets.download_loss_network("tiny", "0" * 64, folder / "network")
    assert {metric.name for metric in client.metrics.list()} == set(METRICS)
    assert "Linknet" in {network.name for network in client.networks.list()}
    assert "ppo2" in {sampler.name for sampler in client.samplers.list()}
    assert "bezier" in {family.name for family in client.curve_families.list()}
    assert [kind.path for kind in client.kinds.list()] == [kind.path for kind in KINDS.values()]
    assert client.audit.list().__next__().path == "/v1/losses/mine"
    assert client.datasets.delete("tiny").datasets == ["tiny"]
    assert client.workers.list() == []
    assert client.health.live().warnings == []
    assert "No controller" in client.health.ready().warnings[0]
    assert "lossfit_" in client.health.figures()


def ask_for_trials(client: Client, search: str) -> None:
    """Ask all that the user's own code asks; here of a search that the service trains."""
    questions: list[Callable[[], object]] = [
        lambda: client.searches.ask(search),
        lambda: client.searches.heartbeat(search, "lease"),
        lambda: client.searches.report(search, "lease", 1, {"macc": 0.5}),
        lambda: client.searches.tell(search, "lease", 0.5),
    ]
    for question in questions:
        with pytest.raises(ServiceError, match="The service trains this search itself"):
            question()


def test_every_route_has_a_method(live: Live, tmp_path: Path) -> None:
    app = create_app(live.settings)
    recorder = Recorder(app)
    with listening(recorder) as url, Client(url) as client:
        ids = {
            name: live_a_life(live, jobs, REQUESTS[name], tmp_path)
            for name, jobs in collections(client).items()
        }
        ask_the_rest(live, client, ids["searches"], ids["comparisons"], tmp_path)
    operations = {
        (method, path)
        for path, methods in app.openapi()["paths"].items()
        for method in METHODS & methods.keys()
    }
    assert len(operations) > 40
    assert {one for one in operations if not recorder.reaches(*one)} == set()


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_and_its_fields_ask_for_the_same(client: Client, name: str) -> None:
    jobs = collections(client)[name]
    by_model = jobs.submit(MODELS[name], key="same")
    assert jobs.submit(REQUESTS[name], key="same") == by_model
    assert jobs.submit(**REQUESTS[name], key="same") == by_model
    assert jobs.submit(MODELS[name]).id != by_model.id


def test_a_request_leaves_open_what_its_parts_leave_open(client: Client) -> None:
    body = {"metric": "bf1", "preset": "paper", "dataset": SEARCH["dataset"]}
    body |= {"scoring": {"tolerance": 3}, "hold_out": {"groups": None}}
    job = client.searches.submit(body, key="open")
    assert client.searches.submit(SearchRequest.model_validate(body), key="open") == job


def test_a_field_counts_more_than_the_request_that_it_is_given_with(client: Client) -> None:
    request = MODELS["searches"]
    assert isinstance(request, SearchRequest)
    assert client.searches.submit(request, priority=7).priority == 7
    network = request.network.model_copy(update={"encoder": "resnet34"})
    job = client.retrainings.submit(RETRAINING, network=network)
    assert job.request["network"]["encoder"] == "resnet34"


def test_a_refused_request_names_its_fields(client: Client) -> None:
    with pytest.raises(ServiceError) as told:
        client.searches.submit(SEARCH, seed=-1, hold_out=2)
    assert told.value.status == 422
    assert [line.partition(":")[0].strip() for line in str(told.value).splitlines()[1:]] == [
        "hold_out",
        "seed",
    ]


def test_collections_are_fetched_page_by_page_as_they_are_asked_for(live: Live) -> None:
    recorder = Recorder(create_app(live.settings))
    with listening(recorder) as url, Client(url) as client:
        ids = [client.searches.submit(SEARCH).id for _ in range(5)]
        recorder.asked.clear()
        jobs = client.searches.list(page_size=2)
        assert recorder.asked == set()
        assert [job.id for job in jobs] == ids[::-1]
        client.searches.cancel(ids[0])
        assert [job.id for job in client.searches.list(state="cancelled")] == ids[:1]
        with live.sessions.begin() as session:
            for number in range(3):
                ledger.record_trial(session, trial(ids[0], number))
        trials = client.searches.trials(ids[0], page_size=2)
        assert [candidate.number for candidate in trials] == [0, 1, 2]
        names = [loss.name for loss in client.losses.list(page_size=7)]
        assert names == [loss.name for loss in client.losses.list(page_size=500)]
        assert {loss.metric for loss in client.losses.list(metric="miou")} == {"miou"}
        assert list(client.losses.list(tags=["built-in", "nothing"])) == []


def test_a_job_is_found_whatever_its_kind(client: Client) -> None:
    for name, jobs in collections(client).items():
        job = jobs.submit(REQUESTS[name])
        collection, detail = client.find(job.id)
        assert collection is jobs
        assert detail.id == job.id


def test_a_job_is_found_by_how_its_id_begins(client: Client) -> None:
    ids = [client.searches.submit(SEARCH).id for _ in range(17)]  # two of them begin alike
    assert client.id_of(ids[0][:13]) == ids[0]
    assert client.find(ids[0][:13].upper())[1].id == ids[0]
    assert client.id_of(ids[0].replace("-", "")) == ids[0]
    first = next(first for first in (one[0] for one in ids) if sum(i[0] == first for i in ids) > 1)
    with pytest.raises(
        ServiceError, match=f"jobs have ids that begin with '{first}': .*more of it"
    ):
        client.find(first)
    for none in ("zz", "", " ", "%"):
        with pytest.raises(ServiceError, match="There is no job"):
            client.id_of(none)


def test_public_methods_are_documented() -> None:
    with Client("http://127.0.0.1:9") as client:
        parts = [part for name, part in vars(client).items() if not name.startswith("_")]
    methods = {
        method
        for part in parts
        for name, method in inspect.getmembers(type(part), inspect.isfunction)
        if not name.startswith("_")
    }
    assert {method for method in methods if not method.__doc__} == set()
