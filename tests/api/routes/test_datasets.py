"""Datasets over REST: registered by a job, with their pictures; every layout as a request."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from api.client.client import Client
from api.client.errors import JobError, ServiceError
from api.event_schemas import ErrorEvent
from search_service.jobs.pool import IdlePool
from tests.api.conftest import Live
from tests.api.test_problems import is_problem
from tests.search_service.service import working
from tests.workers.datasets import folders
from tests.workers.datasets.layouts import rows


def test_a_dataset_is_registered_by_a_job_that_tells_all_that_is_wrong_with_it(
    serve: Callable[..., Live], tmp_path: Path
) -> None:
    source = rows.voc(tmp_path / "voc").source
    broken = folders.folder(tmp_path / "broken", 16)
    for index in range(12):
        (tmp_path / f"broken/masks/{index:02d}.png").write_text("hello")
    live = serve(dataset_roots=(tmp_path,))
    with (
        working(live.settings, IdlePool()),
        Client(str(live.http.base_url)) as client,
    ):
        made = client.datasets.register(name="voc", source=source)
        assert client.datasets.register(name="voc", source=source) == made
        with pytest.raises(JobError, match="12 problems with the dataset's files") as told:
            client.datasets.register(name="mine", source=broken)
        *_, ended = client.registrations.events(told.value.job.id)
        with pytest.raises(JobError, match="take another name"):
            client.datasets.register(name="shapes", source=source)
        with pytest.raises(ServiceError, match="'mine'"):
            client.datasets.get("mine")
        picture = client.datasets.picture("voc")
    assert "The test split has no public labels; it is left out." in made.report["remarks"]
    assert "registered" not in made.source
    assert isinstance(ended, ErrorEvent)
    assert len(ended.faults) == 12
    for index in range(12):
        assert any(f"{index:02d}.png cannot be read" in fault for fault in ended.faults)
    with Image.open(io.BytesIO(picture.content)) as image:
        assert image.width > 1000
    answer = live.http.get("/v1/datasets/voc/picture")
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["etag"] == f'"{made.report["picture"]}"'


def test_one_request_registers_a_dataset_and_waits_for_it_as_long_as_it_is_told(
    serve: Callable[..., Live], tmp_path: Path
) -> None:
    live = serve(dataset_roots=(tmp_path,))
    source = folders.folder(tmp_path / "mine", 9).model_dump(mode="json", exclude_unset=True)
    body = {"name": "mine", "source": source}
    waiting = live.http.post("/v1/datasets", json=body)  # nobody reads
    assert waiting.status_code == 202
    assert waiting.headers["location"] == f"/v1/registrations/{waiting.json()['id']}"
    folders.folder(tmp_path / "broken", 9)
    (tmp_path / "broken/masks/03.png").write_text("hello")
    elsewhere = {**source, "root": str(tmp_path / "broken")}
    broken = {"name": "broken", "source": elsewhere}
    with working(live.settings, IdlePool()):
        made = live.http.post("/v1/datasets", json=body)
        refused = live.http.post("/v1/datasets", json=broken)
    assert made.status_code == 201
    assert made.json() == live.http.get(made.headers["location"]).json()
    assert "03.png cannot be read" in str(is_problem(refused, 422))


def test_what_is_built_in_has_no_picture(live: Live) -> None:
    is_problem(live.http.get("/v1/datasets/shapes/picture"), 404)


def test_an_unknown_layout_is_told_those_there_are(serve: Callable[..., Live]) -> None:
    body = {"name": "x", "source": {"layout": "pascal", "root": "/data"}}
    refused = serve().http.post("/v1/registrations", json=body)
    for layout in rows.ROWS:
        assert f"'{layout}'" in str(is_problem(refused, 422))


def test_what_workers_alone_read_is_not_shown(live: Live) -> None:
    schemas = live.http.get("/openapi.json").json()["components"]["schemas"]
    assert "bands" in schemas["FolderSource"]["properties"]
    assert "registered" not in schemas["FolderSource"]["properties"]
