"""The templates of pages and cards, and what they are filled by."""

from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_FOLDER: Final = Path(__file__).parent / "templates"


def _environment(*, autoescape: bool) -> Environment:
    return Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=autoescape,  # noqa: S701  Markdown; texts of users go through the filter
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def embedded(figure: bytes | str) -> tuple[str, str]:
    """The figure as a data URI, and why there is none; one of the two is empty."""
    if isinstance(figure, str):
        return "", figure
    return f"data:image/png;base64,{b64encode(figure).decode()}", ""


def cell(text: object) -> str:
    """A text that may not end a table's cell, nor begin anything else of Markdown's or HTML's."""
    line = " ".join(str(text).split())
    for mark in "\\`*_[]<>|":
        line = line.replace(mark, f"\\{mark}")
    return line


PAGES: Final = _environment(autoescape=True)
"""HTML pages."""

CARDS: Final = _environment(autoescape=False)
"""Markdown, where texts of users go through the filter ``cell``."""

CARDS.filters["cell"] = cell

SCRIPT: Final = (_FOLDER / "report.js").read_text()
"""The one script of every HTML page; pages let no other run."""

PAGES.globals["script"] = SCRIPT
PAGES.globals["script_hash"] = f"sha256-{b64encode(sha256(SCRIPT.encode()).digest()).decode()}"
