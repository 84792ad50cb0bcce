"""The pages, as CommonMark reads them: blocks of code, links, anchors."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.anchors import anchors_plugin

from tests.conftest import CHECKOUT

NOT_RUN = "<!-- not run: "
"""Begins the comment before a block that cannot be run; the reason follows."""

EXAMPLES = ("README.md", "CONTRIBUTING.md", "docs/guide/*.md", "examples/*/README.md")
PAGES = (*EXAMPLES, "docs/**/*.md", "benchmarks/results/**/*.md")


@dataclass(frozen=True)
class Block:
    """A fenced block of code.

    Attributes:
        line: Number of its first line of code.
        language: What its fence says.
        source: The code.
        not_run: Why it cannot be run; empty where it can.
    """

    line: int
    language: str
    source: str
    not_run: str

    @property
    def first(self) -> str:
        """Its first line, without its comment."""
        return self.source.splitlines()[0].partition("#")[0].strip()


def pages(patterns: tuple[str, ...]) -> list[str]:
    """Paths below the checkout, each once, in the order of the patterns."""
    found = (path for pattern in patterns for path in sorted(CHECKOUT.glob(pattern)))
    paths = dict.fromkeys(path.relative_to(CHECKOUT) for path in found)
    return [str(path) for path in paths if "_build" not in path.parts]


@cache
def tokens_of(page: str) -> list[Token]:
    """The page's parsed blocks; headings have the ids that GitHub and the built pages give them."""
    parser = MarkdownIt("commonmark").enable("table").use(anchors_plugin, max_level=4)
    return parser.parse((CHECKOUT / page).read_text(encoding="utf-8"))


def blocks_of(page: str) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    before = ""
    for token in tokens_of(page):
        if token.type == "fence":
            assert token.map is not None
            reason = before.removeprefix(NOT_RUN) if before.startswith(NOT_RUN) else ""
            yield Block(
                token.map[0] + 2,
                token.info.strip(),
                token.content,
                reason.removesuffix("-->").strip(),
            )
        before = token.content.strip() if token.type == "html_block" else ""


def inline_of(page: str) -> Iterator[Token]:
    """What stands inside of paragraphs, headings and tables."""
    for token in tokens_of(page):
        if token.type == "inline":
            yield from token.children or []


def anchors_of(page: str) -> set[str]:
    """The ids of a page's headings."""
    return {str(token.attrs["id"]) for token in tokens_of(page) if "id" in token.attrs}
