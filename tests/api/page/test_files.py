"""What the page consists of: from the service alone, under a strict policy, pinned where not its own."""

import hashlib
import json
import re
from pathlib import Path
from typing import Final

import pytest

from tests.api.conftest import Live
from tests.api.test_problems import is_problem
from tests.conftest import CHECKOUT

FOLDER: Final = CHECKOUT / "api" / "page"
VENDOR: Final = FOLDER / "vendor"
OWN: Final = [
    path
    for path in sorted(FOLDER.rglob("*"))
    if path.suffix in {".js", ".css", ".html", ".svg"} and VENDOR not in path.parents
]
ELSEWHERE: Final = re.compile(r"""(?:https?:)?//[a-z0-9-]+\.[a-z]""")
NAMESPACE: Final = "http://www.w3.org/2000/svg"


def imported(script: Path) -> list[Path]:
    """The modules that a script imports."""
    named = re.findall(
        r'^(?:import|\} from|export) .*?from "(\.[^"]+)";|^import "(\.[^"]+)"',
        script.read_text(),
        re.M,
    )
    return [(script.parent / (one or other)).resolve() for one, other in named]


def test_everything_that_the_page_asks_for_is_there(live: Live) -> None:
    html = live.http.get("/")
    assert html.headers["content-type"].startswith("text/html")
    parts = re.findall(r'(?:src|href)="(page/[^"]+)"', html.text)
    assert "page/app.js" in parts
    waiting, seen = [FOLDER / part.removeprefix("page/") for part in parts], set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        answer = live.http.get(f"/page/{path.relative_to(FOLDER).as_posix()}")
        assert answer.status_code == 200, path
        assert answer.content == path.read_bytes()
        if path.suffix == ".js":
            assert answer.headers["content-type"].startswith("text/javascript")
            waiting += imported(path) if VENDOR not in path.parents else []
    scripts = {path for path in OWN if path.suffix == ".js" and path.name != "reference.js"}
    assert scripts <= seen  # and none lies around unused


def test_nothing_is_loaded_from_elsewhere_or_runs_inline(live: Live) -> None:
    html = live.http.get("/")
    policy = html.headers["content-security-policy"]
    assert policy.startswith("default-src 'self'; img-src 'self' blob:;")
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", html.text)
    for path in OWN:
        assert not ELSEWHERE.search(path.read_text().replace(NAMESPACE, "")), path


def test_a_report_is_shown_in_an_origin_of_its_own(live: Live) -> None:
    reader = live.http.get("/page/reader.html")
    policy = reader.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts allow-modals; default-src 'none';")
    assert "allow-same-origin" not in policy
    assert "frame-ancestors 'self'" in policy
    assert "<script>" in reader.text


@pytest.mark.parametrize("entry", json.loads((VENDOR / "vendor.json").read_text()))
def test_a_script_of_others_is_the_one_that_is_named(entry: dict[str, str]) -> None:
    content = (VENDOR / entry["file"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == entry["sha256"]
    licences = (VENDOR / "LICENSES.md").read_text()
    assert f"{entry['package']} {entry['version']}".lower() in licences.lower()
    assert entry["file"] in licences
    assert b"eval(" not in content  # the policy would not let it
    assert b"new Function" not in content


def test_every_file_of_others_is_named() -> None:
    entries = json.loads((VENDOR / "vendor.json").read_text())
    files = {path.name for path in VENDOR.iterdir()} - {"vendor.json", "LICENSES.md"}
    assert files == {entry["file"] for entry in entries}


@pytest.mark.parametrize("name", ["vendor/vendor.json", "..%2Fapp.py", "nothing.js", "index.html"])
def test_it_has_no_other_files(live: Live, name: str) -> None:
    is_problem(live.http.get(f"/page/{name}"), 404)
