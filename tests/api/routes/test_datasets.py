"""Pictures of datasets, and every layout as a request."""

import io
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from tests.api.conftest import Live
from tests.api.test_problems import is_problem
from tests.workers.datasets import folders, rows


def test_the_picture_of_a_dataset_is_a_png(serve: Callable[..., Live], tmp_path: Path) -> None:
    source = rows.voc(tmp_path / "datasets/voc").source
    live = serve(dataset_roots=(tmp_path / "datasets",))
    body = {"name": "voc", "source": source.model_dump(mode="json")}
    made = live.http.post("/v1/datasets", json=body)
    assert made.status_code == 201, made.text
    assert (
        "The test split has no public labels; it is left out." in made.json()["report"]["remarks"]
    )
    answer = live.http.get("/v1/datasets/voc/picture")
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["etag"] == f'"{made.json()["report"]["picture"]}"'
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert picture.width > 1000
    is_problem(live.http.get("/v1/datasets/shapes/picture"), 404)


def test_an_unknown_layout_is_told_those_there_are(serve: Callable[..., Live]) -> None:
    body = {"name": "x", "source": {"layout": "pascal", "root": "/data"}}
    refused = serve().http.post("/v1/datasets", json=body)
    for layout in rows.ROWS:
        assert f"'{layout}'" in str(is_problem(refused, 422))


def test_every_fault_of_a_dataset_is_in_the_answer(
    serve: Callable[..., Live], tmp_path: Path
) -> None:
    source = folders.folder(tmp_path, 16)
    for index in range(12):
        (tmp_path / f"masks/{index:02d}.png").write_text("hello")
    live = serve(dataset_roots=(tmp_path,))
    body = {"name": "mine", "source": source.model_dump(mode="json")}
    problem = is_problem(live.http.post("/v1/datasets", json=body), 422)
    assert problem.detail.startswith("12 problems with the dataset's files, such as:")
    assert len(problem.errors) == 12
    assert {(error.place, error.field) for error in problem.errors} == {("body", "source")}
    for index in range(12):
        assert any(f"{index:02d}.png cannot be read" in error.message for error in problem.errors)


def test_what_workers_alone_read_is_not_shown(serve: Callable[..., Live], tmp_path: Path) -> None:
    source = folders.folder(tmp_path)
    live = serve(dataset_roots=(tmp_path,))
    body = {"name": "mine", "source": source.model_dump(mode="json")}
    made = live.http.post("/v1/datasets", json=body)
    assert made.status_code == 201, made.text
    assert "registered" not in made.json()["source"]
    schemas = live.http.get("/openapi.json").json()["components"]["schemas"]
    assert "bands" in schemas["FolderSource"]["properties"]
    assert "registered" not in schemas["FolderSource"]["properties"]
