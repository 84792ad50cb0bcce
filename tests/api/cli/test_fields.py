"""Fields of requests in the terminal, and what a shell completes."""

import pytest
import typer
from typer.core import TyperCommand
from typer.testing import CliRunner

from api.cli import completion
from api.cli.app import app
from api.cli.field_tree import fields_of, requests
from search_service.kinds import KINDS
from tests.api.conftest import Live


def run(*arguments: str, code: int = 0) -> str:
    ended = CliRunner().invoke(app, list(arguments))
    assert ended.exit_code == code, ended.output
    return ended.output


@pytest.mark.parametrize("request_name", requests())
def test_every_field_of_a_request_is_listed_once(request_name: str) -> None:
    paths = [field.path for field in fields_of(request_name)]
    assert len(paths) == len(set(paths))
    if request_name in KINDS:
        assert set(KINDS[request_name].request.model_fields) <= set(paths)


def test_fields_say_what_they_take() -> None:
    told = {field.path: field for field in fields_of("search")}
    assert told["training.iterations"].takes.startswith("integer 1 to ")
    assert told["preset"].takes == "standard, quick, released, paper"
    assert told["preset"].default == '"standard"'
    assert {"tpe", "portfolio"} <= set(told["sampler.name"].choices)
    shown = run("fields", "retraining", "training.augmentation")
    assert "training.augmentation.scale" in shown
    assert "training.iterations" not in shown


def test_a_field_or_request_that_is_none_is_told_with_the_nearest() -> None:
    assert "Did you mean 'training.iterations'?" in run(
        "fields", "search", "training.iteration", code=1
    )
    assert "Did you mean 'retraining'?" in run("fields", "retrainin", code=1)


def completed(command: str, incomplete: str) -> list[str]:
    context = typer.Context(TyperCommand(command), info_name=command)
    return [word for word, _ in completion.assignments(context, incomplete)]


def test_assignments_are_completed_level_by_level() -> None:
    assert "training." in completed("search", "tr")
    assert "training=" not in completed("search", "tr")
    assert completed("search", "training.itera") == ["training.iterations="]
    assert completed("search", "preset=qu") == ["preset=quick"]
    assert "loss_network_specs=" in completed("retrain", "loss_n")
    assert "layout=voc" in completed("add", "layout=v")


def test_names_and_ids_of_the_service_are_completed(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOSSFIT_URL", str(live.http.base_url))
    assert [name for name, _ in completion.metrics("miou+bf")] == ["miou+bf1"]
    assert "dice" in [name for name, _ in completion.losses("dic")]
    live.http.post("/v1/aliases", json={"name": "dice-now", "loss": "dice"}).raise_for_status()
    assert ("dice-now", "stands for dice") in completion.losses("dic")
    assert completion.aliases("dic") == [("dice-now", "stands for dice")]
    assert [name for name, _ in completion.datasets("sh")] == ["shapes"]
    assert completion.jobs("0") == []
    monkeypatch.setenv("LOSSFIT_URL", "http://127.0.0.1:9")
    assert completion.losses("dic") == []


def test_the_version_is_told() -> None:
    assert run("--version").startswith("lossfit ")
