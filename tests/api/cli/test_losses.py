"""``lossfit losses``: add, make, export, import, push and pull, between real services without workers."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli.app import app
from api.client.client import Client
from search_service.settings import Settings
from tests.api.conftest import Live, running

LAMBDAS = "lambdas=[1,0.5,0.25]"


def run(live: Live, *arguments: str, fails: bool = False) -> str:
    """Run a command against a service; give what it printed, or what it complained of."""
    result = CliRunner().invoke(app, ["losses", *arguments, "--url", str(live.http.base_url)])
    assert (result.exit_code != 0) == fails, result.output
    return " ".join((result.stderr if fails else result.stdout).split())


def said(live: Live, *arguments: str) -> str:
    """Run a command; give what it said beside its output."""
    result = CliRunner().invoke(app, ["losses", *arguments, "--url", str(live.http.base_url)])
    assert result.exit_code == 0, result.output
    return " ".join(result.stderr.split())


@pytest.fixture
def elsewhere(upgraded: Path, tmp_path: Path) -> Iterator[Live]:
    """A second service."""
    home = tmp_path / "elsewhere"
    home.mkdir()
    shutil.copy(upgraded, home / "lossfit.db")
    with running(Settings(home=home)) as live:
        yield live


def zoo_of(live: Live) -> list[tuple[str, str, tuple[str, ...], str]]:
    """Every version of every loss of one's own: name, SHA-256, tags, note."""
    with Client(str(live.http.base_url)) as client:
        names = [loss.name for loss in client.losses.list() if "built-in" not in loss.tags]
        versions = [
            client.losses.get(name, version)
            for name in names
            for version in client.losses.get(name).versions
        ]
    return [(loss.name, loss.sha256, tuple(loss.tags), loss.note) for loss in versions]


def test_a_loss_is_made_of_an_entry(live: Live) -> None:
    printed = run(live, "make", "semeda", "--set", LAMBDAS, "--name", "semeda-all")
    shown = live.http.get("/v1/losses/semeda-all").json()
    assert shown["document"]["parameters"]["lambdas"] == [1, 0.5, 0.25]
    assert shown["sha256"] in printed.replace(" ", "")
    assert "semeda-all" in printed
    wrong = ("make", "semeda", "--set", "lambdas=[1,-1,0]", "--name", "x")
    assert "lambdas must be 3 numbers of at least 0, not [1, -1, 0]." in run(
        live, *wrong, fails=True
    )
    assert "is a built-in loss" in run(live, "make", "dice", "--name", "dice", fails=True)
    run(live, "make", "dice", "--name", "soft", "--title", "Soft Dice", "--scale", "2")
    document = live.http.get("/v1/losses/soft").json()["document"]
    assert (document["title"], document["scale"]) == ("Soft Dice", 2)


def test_a_downloaded_loss_is_added_elsewhere(live: Live, elsewhere: Live, tmp_path: Path) -> None:
    run(live, "make", "tversky", "--set", "alpha=0.25", "--name", "mine")
    file = tmp_path / "mine.json"
    run(live, "download", "mine", "--output", str(file))
    first = run(elsewhere, "add", str(file), "--tag", "best")
    assert run(elsewhere, "add", str(file)) == first
    assert zoo_of(elsewhere) == [(*zoo_of(live)[0][:2], ("best",), "")]


def test_a_file_that_is_no_loss_file_is_refused(live: Live, tmp_path: Path) -> None:
    for text, sentence in (
        ("", "Cannot read the loss file"),
        ("[1]", "holds no JSON object"),
        ("{}", "name"),
        ('{"schema": "lossfit/loss/v1"}', "kind"),
    ):
        (tmp_path / "x.json").write_text(text)
        assert sentence in run(live, "add", str(tmp_path / "x.json"), fails=True)
    assert "Cannot read" in run(live, "add", str(tmp_path / "none.json"), fails=True)


def test_show_tells_the_parameters_with_their_ranges_beside_the_json(live: Live) -> None:
    shown = run(live, "show", "tversky")
    assert re.search(r"alpha +0\.3 +a number of at least 0 +Weight of", shown)
    assert json.loads(run(live, "show", "tversky", "--json"))["parameters"][0]["name"] == "alpha"


