"""A comparison by a score of objects through the controller: rows by way, tuned rates, pictures."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from search_service.catalogue import datasets
from search_service.catalogue.request import DatasetRequest
from search_service.comparisons.admission import cells as cells_of_job
from search_service.comparisons.request import ComparisonRequest
from search_service.jobs import lifecycle as jobs
from search_service.settings import Settings
from search_service.store.artifacts import open_artifact
from surrogate_zoo.errors import InputError
from tests.search_service.here_pool import HerePool
from tests.search_service.service import Desk, create, result_of, working
from tests.workers import tiny
from tests.workers.datasets import folders

pytestmark = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)

ASKED: dict[str, Any] = {
    "losses": ["cross-entropy-discriminative", "cross-entropy"],
    "dataset": "tiny",
    "metric": "sbd",
    "networks": [tiny.NETWORK.model_dump() | {"embedding": 4}],
    "training": tiny.training().model_dump(),
    "scoring": {"tolerance": 2, "clustering": {"radius": 0.5}},
    "clusterings": {"watershed": {"method": "watershed", "radius": 4}},
    "tune_clustering": {"factors": [1, 2], "min_pixels": [1]},
    "oracles": ["oracle-centres"],
    "learning_rates": [0.01, 0.05],
    "rate_extensions": 0,
    "seeds": 2,
    "images": 1,
}
ROWS = [
    ("cross-entropy", "watershed"),
    ("cross-entropy-discriminative", "mean-shift"),
    ("cross-entropy-discriminative", "watershed"),
]


@pytest.fixture
def desk(engine: Engine, settings: Settings) -> Desk:
    desk = Desk(engine)
    with desk.writing.begin() as session:
        datasets.register(session, settings, DatasetRequest(name="tiny", source=tiny.SOURCE))
    return desk


def test_losses_and_ways_are_compared(desk: Desk, settings: Settings) -> None:
    with desk.writing.begin() as session:
        job_id = create(session, ComparisonRequest.model_validate(ASKED)).id
    with working(settings, HerePool()):
        job = desk.wait_for(job_id)
    assert (job.state, job.error) == ("succeeded", None)
    result = result_of(job)
    assert result["cells"] == 4
    [network] = result["networks"]
    assert sorted((row["loss"], row["clustering"]) for row in network["losses"]) == ROWS
    assert all(row["mean"] is not None for row in network["losses"])
    with desk.reading() as session:
        kept = {file.name: file.sha256 for file in jobs.artifacts(session, job_id)}
        outcomes = {row.number: row.outcome for row in cells_of_job(session, job_id)}
    written = {
        name: open_artifact(settings.artifacts_root, sha).read_text()
        for name, sha in kept.items()
        if not name.endswith((".png", ".svg"))
    }
    table = list(csv.DictReader(io.StringIO(written["comparison.csv"])))
    assert len(table) == 2 * (len(ROWS) + 1)  # and the oracle
    for line in table:
        if line["clustering"] == "mean-shift":
            first = outcomes[2 * int(line["seed"])]
            assert float(line["sbd"]) == first["metrics"]["sbd"] == first["score"]
    [told] = json.loads(written["comparison.json"])["networks"]
    assert [(one["loss"], one["clustering"]) for one in told["oracles"]] == [
        ("cross-entropy-discriminative", "oracle-centres")
    ]
    assert {len(each["tuning"]) for each in told["losses"]} == {2}
    page = written["report.html"]
    assert page.count("objects of cross-entropy") == len(ROWS)
    assert page.count("objects of truth") == 1
    assert "show what is left to win" in page
    assert "cross-entropy · watershed" in written["comparison.md"]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"dataset": "plain"}, "dataset plain tells none apart"),
        ({"clusterings": {}}, "cross-entropy trains no embeddings"),
        ({"metric": "dic-signed"}, "dic-signed has no better way"),
    ],
)
def test_what_cannot_be_compared_is_not_admitted(
    desk: Desk, settings: Settings, tmp_path: Path, changes: dict[str, Any], why: str
) -> None:
    allowed = settings.model_validate(settings.model_dump() | {"dataset_roots": (tmp_path,)})
    plain = DatasetRequest(name="plain", source=folders.segnet(tmp_path / "plain"))
    with desk.writing.begin() as session:
        datasets.register(session, allowed, plain)
    with pytest.raises(InputError, match=why), desk.writing.begin() as session:
        create(session, ComparisonRequest.model_validate(ASKED | changes))
