"""Every refused request is a problem document, and leaves the service healthy."""

import errno
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.problems import MOST_FIELDS, status_of
from api.schemas import PROBLEM, Problem
from search_service.catalogue.built_in import prepare
from search_service.settings import Settings
from search_service.store.database import make_engine
from surrogate_zoo.errors import (
    ConflictError,
    LossfitError,
    NotFoundError,
    StorageError,
    UnknownNameError,
    WorkerError,
)
from tests.api.conftest import Live, listening, running
from tests.api.requests import LOSS_NETWORK, RETRAINING, SEARCH

NOBODY = "00000000-0000-4000-8000-000000000000"
SHAPES = {"layout": "shapes"}
OUTSIDE = {"layout": "folder", "root": "/etc", "classes": ["a", "b"]}
DATASET = {"name": "x", "source": SHAPES}
EDGE = "edge_network"
JSON = {"Content-Type": "application/json"}


def is_problem(response: httpx.Response, status: int) -> Problem:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    problem = Problem.model_validate_json(response.content)
    assert problem.status == status
    assert problem.type.startswith("urn:lossfit:problem:")
    assert problem.detail
    return problem


def nested(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


REFUSED: list[tuple[str, str, int, dict[str, Any]]] = [
    ("GET", "/nowhere", 404, {}),
    ("GET", "/v1/nowhere", 404, {}),
    ("DELETE", "/v1/searches", 405, {}),
    ("PUT", "/v1/metrics", 405, {}),
    ("POST", "/v1/searches", 415, {"content": "metric=macc"}),
    ("POST", "/v1/searches", 415, {"content": "{}", "headers": {"Content-Type": "text/plain"}}),
    ("POST", "/v1/searches", 400, {"content": "{", "headers": JSON}),
    ("POST", "/v1/searches", 400, {"content": b'"\xff"', "headers": JSON}),
    ("POST", "/v1/searches", 400, {"content": '{"hold_out": NaN}', "headers": JSON}),
    ("POST", "/v1/searches", 400, {"content": '{"hold_out": 1e999}', "headers": JSON}),
    ("POST", "/v1/searches", 400, {"content": '{"seed": 1%s}' % ("0" * 5000), "headers": JSON}),
    ("POST", "/v1/searches", 400, {"content": nested(100), "headers": JSON}),
    ("POST", "/v1/searches", 400, {"content": nested(100_000), "headers": JSON}),
    ("POST", "/v1/searches", 400, {"content": r'{"metric": "a\u0000"}', "headers": JSON}),
    ("POST", "/v1/searches", 400, {"content": r'{"metric": "a\ud800"}', "headers": JSON}),
    ("POST", "/v1/searches", 400, {"content": r'{"a\u0000b": 1}', "headers": JSON}),
    ("POST", "/v1/searches", 422, {}),
    ("POST", "/v1/searches", 422, {"json": []}),
    ("POST", "/v1/searches", 422, {"json": None, "content": "null", "headers": JSON}),
    ("POST", "/v1/searches", 422, {"json": {}}),
    ("POST", "/v1/searches", 422, {"json": SEARCH | {"metric": "nonsense"}}),
    ("POST", "/v1/searches", 422, {"json": SEARCH | {"dataset": "nonsense"}}),
    ("POST", "/v1/searches", 422, {"json": SEARCH | {"family": "nonsense"}}),
    ("POST", "/v1/searches", 422, {"json": SEARCH | {"sampler": {"name": "nonsense"}}}),
    ("POST", "/v1/searches", 422, {"json": SEARCH | {"preset": "nonsense"}}),
    ("POST", "/v1/searches", 422, {"json": SEARCH | {"preset": ["quick"]}}),
    ("POST", "/v1/searches", 422, {"json": SEARCH | {"training": {"iterations": -5}}}),
    ("POST", "/v1/searches", 422, {"json": SEARCH | {"training": {"crop": [-64, 64]}}}),
    ("POST", "/v1/searches", 422, {"json": SEARCH | {"seed": 10**30}}),
    ("POST", "/v1/searches", 422, {"json": SEARCH | {"unknown_field": 1}}),
    ("POST", "/v1/searches", 422, {"json": SEARCH, "headers": {"Idempotency-Key": "a b"}}),
    ("POST", "/v1/searches", 422, {"json": SEARCH, "headers": {"Idempotency-Key": "k" * 500}}),
    ("POST", "/v1/retrainings", 422, {"json": RETRAINING | {"loss": "nonsense"}}),
    ("POST", "/v1/retrainings", 422, {"json": RETRAINING | {"version": -1}}),
    ("POST", "/v1/retrainings", 422, {"json": RETRAINING | {"version": 10**12}}),
    ("POST", "/v1/retrainings", 422, {"json": RETRAINING | {"split": "train"}}),
    ("POST", "/v1/searches", 422, {"json": SEARCH | {"network": {"architecture": "FCN"}}}),
    ("POST", "/v1/retrainings", 422, {"json": RETRAINING | {"network": {"architecture": "FCN"}}}),
    ("POST", "/v1/retrainings", 422, {"json": RETRAINING | {"network": {"weights_file": "/a"}}}),
    ("POST", "/v1/retrainings", 422, {"json": RETRAINING | {"inference": {"scales": []}}}),
    ("POST", "/v1/loss-networks", 422, {"json": {"dataset": "shapes"}}),
    ("POST", "/v1/loss-networks", 422, {"json": LOSS_NETWORK | {"dataset": "nonsense"}}),
    ("POST", "/v1/loss-networks", 422, {"json": LOSS_NETWORK | {"network": {"kind": "x"}}}),
    ("POST", "/v1/losses", 422, {"json": {}}),
    ("POST", "/v1/losses", 422, {"json": []}),
    ("POST", "/v1/losses", 422, {"json": {"schema": "lossfit/loss/v1"}}),
    ("POST", "/v1/losses", 422, {"json": {"schema": [], "name": {}}}),
    ("POST", "/v1/losses", 422, {"json": {"name": "x", "loss": "dice", "parameters": {"a": {}}}}),
    ("POST", "/v1/losses", 400, {"content": nested(100), "headers": JSON}),
    ("POST", "/v1/retrainings", 422, {"json": RETRAINING | {"loss_networks": {"x": "0" * 64}}}),
    ("POST", "/v1/retrainings", 422, {"json": RETRAINING | {"loss_networks": {EDGE: "0"}}}),
    ("POST", "/v1/retrainings", 422, {"json": RETRAINING | {"loss_networks": {EDGE: "0" * 64}}}),
    ("POST", "/v1/registrations", 422, {"json": DATASET | {"name": "a/b"}}),
    ("POST", "/v1/registrations", 422, {"json": DATASET | {"source": {"layout": "nonsense"}}}),
    ("POST", "/v1/registrations", 422, {"json": DATASET | {"source": SHAPES | {"height": -1}}}),
    ("POST", "/v1/registrations", 422, {"json": DATASET | {"source": OUTSIDE}}),
    ("GET", "/v1/searches/no-id", 404, {}),
    ("GET", "/v1/searches/%00", 400, {}),
    ("GET", f"/v1/searches/{'9' * 500}", 422, {}),
    ("GET", f"/v1/searches/{NOBODY}", 404, {}),
    ("GET", f"/v1/searches/{NOBODY}/events", 404, {}),
    ("GET", f"/v1/searches/{NOBODY}/trials", 404, {}),
    ("GET", f"/v1/searches/{NOBODY}/artifacts", 404, {}),
    ("GET", f"/v1/searches/{NOBODY}/artifacts/search.png", 404, {}),
    ("POST", f"/v1/searches/{NOBODY}/cancel", 404, {}),
    ("GET", f"/v1/retrainings/{NOBODY}", 404, {}),
    ("GET", f"/v1/loss-networks/{NOBODY}", 404, {}),
    ("GET", "/v1/datasets/nonsense/loss-networks", 404, {}),
    ("GET", f"/v1/datasets/shapes/loss-networks/{'0' * 64}", 404, {}),
    ("GET", "/v1/datasets/shapes/loss-networks/nonsense", 422, {}),
    ("GET", "/v1/searches?limit=0", 422, {}),
    ("GET", "/v1/searches?limit=-1", 422, {}),
    ("GET", f"/v1/searches?limit=1{'0' * 30}", 422, {}),
    ("GET", f"/v1/searches?limit=1{'0' * 6000}", 422, {}),
    ("GET", "/v1/searches?after=nonsense", 422, {}),
    ("GET", "/v1/searches?after=%00", 400, {}),
    ("GET", "/v1/searches?after=%ff%fe", 422, {}),
    ("GET", "/v1/searches?state=asleep", 422, {}),
    ("GET", "/v1/losses/nonsense", 404, {}),
    ("GET", "/v1/losses/no%20name", 422, {}),
    ("GET", "/v1/losses/dice?version=99", 404, {}),
    ("GET", "/v1/losses/dice?version=0", 422, {}),
    ("GET", f"/v1/losses/dice?version={2**40}", 422, {}),
    ("GET", "/v1/losses/dice/download?format=exe", 422, {}),
    ("GET", "/v1/datasets/nonsense", 404, {}),
]


@pytest.mark.parametrize(
    ("method", "path", "status", "request_"),
    REFUSED,
    ids=[f"{i}-{row[0]}-{row[1][:40]}" for i, row in enumerate(REFUSED)],
)
def test_bad_requests_are_problems_and_harm_nothing(
    any_database: Live, method: str, path: str, status: int, request_: dict[str, Any]
) -> None:
    is_problem(any_database.http.request(method, path, **request_), status)
    assert any_database.is_healthy()


def test_an_invalid_field_is_named_with_its_place(live: Live) -> None:
    body = SEARCH | {"training": {"iterations": -5}, "hold_out": 2}
    problem = is_problem(live.http.post("/v1/searches", json=body), 422)
    named = {(error.place, error.field) for error in problem.errors}
    assert ("body", "training.iterations") in named
    assert ("body", "hold_out") in named
    assert problem.instance == "/v1/searches"


def test_an_unknown_name_is_told_with_the_known_ones(live: Live) -> None:
    problem = is_problem(live.http.post("/v1/searches", json=SEARCH | {"metric": "miuo"}), 422)
    assert problem.detail.startswith(
        "There is no metric named 'miuo'. Did you mean 'miou'? Known: "
    )


@pytest.mark.parametrize(
    ("changed", "field", "told"),
    [
        (
            {"training": {"iteration": 5}},
            "training.iteration",
            "Did you mean 'iterations'? Known: ",
        ),
        ({"trainings": {}}, "trainings", "Did you mean 'training'? Known: "),
        ({"preset": "quik"}, "preset", "Did you mean 'quick'?"),
        ({"sampler": {"name": "rndom"}}, "sampler", "Did you mean 'random'?"),
    ],
)
def test_what_was_meant_by_a_word_is_asked(
    live: Live, changed: dict[str, Any], field: str, told: str
) -> None:
    problem = is_problem(live.http.post("/v1/searches", json=SEARCH | changed), 422)
    assert [error.field for error in problem.errors] == [field]
    assert told in problem.errors[0].message


@pytest.mark.parametrize(
    ("network", "told"),
    [
        ({"encoder": "resnet19"}, "Did you mean 'resnet18'? Known: densenet121"),
        ({"encoder": "tu-resnet-18"}, "Did you mean 'tu-resnet18'?"),
        ({"encoder": "resnet18", "weights": "packaged"}, "no packaged weights of resnet18"),
        ({"architecture": "ENet"}, "set encoder and weights to null"),
        ({"encoder": None}, "needs an encoder"),
    ],
)
def test_an_encoder_that_no_worker_could_build_is_refused(
    live: Live, network: dict[str, Any], told: str
) -> None:
    problem = is_problem(live.http.post("/v1/searches", json=SEARCH | {"network": network}), 422)
    assert told in problem.detail


def test_a_loss_that_is_not_there_is_told_with_the_nearest(live: Live) -> None:
    assert "Did you mean 'dice'?" in is_problem(live.http.get("/v1/losses/dise"), 404).detail
    version = {"version": 7}
    told = is_problem(live.http.get("/v1/losses/dice", params=version), 404).detail
    assert told == "The loss 'dice' has no version 7. Versions: 1."
    told = is_problem(live.http.get("/v1/datasets/shape"), 404).detail
    assert told == "There is no dataset named 'shape'. Did you mean 'shapes'? Known: shapes."


def test_a_nul_is_named_with_its_field(live: Live) -> None:
    problem = is_problem(
        live.http.post(
            "/v1/searches",
            content=r'{"network": {"options": {"x": ["ok", "\u0000"]}}}',
            headers=JSON,
        ),
        400,
    )
    assert [error.field for error in problem.errors] == ["network.options.x.1"]


def test_a_wrong_method_names_the_right_ones(live: Live) -> None:
    response = live.http.delete("/v1/metrics")
    is_problem(response, 405)
    assert "GET" in response.headers["allow"]


def test_a_database_without_the_schema_is_unavailable_until_it_is_upgraded(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with running(settings) as live:
        is_problem(live.http.get("/readyz"), 503)
        assert is_problem(live.http.get("/v1/searches"), 503).type.endswith(":unavailable")
        assert live.http.get("/livez").status_code == 200
        engine = make_engine(settings.database)
        prepare(engine)
        engine.dispose()
        assert live.is_healthy()
        assert live.http.get("/v1/searches").json() == {"items": [], "next": None}


def test_one_request_gets_no_endless_answer(live: Live) -> None:
    body = SEARCH | {f"field{number}": 1 for number in range(5000)}
    response = live.http.post("/v1/searches", json=body)
    problem = is_problem(response, 422)
    assert len(problem.errors) == MOST_FIELDS
    assert "(and 4999 more, see errors)" in problem.detail


def test_a_bug_is_a_problem_too_and_tells_nothing_of_the_inside(tmp_path: Path) -> None:
    app = create_app(Settings(home=tmp_path))

    @app.get("/bug")
    def bug() -> None:
        raise RuntimeError("secret of the inside")

    with listening(app) as url, httpx.Client(base_url=url) as client:
        for _ in range(20):  # each time on a connection that the server has not hung up
            problem = is_problem(client.get("/bug"), 500)
    assert "RuntimeError" in problem.detail
    assert "secret" not in problem.detail


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConflictError("x"), 409),
        (NotFoundError("x"), 404),
        (UnknownNameError("metric", "x", ["y"]), 422),
        (StorageError("x"), 503),
        (WorkerError("x"), 500),
    ],
)
def test_errors_of_the_service_have_their_status(error: LossfitError, status: int) -> None:
    assert status_of(error) == status


def test_a_full_disk_is_507() -> None:
    error = StorageError("no room")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    assert status_of(error) == 507