@pytest.mark.parametrize("target", ["zoo", "zoo.zip"])
def test_a_zoo_moves_with_versions_tags_and_notes(
    live: Live, elsewhere: Live, tmp_path: Path, target: str
) -> None:
    with Client(str(live.http.base_url)) as client:
        client.losses.make("mine", "tversky", {"alpha": 0.25})
        client.losses.make("mine", "tversky", {"alpha": 0.5})
        first = client.losses.make("mine", "tversky", {"alpha": 0.25})
        client.losses.add(client.losses.get("mine", first.version).document, tags=["best"])
        client.losses.make("other", "focal", {"gamma": 1})
        client.losses.annotate("other", note="For <b>thin</b> things.\nSlow.")
        client.losses.point("production", "other")
    place = str(tmp_path / target)
    assert "other" in run(live, "export", place)
    imported = run(elsewhere, "import", place)
    assert run(elsewhere, "import", place) == imported
    assert zoo_of(elsewhere) == zoo_of(live)
    assert [name for name, *_ in zoo_of(live)] == ["mine", "mine", "other"]
    run(elsewhere, "annotate", "other", "--note", "Fast.")
    run(elsewhere, "import", place)
    assert zoo_of(elsewhere)[-1][-1] == "Fast."


def test_a_loss_is_annotated_found_by_its_tags_and_called_by_an_alias(
    live: Live, tmp_path: Path
) -> None:
    run(live, "make", "focal", "--name", "mine")
    written = ("--tag", "first", "--tag", "paper", "--note", "[bold]Thin[/bold] things.")
    told = said(live, "annotate", "mine", *written)
    assert told == "The loss mine v1 has tags first, paper and a note."
    listed = run(live, "list", "--tag", "first", "--tag", "paper")
    assert ("mine" in listed, "dice" in listed, "Aliases" in listed) == (True, False, False)
    assert said(live, "alias", "production", "mine") == "production stands for mine v1."
    shown = run(live, "show", "production")
    for line in ("Loss: mine v1", "Aliases: production", "Note: [bold]Thin[/bold] things."):
        assert line in shown
    assert "production" in run(live, "list", "--tag", "first")
    assert re.search(r"production +mine +1", run(live, "aliases"))
    assert json.loads(run(live, "aliases", "--json"))[0]["loss"] == "mine"
    file = tmp_path / "file.json"
    run(live, "download", "production", "--output", str(file))
    assert json.loads(file.read_text())["name"] == "mine"
    run(live, "export", str(tmp_path / "zoo"), "production")
    assert (tmp_path / "zoo" / "mine").is_dir()
    assert said(live, "unalias", "production") == "production stands for no loss any more."
    assert "no loss named 'production'" in run(live, "show", "production", fails=True)
    assert "no tags and no note" in said(live, "annotate", "mine", "--no-tags", "--note", "")


def test_chosen_losses_move_alone_built_in_ones_too(
    live: Live, elsewhere: Live, tmp_path: Path
) -> None:
    for name in ("mine", "other"):
        run(live, "make", "focal", "--name", name)
    run(live, "export", str(tmp_path / "zoo.zip"), "other", "dice")
    run(elsewhere, "import", str(tmp_path / "zoo.zip"))
    assert [name for name, *_ in zoo_of(elsewhere)] == ["other"]
    assert "no loss named 'nothing'" in run(
        live, "export", str(tmp_path / "x"), "nothing", fails=True
    )


def test_nothing_is_added_of_a_zoo_that_is_damaged(live: Live, tmp_path: Path) -> None:
    for name in ("mine", "other"):
        run(live, "make", "focal", "--set", "gamma=1.5", "--name", name)
    run(live, "export", str(tmp_path / "zoo"))
    (file,) = (tmp_path / "zoo" / "other").rglob("loss.json")
    file.write_text(file.read_text().replace("1.5", "1.6"))
    before = zoo_of(live)
    assert "sha256" in run(live, "import", str(tmp_path / "zoo"), fails=True)
    assert "cannot be read" in run(live, "import", str(tmp_path / "none.zip"), fails=True)
    assert zoo_of(live) == before


def test_a_loss_is_pushed_to_a_folder_and_pulled_from_it(
    live: Live, elsewhere: Live, tmp_path: Path
) -> None:
    run(live, "make", "semeda", "--set", LAMBDAS, "--name", "semeda-all")
    place = tmp_path / "card"
    assert str(place / "loss.json") in run(live, "push", "semeda-all", str(place))
    assert "[1, 0.5, 0.25]" in (place / "README.md").read_text()
    run(elsewhere, "pull", str(place), "--tag", "pulled")
    assert zoo_of(elsewhere) == [(*zoo_of(live)[0][:2], ("pulled",), "")]
    assert "Cannot read" in run(live, "pull", str(tmp_path / "none"), fails=True)
    assert "write hf://user/name" in run(live, "pull", "hf://user", fails=True)
