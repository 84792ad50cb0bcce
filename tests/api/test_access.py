"""Who may do what: every operation, asked for by everybody, from everywhere, as one table says."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import SecretStr

from api import auth
from api.app import create_app
from search_service.access import tokens
from search_service.catalogue import losses
from search_service.catalogue.loss_requests import AliasRequest, EntryRequest
from search_service.jobs import ledger, lifecycle
from search_service.kinds import KINDS
from search_service.settings import Settings
from search_service.store import artifacts
from search_service.store.tables import Artifact
from tests.api.client.test_client import REQUESTS
from tests.api.conftest import Live, running
from tests.api.routes.test_searches import trial
from tests.api.test_problems import is_problem

TOKEN = "a secret of this test"  # noqa: S105

CALLERS: Final = ("no token", "wrong", "read", "submit", "admin", "other owner")
"""``read`` and ``submit`` are tokens of the owner of the jobs that are asked for."""

TABLE: Final[dict[str, dict[str, tuple[int, int, int, int, int, int]]]] = {
    #                                        none wrong read submit admin other
    "public": {
        "own page": (200, 200, 200, 200, 200, 200),
        "foreign page": (200, 200, 200, 200, 200, 200),
        "rebound host": (200, 200, 200, 200, 200, 200),
    },
    "read what all share": {
        "own page": (401, 401, 200, 200, 200, 200),
        "foreign page": (401, 401, 200, 200, 200, 200),
        "rebound host": (401, 401, 200, 200, 200, 200),
    },
    "read a job": {
        "own page": (401, 401, 200, 200, 200, 404),
        "foreign page": (401, 401, 200, 200, 200, 404),
        "rebound host": (401, 401, 200, 200, 200, 404),
    },
    "add": {
        "own page": (401, 401, 403, 200, 200, 200),
        "foreign page": (403, 403, 403, 403, 403, 403),
        "rebound host": (401, 401, 403, 200, 200, 200),
    },
    "steer a job": {
        "own page": (401, 401, 403, 200, 200, 404),
        "foreign page": (403, 403, 403, 403, 403, 403),
        "rebound host": (401, 401, 403, 200, 200, 404),
    },
    "change what one made and all share": {
        "own page": (401, 401, 403, 200, 200, 403),
        "foreign page": (403, 403, 403, 403, 403, 403),
        "rebound host": (401, 401, 403, 200, 200, 403),
    },
    "change what all share": {
        "own page": (401, 401, 403, 403, 200, 403),
        "foreign page": (403, 403, 403, 403, 403, 403),
        "rebound host": (401, 401, 403, 403, 200, 403),
    },
    "administer": {
        "own page": (401, 401, 403, 403, 200, 403),
        "foreign page": (401, 401, 403, 403, 200, 403),
        "rebound host": (401, 401, 403, 403, 200, 403),
    },
}
"""What is asked for -> where from -> the answer's status for each of :data:`CALLERS`.

200 stands for every answer to who is let in, also that the request is not sound or its moment is past. A
foreign page reads nothing of an answer: browsers keep it from whoever does not own it, and it has no token.
"""

PLACES: Final[dict[str, dict[str, str]]] = {
    "own page": {"Sec-Fetch-Site": "same-origin"},
    "foreign page": {"Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere.example"},
    "rebound host": {"Host": "elsewhere.example", "Sec-Fetch-Site": "same-origin"},
}

SHARED: Final = [
    *(
        "aliases",
        "curve-families",
        "datasets",
        "kinds",
        "losses",
        "metrics",
        "networks",
        "samplers",
    ),
    *("jobs", "workers"),
]

OF_ADA: Final = {"/v1/aliases/{name}": "production", "/v1/losses/{name}/annotate": "adas"}
"""Changes of what all see and its owner alone may change -> what ada made."""

LEASE: Final[dict[str, object]] = {"lease": "none"}
BODIES: Final[dict[str, dict[str, object]]] = {
    "publish": {"trial": 0, "name": "mine"},
    "extend": {"trials": 2},
    "heartbeat": LEASE,
    "report": LEASE | {"step": 1, "metrics": {"macc": 0.5}},
    "tell": LEASE | {"score": 0.5},
}


def class_of(method: str, path: str) -> str:
    """The row of the table for an operation."""
    if path in ("/livez", "/readyz"):
        return "public"
    if path == "/v1/audit":
        return "administer"
    if "{job_id}" in path:
        return "read a job" if method == "get" else "steer a job"
    if method == "delete" or path in OF_ADA:
        return "change what one made and all share" if path in OF_ADA else "change what all share"
    if method == "post":
        return "add"
    assert path == "/metrics" or path.split("/")[2] in {*SHARED, *(k.path for k in KINDS.values())}
    return "read what all share"


def operations() -> list[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as home:
        paths = create_app(Settings(home=Path(home))).openapi()["paths"]
    return [(method, path) for path, methods in paths.items() for method in methods]


@pytest.fixture(scope="module")
def guarded(upgraded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service with jobs of ada's, each with a file."""
    home = tmp_path_factory.mktemp("home")
    (home / "lossfit.db").write_bytes(upgraded.read_bytes())
    with running(Settings(home=home, token=SecretStr(TOKEN))) as live:
        yield live


