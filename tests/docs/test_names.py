"""What the registries hold stands in the guide: an entry that is added is told to its users."""

import re
from collections.abc import Iterable

import pytest

from api.cli.app import app
from lossfit import __all__ as public_names
from search_service.retrainings.presets import RETRAINING_PRESETS
from search_service.samplers.registry import SAMPLERS
from search_service.searches.figures.catalogue import FIGURES
from search_service.searches.presets import SEARCH_PRESETS
from search_service.settings import Settings
from surrogate_zoo import LOSSES, METRICS
from tests.conftest import CHECKOUT
from tests.docs.pages import inline_of
from workers.datasets.layouts.registry import LAYOUTS

MADE_FROM_METRICS = ("naive-", "asl-")
"""Beginnings of names that the guide tells as a pattern."""

TOLD: dict[str, Iterable[str]] = {
    "docs/guide/metrics.md": [name for name, metric in METRICS.items() if not metric.package],
    "docs/guide/losses.md": [name for name in LOSSES if not name.startswith(MADE_FROM_METRICS)],
    "docs/guide/datasets.md": LAYOUTS,
    "docs/guide/samplers.md": SAMPLERS,
    "docs/guide/retrainings.md": RETRAINING_PRESETS,
    "docs/guide/searches.md": [*SEARCH_PRESETS, *(f"{figure.name}.png" for figure in FIGURES)],
    "docs/guide/service.md": [f"LOSSFIT_{name.upper()}" for name in Settings.model_fields],
}
"""Page -> the names that it must tell, in code."""


@pytest.mark.parametrize("page", TOLD)
def test_a_page_tells_every_name(page: str) -> None:
    said = {
        word
        for token in inline_of(page)
        if token.type == "code_inline"
        for word in token.content.replace(",", " ").split()
    }
    assert set(TOLD[page]) - said == set()


def test_the_reference_describes_the_public_face() -> None:
    pages = [CHECKOUT / f"docs/reference/{name}.md" for name in ("python", "client")]
    text = "".join(page.read_text() for page in pages)
    assert [name for name in public_names if f":: lossfit.{name}\n" not in text] == ["__version__"]


def test_the_reference_describes_the_command_line_that_there_is() -> None:
    assert app.info.name == "lossfit"
    assert "api.cli.app:app" in (CHECKOUT / "docs/reference/cli.md").read_text()


def test_other_loops_are_tested_with_the_versions_that_are_installed() -> None:
    page = (CHECKOUT / "docs/guide/other-loops.md").read_text()
    told = re.findall(r"\| ([a-z-]+) (\d[\d.]*) \|$", page, re.MULTILINE)
    assert len(told) == 5
    installed = (CHECKOUT / "constraints.txt").read_text().lower().replace("_", "-").splitlines()
    assert {f"{name}=={version}" for name, version in told} <= set(installed)
