"""What commands say of a job that is over, or not yet, in a terminal of 80 columns."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console

from api.cli.output import answer_tables, console, endings
from api.cli.output.dataset_tables import print_report
from api.client.client import Client
from api.job_schemas import JobDetail
from tests.api.client.scripted import job

ID = "edf3f52a-17cb-40f3-a106-18874284af66"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Console:
    """A terminal of 80 columns that remembers what was printed."""
    terminal = Console(width=80, record=True, file=io.StringIO(), force_terminal=True)
    for module in (console, answer_tables, endings):
        monkeypatch.setattr(module, "out", terminal)
    return terminal


@pytest.fixture
def client() -> Iterator[Client]:
    with Client("http://127.0.0.1:9") as client:
        yield client


def detail(**changed: Any) -> JobDetail:
    return JobDetail.model_validate(job(**{"id": ID, **changed}))


def printed(terminal: Console) -> str:
    lines = terminal.export_text().splitlines()
    assert all(len(line) <= 80 or ":" in line[:18] for line in lines)  # facts are not broken
    return "\n".join(line.rstrip() for line in lines)


def test_a_retraining_ends_with_its_scores_and_the_next_step(
    terminal: Console, client: Client
) -> None:
    scores = {"miou": 0.475, "bf1": 0.5, "trimap_1": 0.25, "kappa": None}
    result = {"loss": "dice", "version": 2, "metrics": scores}
    request = {"loss": "dice", "dataset": "shapes", "split": "val"}
    endings.print_ending(client, detail(kind="retraining", request=request, result=result))
    text = printed(terminal)
    assert "dice v2 on shapes, split val" in text
    rows = [line.split() for line in text.splitlines()]
    assert ["mIoU", "47.5"] in rows
    assert ["BF1", "50.0"] in rows
    assert "trimap" not in text
    assert f"lossfit compare --jobs {ID} JOB" in text
    assert text.splitlines()[-1].split() == ["Job:", ID]


def test_a_loss_network_ends_with_what_was_measured(terminal: Console, client: Client) -> None:
    result = {"measures": {"agreement": 0.5}, "sha256": "ab" * 32}
    request = {"dataset": "shapes", "network": {"kind": "edge_network"}}
    endings.print_ending(client, detail(kind="loss-network", request=request, result=result))
    text = printed(terminal)
    assert "lossfit loss-networks download edge shapes" in text
    assert ["agreement", "0.5"] in [line.split() for line in text.splitlines()]


def test_a_job_without_an_answer_says_how_it_stands(terminal: Console) -> None:
    waiting = {"position": 2, "reason": "One job runs at a time."}
    endings.print_standing(detail(state="queued", about="mIoU on shapes", waiting=waiting))
    endings.print_standing(detail(state="failed"))
    text = printed(terminal)
    assert "queued, place 2: One job runs at a time." in text
    assert "2 of 4" in text
    assert f"lossfit jobs watch {ID}" in text
    assert "out of memory" in text
    assert f"lossfit jobs log {ID}" in text


def test_a_dataset_is_told_by_its_classes(terminal: Console) -> None:
    report = {
        "classes": ["ground", "wire"],
        "class_shares": {"ground": 0.99, "wire": 0.01},
        "present": {"train": ["ground", "wire"], "val": ["ground"]},
        "images": {"train": 8, "val": 2},
        "void_share": 0.125,
        "remarks": ["The split test has no labels."],
        "instances": {"objects": 12, "most": 3, "smallest": 4, "touching": 0.25},
    }
    print_report("mine", report)
    text = printed(terminal)
    assert ["wire", "1.00", "%", "val"] in [line.split() for line in text.splitlines()]
    assert "train 8, val 2" in text
    assert "12, at most 3 an image, the smallest of 4 pixels, 25.0 % touch another" in text
    assert "The split test has no labels." in text
    assert "lossfit search miou mine" in text
