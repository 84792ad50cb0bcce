"""The built pages: no warning, and nothing that is loaded from elsewhere."""

import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import CHECKOUT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("sphinx") is None, reason="'make docs' installs Sphinx"),
]

LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}
"""Tag -> the attribute that a browser fetches by itself."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages, as ``make docs`` builds them."""
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet"]
    built = subprocess.run(
        [*command, "-c", "docs", ".", str(target)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return target


class Fetched(HTMLParser):
    """Collects what a browser loads beside the page."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.targets += [value or "" for name, value in attrs if name == LOADED.get(tag)]


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    fetched = Fetched()
    for page in pages:
        fetched.feed(page.read_text(encoding="utf-8"))
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    assert fetched.targets
    assert [target for target in fetched.targets if "//" in target] == []
    assert "url(http" not in styles
    assert "@import" not in styles


def test_the_reference_holds_what_it_is_made_from(site: Path) -> None:
    reference = site / "docs" / "reference"
    expected = {
        "python": "ignore_index",
        "client": "download_all",
        "requests": "rate_extensions",
        "contracts": "proposals follow",
        "cli": "loss-networks",
        "rest": "/v1/searches/{job_id}/trials",
    }
    for page, word in expected.items():
        assert word in (reference / f"{page}.html").read_text(encoding="utf-8"), page
