"""A loss with its card, to and from a folder and a hub: the hub's own client against a stand-in here."""

import base64
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from surrogate_zoo import load_loss
from surrogate_zoo.errors import InputError, LossFileError, NotFoundError, StorageError
from surrogate_zoo.losses.registry import LOSSES
from surrogate_zoo.losses.sharing import pull_loss, push_loss
from tests.api.conftest import listening

MINE = LOSSES["tversky"].with_parameters("mine", {"alpha": 0.25})


def test_a_loss_goes_to_a_folder_and_comes_back(tmp_path: Path) -> None:
    path = push_loss(MINE, tmp_path / "new" / "mine")
    assert path == str(tmp_path / "new" / "mine" / "loss.json")
    assert pull_loss(tmp_path / "new" / "mine") == MINE
    assert "alpha" in (tmp_path / "new" / "mine" / "README.md").read_text()
    load_loss(pull_loss(str(tmp_path / "new" / "mine")), num_classes=3)
    changed = LOSSES["tversky"].with_parameters("mine", {"alpha": 0.5})
    push_loss(changed, tmp_path / "new" / "mine")
    assert pull_loss(tmp_path / "new" / "mine") == changed


def test_a_folder_without_a_loss_or_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(LossFileError, match="Cannot read the loss file"):
        pull_loss(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        push_loss(MINE, tmp_path / "file")
    with pytest.raises(LossFileError, match="Not a loss file"):
        push_loss({}, tmp_path)


@pytest.mark.parametrize(
    "address", ["hf://", "hf://user", "hf:user/name", "hf://a/b/c", "hf://../b"]
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(InputError, match="write hf://user/name"):
        pull_loss(address)
    with pytest.raises(InputError, match="write hf://user/name"):
        push_loss(MINE, address)


def test_without_the_hubs_client_the_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(InputError, match=r"pip install 'lossfit\[hub\]'"):
        pull_loss("hf://user/mine")


class Hub:
    """What the hub answers to its client: repositories with commits of small files."""

    def __init__(self) -> None:
        self.files: dict[str, dict[str, bytes]] = {}
        self.app = Starlette(
            routes=[
                Route("/api/repos/create", self.create, methods=["POST"]),
                Route("/api/validate-yaml", lambda _: JSONResponse({}), methods=["POST"]),
                Route("/api/models/{u}/{n}/preupload/{r}", self.preupload, methods=["POST"]),
                Route("/api/models/{u}/{n}/commit/{r}", self.commit, methods=["POST"]),
                Route("/{u}/{n}/resolve/{r}/{file:path}", self.resolve, methods=["GET", "HEAD"]),
            ]
        )

    async def create(self, request: Request) -> Response:
        body = await request.json()
        name = f"{body.get('organization') or 'me'}/{body['name']}"
        self.files.setdefault(name, {})
        return JSONResponse({"url": f"{request.base_url}{name}", "name": name})

    async def preupload(self, request: Request) -> Response:
        files = (await request.json())["files"]
        mode = {"uploadMode": "regular", "shouldIgnore": False, "oid": None}
        rows = [{"path": file["path"]} | mode for file in files]
        return JSONResponse({"files": rows})

    async def commit(self, request: Request) -> Response:
        repository = self.of(request)
        for line in (await request.body()).splitlines():
            row = json.loads(line)
            if row["key"] == "file":
                repository[row["value"]["path"]] = base64.b64decode(row["value"]["content"])
        url = f"{request.base_url}{request.path_params['u']}/{request.path_params['n']}/commit/1"
        return JSONResponse({"commitUrl": url, "commitOid": "1" * 40})

    async def resolve(self, request: Request) -> Response:
        name = f"{request.path_params['u']}/{request.path_params['n']}"
        if name not in self.files:
            return self.refusal("RepoNotFound")
        content = self.of(request).get(request.path_params["file"])
        if content is None:
            return self.refusal("EntryNotFound")
        etag = hashlib.sha256(content).hexdigest()
        return Response(content, headers={"ETag": f'"{etag}"', "X-Repo-Commit": "1" * 40})

    def refusal(self, code: str) -> Response:
        return Response(status_code=404, headers={"X-Error-Code": code, "X-Repo-Commit": "1" * 40})

    def of(self, request: Request) -> dict[str, bytes]:
        return self.files[f"{request.path_params['u']}/{request.path_params['n']}"]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Hub, str]]:
    """A stand-in for the hub, its address, and a cache of its client's own."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_TOKEN", "hf_x")
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    stand_in = Hub()
    with listening(stand_in.app, lifespan="off") as url:
        yield stand_in, url


def test_a_loss_goes_to_the_hub_and_comes_back(hub: tuple[Hub, str]) -> None:
    stand_in, url = hub
    told = push_loss(MINE, "hf://user/mine", endpoint=url)
    assert told == f"{url}/user/mine/commit/1"
    assert set(stand_in.files["user/mine"]) == {"loss.json", "README.md"}
    assert pull_loss("hf://user/mine", endpoint=url) == MINE
    assert pull_loss("hf://user/mine@main", endpoint=url) == MINE


def test_what_is_not_on_the_hub_is_told(hub: tuple[Hub, str]) -> None:
    stand_in, url = hub
    with pytest.raises(NotFoundError, match="no repository user/mine, or your token"):
        pull_loss("hf://user/mine", endpoint=url)
    stand_in.files["user/mine"] = {}
    with pytest.raises(NotFoundError, match=r"user/mine on the hub holds no loss\.json"):
        pull_loss("hf://user/mine", endpoint=url)


def test_a_loss_on_the_hub_is_checked(hub: tuple[Hub, str]) -> None:
    stand_in, url = hub
    changed: dict[str, Any] = MINE | {"title": "changed"}
    stand_in.files["user/mine"] = {"loss.json": json.dumps(changed).encode()}
    with pytest.raises(LossFileError, match="sha256 does not match"):
        pull_loss("hf://user/mine", endpoint=url)


def test_a_hub_that_does_not_answer_is_told() -> None:
    with pytest.raises(StorageError, match="hub"):
        push_loss(MINE, "hf://user/mine", endpoint="http://127.0.0.1:9")
