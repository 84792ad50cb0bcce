"""What sums up over REST: the one list of jobs, answers of searches, tables of comparisons."""

from collections.abc import Iterator
from pathlib import Path
from shutil import copy

import pytest

from search_service.settings import Settings
from tests.api.conftest import Live, running
from tests.api.page import recorded
from tests.api.requests import LOSS_NETWORK
from tests.api.test_problems import is_problem


@pytest.fixture(scope="module")
def shown(upgraded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    home = tmp_path_factory.mktemp("home")
    copy(upgraded, home / "lossfit.db")
    with running(Settings(home=home)) as live:
        yield live


@pytest.fixture(scope="module")
def jobs(shown: Live) -> dict[str, str]:
    """One of each kind, in the order that they were asked for; some are annotated."""
    found = {
        "search": recorded.finished_search(shown),
        "comparison": recorded.finished_comparison(shown),
        "retraining": recorded.finished_retraining(shown),
        "loss-network": recorded.submitted(shown, "loss-networks", LOSS_NETWORK, running=False),
    }
    written = {
        "search": {"tags": ["lens-1", "paper"]},
        "comparison": {"tags": ["lens", "paper"]},
        "retraining": {"note": "Before the LENS was cleaned."},
    }
    for kind, annotation in written.items():
        shown.http.post(f"/v1/jobs/{found[kind]}/annotate", json=annotation).raise_for_status()
    return found


def test_jobs_of_every_kind_stand_in_one_list_newest_first(
    shown: Live, jobs: dict[str, str]
) -> None:
    page = shown.http.get("/v1/jobs").json()
    assert [job["id"] for job in page["items"]] == list(jobs.values())[::-1]
    told = {job["kind"]: (job["about"], job["headline"]) for job in page["items"]}
    assert told == {
        "search": (
            "BF1 on shapes",
            "surrogate-bf1 beats the best handmade loss in BF1 over 2 fresh seeds.",
        ),
        "comparison": (
            "3 losses by mIoU on shapes",
            "dice has the best rank in mIoU (53.0 ± 2.5); not told apart from the best: lovasz.",
        ),
        "retraining": ("dice on shapes", "mIoU 47.5, BF1 50.0"),
        "loss-network": (
            "edge network on shapes",
            "Place 1: No controller runs: start one.",
        ),
    }
    scores = {job["kind"]: job["score"] for job in page["items"]}
    assert scores["retraining"] == "mIoU 47.5"
    assert scores["comparison"] == "mIoU 53.0"
    assert scores["search"].startswith("BF1 ")
    assert scores["loss-network"] == ""
    waiting = page["items"][0]
    assert (waiting["state"], waiting["path"]) == ("queued", "loss-networks")
    assert waiting["progress"] == {"done": 0, "total": 10}


def test_a_job_read_alone_tells_the_same(shown: Live, jobs: dict[str, str]) -> None:
    job = shown.http.get(f"/v1/retrainings/{jobs['retraining']}").json()
    assert (job["about"], job["headline"]) == ("dice on shapes", "mIoU 47.5, BF1 50.0")


def test_pages_of_the_list_hold_every_job_once(shown: Live, jobs: dict[str, str]) -> None:
    found, after = [], None
    while True:
        asked = {"limit": 1} | ({} if after is None else {"after": after})
        page = shown.http.get("/v1/jobs", params=asked).json()
        found += [job["id"] for job in page["items"]]
        if (after := page["next"]) is None:
            break
    assert found == list(jobs.values())[::-1]
    is_problem(shown.http.get("/v1/jobs", params={"after": "nonsense"}), 422)


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ("kind=search&kind=retraining", {"search", "retraining"}),
        ("state=queued", {"loss-network"}),
        ("state=succeeded&kind=comparison", {"comparison"}),
        ("text=LOVASZ", {"comparison"}),
        ("text=bf1", {"search"}),
        ("text=shapes&state=failed", set()),
        ("text=%25", set()),
        ("tag=paper", {"search", "comparison"}),
        ("tag=lens", {"comparison"}),
        ("tag=paper&tag=lens-1", {"search"}),
        ("tag=pape_", set()),
        ("text=lens", {"search", "comparison", "retraining"}),
        ("text=nul", set()),  # of what a request leaves out
        ("kind=search&kind=search&limit=1", {"search"}),
    ],
)
def test_the_list_is_filtered(
    shown: Live, jobs: dict[str, str], query: str, kinds: set[str]
) -> None:
    page = shown.http.get(f"/v1/jobs?{query}").json()
    assert {job["kind"] for job in page["items"]} == kinds
    assert page["next"] is None


