"""Links of all pages: files, anchors, and the form of addresses; without a network."""

from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import SplitResult, unquote, urlsplit

import pytest

from tests.conftest import CHECKOUT
from tests.docs.pages import PAGES, anchors_of, inline_of, pages, tokens_of


class Sources(HTMLParser):
    """Collects what HTML between the Markdown points to."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        points = {"img": "src", "a": "href"}.get(tag)
        self.targets += [value or "" for name, value in attrs if name == points]


def links_of(page: str) -> Iterator[str]:
    """Everything that a page points to: links, images, and those of HTML in it."""
    html = Sources()
    for token in inline_of(page):
        if token.type in ("link_open", "image"):
            yield str(token.attrs["href" if token.type == "link_open" else "src"])
        elif token.type == "html_inline":
            html.feed(token.content)
    for token in tokens_of(page):
        if token.type == "html_block":
            html.feed(token.content)
    yield from html.targets


def fault(page: str, link: str) -> str | None:
    """What is wrong with a link; None where nothing is."""
    address = urlsplit(link)
    if address.scheme:
        return address_fault(address)
    target = (CHECKOUT / page).parent / unquote(address.path) if address.path else CHECKOUT / page
    if not target.is_file():
        return "there is no such file"
    if not target.resolve().is_relative_to(CHECKOUT):
        return "leads out of the checkout"
    if address.fragment and target.suffix == ".md":
        known = anchors_of(str(target.resolve().relative_to(CHECKOUT)))
        return None if address.fragment in known else f"no such heading; there are {sorted(known)}"
    return None


def address_fault(address: SplitResult) -> str | None:
    """What is wrong with the form of an address elsewhere."""
    if address.scheme not in ("http", "https"):
        return "neither http nor https"
    if not address.hostname or " " in address.geturl():
        return "no address"
    is_local = address.hostname in ("127.0.0.1", "localhost")
    return "not https" if address.scheme == "http" and not is_local else None


@pytest.mark.parametrize("page", pages(PAGES))
def test_links_lead_somewhere(page: str) -> None:
    faults = {link: fault(page, link) for link in links_of(page)}
    assert {link: told for link, told in faults.items() if told} == {}


@pytest.mark.parametrize(
    ("link", "told"),
    [
        ("docs/none.md", "there is no such file"),
        ("docs/guide/metrics.md#none", "no such heading"),
        ("https:///path", "no address"),
        ("http://example.com", "not https"),
    ],
)
def test_a_bad_link_is_told(link: str, told: str) -> None:
    assert (fault("README.md", link) or "").startswith(told)


FOLDERS = tuple(f"{path.name}/" for path in CHECKOUT.iterdir() if path.is_dir())


@pytest.mark.parametrize("page", pages(PAGES))
def test_paths_in_the_text_exist(page: str) -> None:
    """``surrogate_zoo/metrics/catalogue.py`` in a sentence is a promise too."""
    named = {token.content for token in inline_of(page) if token.type == "code_inline"}
    paths = {text for text in named if text.startswith(FOLDERS) and "<" not in text}
    paths -= {
        "lossfit/loss/v1",  # the schema of loss files
        "docs/_build/html",  # what `make docs` builds
    }
    assert {path for path in paths if not list(CHECKOUT.glob(path.rstrip("/")))} == set()
