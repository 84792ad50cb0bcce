"""Aliases over REST: whatever takes the name of a loss takes one, and who may move it."""

from collections.abc import Callable
from typing import Any

from httpx import Response
from pydantic import SecretStr

from search_service.access import tokens
from tests.api.conftest import Live
from tests.api.requests import RETRAINING
from tests.api.test_problems import is_problem

MINE: dict[str, Any] = {"name": "mine", "loss": "tversky"}


def point(live: Live, loss: str, version: int | None = None, **rest: Any) -> Response:
    body = {"name": "production", "loss": loss, "version": version}
    return live.http.post("/v1/aliases", json=body, **rest)


def test_an_alias_is_taken_wherever_the_name_of_a_loss_is(live: Live) -> None:
    for alpha in (0.25, 0.5):
        live.http.post("/v1/losses", json=MINE | {"parameters": {"alpha": alpha}})
    made = point(live, "mine", 1).json()
    assert (made["name"], made["loss"], made["version"]) == ("production", "mine", 1)
    read = live.http.get("/v1/losses/production").json()
    assert (read["name"], read["version"], read["aliases"]) == ("mine", 1, ["production"])
    assert read["versions"] == [2, 1]
    assert live.http.get("/v1/losses/production?version=2").json()["version"] == 2
    file = live.http.get("/v1/losses/production/download")
    assert file.json()["parameters"]["alpha"] == 0.25
    assert 'filename="mine.json"' in file.headers["content-disposition"]
    example = {"truth": [[0, 0], [1, 1]], "scores": [[0.5, 0.5], [0.5, 0.5]]}
    assert live.http.post("/v1/losses/production/try", json=example).json()["value"] is not None
    written = live.http.post("/v1/losses/production/annotate", json={"note": "In use."}).json()
    assert (written["name"], written["version"], written["note"]) == ("mine", 1, "In use.")
    asked = RETRAINING | {"loss": "production"}
    assert live.http.post("/v1/retrainings?dry_run=true", json=asked).json()["trainings"] == 1
    job = live.http.post("/v1/retrainings", json=asked).json()
    assert (job["request"]["loss"], job["request"]["version"]) == ("mine", 1)
    assert point(live, "dice").json()["loss"] == "dice"
    assert live.http.get(f"/v1/retrainings/{job['id']}").json()["request"] == job["request"]
    (listed,) = live.http.get("/v1/aliases").json()["items"]
    assert (listed["name"], listed["loss"]) == ("production", "dice")


def test_an_alias_and_a_loss_never_have_one_name(live: Live) -> None:
    live.http.post("/v1/losses", json=MINE)
    point(live, "mine").raise_for_status()
    taken = live.http.post("/v1/losses", json=MINE | {"name": "production"})
    assert "'production' is an alias of a loss" in is_problem(taken, 422).detail
    for name, loss, why in (
        ("mine", "dice", "There is a loss named 'mine'"),
        ("dice", "mine", "There is a loss named 'dice'"),
        ("other", "nothing", "no loss named 'nothing'"),
        ("<b>", "mine", "name"),
    ):
        refused = live.http.post("/v1/aliases", json={"name": name, "loss": loss})
        assert why in is_problem(refused, 422).detail
    assert "version 9" in is_problem(point(live, "mine", 9), 422).detail


def test_a_loss_that_an_alias_stands_for_stays(live: Live) -> None:
    live.http.post("/v1/losses", json=MINE)
    point(live, "mine").raise_for_status()
    for name in ("mine", "production"):
        stays = is_problem(live.http.delete(f"/v1/losses/{name}"), 409).detail
        assert stays == "The loss mine stays: the alias production stands for it."
    path = "/v1/aliases/production"
    dry = live.http.delete(f"{path}?dry_run=true").json()
    assert (dry["aliases"], dry["dry_run"]) == (["production"], True)
    assert live.http.delete(path).json()["aliases"] == ["production"]
    is_problem(live.http.delete(path), 404)
    assert live.http.delete("/v1/losses/mine").json()["losses"] == ["mine"]


def test_owners_change_their_own_and_administrators_all(serve: Callable[..., Live]) -> None:
    live = serve(token=SecretStr("the operator's"))
    headers = {"operator": {"Authorization": "Bearer the operator's"}}
    with live.sessions.begin() as session:
        for owner in ("ada", "bob"):
            secret = tokens.add(session, owner, owner=owner, scope="submit")[1]
            headers[owner] = {"Authorization": f"Bearer {secret}"}

    def ask(owner: str, path: str, body: dict[str, Any], **query: Any) -> Response:
        return live.http.post(f"/v1/{path}", json=body, params=query, headers=headers[owner])

    assert ask("ada", "losses", MINE, tag="best").status_code == 201
    assert point(live, "mine", headers=headers["ada"]).status_code == 200
    for refused in (
        ask("bob", "losses/mine/annotate", {"note": "Mine now."}),
        ask("bob", "losses", MINE, tag="mine-now"),
        ask("ada", "losses/dice/annotate", {"note": "Mine now."}),
        point(live, "dice", headers=headers["bob"]),
        live.http.delete("/v1/aliases/production", headers=headers["bob"]),
    ):
        assert "Another owner made the" in is_problem(refused, 403).detail
    loss = live.http.get("/v1/losses/production", headers=headers["bob"]).json()
    assert (loss["name"], loss["note"], loss["tags"]) == ("mine", "", ["best"])
    for owner in ("ada", "operator"):
        told = ask(owner, "losses/mine/annotate", {"note": f"By {owner}.", "tags": []}).json()
        assert (told["note"], told["tags"]) == (f"By {owner}.", [])
    assert point(live, "dice", headers=headers["operator"]).json()["loss"] == "dice"
    assert point(live, "mine", headers=headers["ada"]).json()["loss"] == "mine"  # still hers
    newest = live.http.get("/v1/audit?limit=3", headers=headers["operator"]).json()["items"]
    assert [(entry["owner"], entry["path"], entry["status"]) for entry in newest] == [
        ("ada", "/v1/aliases", 200),
        ("operator", "/v1/aliases", 200),
        ("operator", "/v1/losses/mine/annotate", 200),
    ]
    assert ask("ada", "losses/mine/annotate", {"tags": ["best"]}).status_code == 200
    theirs = MINE | {"parameters": {"alpha": 0.25}}
    moved = ask("bob", "losses", theirs, tag="best")
    assert "Another owner made the loss mine, version 1" in is_problem(moved, 403).detail
    assert ask("bob", "losses", theirs).json()["version"] == 2
    moved = ask("bob", "losses/mine/annotate", {"tags": ["best", "bobs"]}, version=2)
    assert "version 1, which has the tag" in is_problem(moved, 403).detail
    assert ask("bob", "losses/mine/annotate", {"tags": ["bobs"]}, version=2).status_code == 200
    assert ask("operator", "losses/mine/annotate", {"tags": ["best"]}, version=2).status_code == 200
    first = live.http.get("/v1/losses/mine?version=1", headers=headers["ada"]).json()
    assert first["tags"] == []
    live.http.delete("/v1/losses/mine?dry_run=true", headers=headers["operator"])
    (newest,) = live.http.get("/v1/audit?limit=1", headers=headers["operator"]).json()["items"]
    assert newest["path"] == "/v1/losses/mine?dry_run=true"