def test_a_job_is_the_same_however_its_id_is_written(shown: Live, jobs: dict[str, str]) -> None:
    for kind, part in (("search", "trials"), ("retraining", "artifacts"), ("search", "answers")):
        path, job_id = {"search": "searches", "retraining": "retrainings"}[kind], jobs[kind]
        written = (job_id, job_id.upper(), job_id.replace("-", ""))
        told = [shown.http.get(f"/v1/{path}/{each}/{part}").json() for each in written]
        assert told[0]["items"]
        assert told == [told[0]] * 3
    is_problem(shown.http.get("/v1/searches/none/trials"), 404)


def test_a_job_is_found_by_the_beginning_of_its_id(shown: Live, jobs: dict[str, str]) -> None:
    found = shown.http.get(f"/v1/jobs?text={jobs['search'][:8]}").json()["items"]
    assert [job["id"] for job in found] == [jobs["search"]]


def test_the_answer_tells_the_loss_and_how_sure_it_is(shown: Live, jobs: dict[str, str]) -> None:
    [answer] = shown.http.get(f"/v1/searches/{jobs['search']}/answers").json()["items"]
    assert (answer["loss"], answer["title"], answer["verdict"]) == (
        "asl-bf1-shapes",
        "BF1",
        "better",
    )
    assert [entrant["mean"] for entrant in answer["entrants"]] == pytest.approx([0.51, 0.45, 0.41])
    assert answer["entrants"][0]["winner"]
    assert answer["entrants"][2]["lead"]["interval"] == [0.04, 0.08]
    trials = shown.http.get(f"/v1/searches/{jobs['search']}/trials?limit=2").json()["items"]
    assert [trial["label"] for trial in trials] == [
        "cross-entropy, rate x 1",
        "cross-entropy, rate x 3",
    ]


def test_a_comparisons_table_follows_the_choice(shown: Live, jobs: dict[str, str]) -> None:
    path = f"/v1/comparisons/{jobs['comparison']}/table"
    [table] = shown.http.get(path).json()["items"]
    assert (table["score"], table["columns"][0]["name"]) == ("miou", "miou")
    marks = {row["loss"]: row["entries"]["miou"]["mark"] for row in table["rows"]}
    assert marks == {"dice": "best", "lovasz": "tied", "cross-entropy": None}
    assert len(table["pairs"]) == 3
    [fewer] = shown.http.get(f"{path}?score=bf1&loss=dice&loss=cross-entropy").json()["items"]
    assert [row["loss"] for row in fewer["rows"]] == ["cross-entropy", "dice"]
    text = shown.http.get(f"{path}/export?format=markdown&loss=dice")
    assert text.headers["content-disposition"] == 'attachment; filename="comparison.md"'
    assert "**53.0 ± 2.5**" in text.text
    assert "lovasz" not in text.text
    is_problem(shown.http.get(f"{path}?score=f7"), 422)


def test_a_comparison_without_a_score_has_no_table_yet(shown: Live, jobs: dict[str, str]) -> None:
    waiting = recorded.submitted(shown, "comparisons", recorded.COMPARISON, running=False)
    assert shown.http.get(f"/v1/comparisons/{waiting}/table").json() == {"items": []}


def test_curves_are_drawn_from_the_list_of_losses(shown: Live) -> None:
    losses = shown.http.get("/v1/losses?limit=100").json()["items"]
    curves = {loss["name"]: loss["curves"] for loss in losses}
    assert curves["dice"] == {}
    assert set(curves["asl-miou-voc"]) == {"and", "or"}
    assert curves["asl-miou-voc"]["and"]["points"][0] == [0.0, 0.0]