@pytest.fixture(scope="module")
def secrets(guarded: Live) -> dict[str, str | None]:
    """The token of each caller."""
    made = {"read": ("ada", "read"), "submit": ("ada", "submit")}
    made |= {"admin": ("eve", "admin"), "other owner": ("bob", "submit")}
    found: dict[str, str | None] = {"no token": None, "wrong": "wrong"}
    with guarded.sessions.begin() as session:
        for name, (owner, scope) in made.items():
            name_of_it = name.replace(" ", "-")
            _, found[name] = tokens.add(session, name_of_it, owner=owner, scope=scope)  # type: ignore[arg-type]
    return found


@pytest.fixture(scope="module")
def jobs(guarded: Live, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Path of a kind -> a job of ada's, which is over so that its events end.

    Beside them a loss and an alias of ada's.
    """
    file = tmp_path_factory.mktemp("file") / "scores.csv"
    file.write_text("1,2\n")
    sha256, size = artifacts.store(guarded.settings.artifacts_root, file)
    found = {}
    with guarded.sessions.begin() as session:
        losses.add(session, EntryRequest(name="adas", loss="dice"), owner="ada")
        losses.point(session, AliasRequest(name="production", loss="dice"), owner="ada")
        for kind, body in zip(KINDS.values(), REQUESTS.values(), strict=True):
            request = kind.request.model_validate(body)
            job = lifecycle.create(session, guarded.settings, kind, request, owner="ada")
            row = Artifact(job_id=job.id, name="scores.csv", sha256=sha256, bytes=size)
            row.media_type = "text/csv"
            ledger.record_artifact(session, row)
            if kind.name == "search":
                ledger.record_trial(session, trial(job.id, 0))
            lifecycle.cancel(session, kind.name, job.id)
            found[kind.path] = job.id
    return found


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Of the service with the table's many wrong tokens."""
    if "secrets" in request.fixturenames:
        monkeypatch.setattr(auth, "WINDOW_S", 0.0)


def test_kinds_of_operations_are_all_there() -> None:
    assert {class_of(*operation) for operation in operations()} == set(TABLE)


@pytest.mark.parametrize(("method", "path"), operations())
def test_the_table_says_who_is_let_in(
    guarded: Live, secrets: dict[str, str | None], jobs: dict[str, str], method: str, path: str
) -> None:
    place_of = {"name": OF_ADA.get(path, "dice" if "/losses/" in path else "shapes")}
    place_of |= {"sha256": "0" * 64, "number": "0"}
    if "{job_id}" in path:
        kind = path.split("/")[2]
        place_of |= {"job_id": jobs.get(kind) or jobs["searches"], "name": "scores.csv"}
    body = {"json": BODIES.get(path.rsplit("/", 1)[-1], {})} if method == "post" else {}
    body |= {"params": {"dry_run": "true"}} if method == "delete" else {}
    found = {
        place: tuple(
            _status(guarded, method, path.format(**place_of), headers, secrets[caller], **body)
            for caller in CALLERS
        )
        for place, headers in PLACES.items()
    }
    expected = TABLE[class_of(method, path)]
    if "{sha256}" in path or path.endswith(
        "/picture"
    ):  # shapes have no file, for whoever is let in
        expected = {
            place: tuple(404 if status == 200 else status for status in row)  # type: ignore[misc]
            for place, row in expected.items()
        }
    assert found == expected


def _status(
    live: Live, method: str, path: str, headers: dict[str, str], secret: str | None, **body: Any
) -> int:
    told = {} if secret is None else {"Authorization": f"Bearer {secret}"}
    status = live.http.request(method, path, headers=headers | told, **body).status_code
    assert status < 500
    return status if status in (401, 403, 404) else 200


def test_lists_hold_ones_own_jobs_alone(
    guarded: Live, secrets: dict[str, str | None], jobs: dict[str, str]
) -> None:
    for path, job_id in jobs.items():
        found = {}
        for caller in ("read", "submit", "admin", "other owner"):
            headers = {"Authorization": f"Bearer {secrets[caller]}"}
            items = guarded.http.get(f"/v1/{path}", headers=headers).json()["items"]
            found[caller] = [(item["id"], item["owner"]) for item in items]
        ada = [(job_id, "ada")]
        assert found == {"read": ada, "submit": ada, "admin": ada, "other owner": []}


def test_a_job_is_the_owners_of_the_token_and_what_they_did_is_in_the_audit_log(
    guarded: Live, secrets: dict[str, str | None]
) -> None:
    ada = {"Authorization": f"Bearer {secrets['submit']}"}
    request = {"metric": "macc", "dataset": "shapes", "preset": "quick"}
    job = guarded.http.post("/v1/searches", json=request, headers=ada).json()
    assert job["owner"] == "ada"
    guarded.http.post(f"/v1/searches/{job['id']}/cancel", headers=ada)
    guarded.http.post(f"/v1/searches/{job['id']}/tell", json=BODIES["tell"], headers=ada)
    looker = {"Authorization": f"Bearer {secrets['read']}"}
    is_problem(guarded.http.post("/v1/searches", json=request, headers=looker), 403)
    operator = {"Authorization": f"Bearer {TOKEN}"}
    newest = guarded.http.get("/v1/audit?limit=2", headers=operator).json()
    assert [
        (entry["owner"], entry["token"], entry["path"], entry["status"])
        for entry in newest["items"]
    ] == [
        ("ada", "submit", f"/v1/searches/{job['id']}/cancel", 200),
        ("ada", "submit", "/v1/searches", 201),
    ]
    before = guarded.http.get(f"/v1/audit?after={newest['next']}", headers=operator).json()
    assert all(entry["number"] < newest["next"] for entry in before["items"])


def test_a_revoked_token_is_wrong_from_the_next_request_on(serve: Callable[..., Live]) -> None:
    live = serve(token=TOKEN)
    with live.sessions.begin() as session:
        _, secret = tokens.add(session, "laptop", owner="ada", scope="read")
    headers = {"Authorization": f"Bearer {secret}"}
    assert live.http.get("/v1/searches", headers=headers).status_code == 200
    with live.sessions.begin() as session:
        tokens.revoke(session, "laptop")
    is_problem(live.http.get("/v1/searches", headers=headers), 401)


def test_who_tries_tokens_waits_and_who_has_one_does_not(
    serve: Callable[..., Live], caplog: pytest.LogCaptureFixture
) -> None:
    http = serve(token=TOKEN).http
    for _ in range(auth.WRONG_TOKENS):
        is_problem(http.get("/v1/searches", headers={"Authorization": "Bearer guess"}), 401)
    refused = http.get("/v1/searches", headers={"Authorization": "Bearer guess"})
    is_problem(refused, 429)
    assert 0 < int(refused.headers["retry-after"]) <= auth.WINDOW_S + 1
    logged = [record for record in caplog.records if record.name == "api.auth"]
    assert len(logged) == auth.WRONG_TOKENS
    right = http.get("/v1/searches", headers={"Authorization": f"Bearer {TOKEN}"})
    assert right.status_code == 200


def test_a_database_that_is_away_is_told_to_who_has_a_token(serve: Callable[..., Live]) -> None:
    live = serve(token=TOKEN)
    with live.sessions.begin() as session:
        session.connection().exec_driver_sql("ALTER TABLE token RENAME TO gone")
    problem = is_problem(
        live.http.get("/v1/searches", headers={"Authorization": "Bearer lossfit_x"}), 503
    )
    assert "try again" in problem.detail
