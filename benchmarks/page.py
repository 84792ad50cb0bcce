"""The page in Chromium with years of jobs in the database: how soon it paints, how soon it answers a hand.

``python -m benchmarks.page [--jobs 10000] [--trials 2000] [--rounds 5] [--pictures folder]``: fills a
database, of whose searches one has ``--trials`` trials, serves it without a controller, and opens the page
in a fresh browser profile each round. Of every screen it tells the first contentful paint, and when all that
it asked for stood there; of every interaction the longest time from an input to the next frame (Event Timing,
as for INP: multiples of 8 ms, nothing below 16). Prints a table of medians and worst values, the machine's
load, and what misses :data:`BARS`. Needs Debian's ``chromium``.
"""

import argparse
import multiprocessing
import os
import shutil
import socket
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final

import httpx
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from api.app import create_app
from benchmarks.filling import fill
from search_service.settings import Settings
from search_service.store.database import make_engine

BARS: Final = {"paint": 1000.0, "input": 100.0}
"""Milliseconds that medians of first paints, and of interactions, may take."""

Took = Mapping[tuple[str, str], Sequence[float]]
"""What was measured (paint, there, input) and where -> milliseconds of every round."""

_SHARE: Final = 10  # of all trials the first search has a tenth
_WATCH: Final = """
window.inputs = [];
new PerformanceObserver((list) => list.getEntries().forEach((entry) => window.inputs.push(entry.duration)))
  .observe({ type: "event", durationThreshold: 16 });
"""
_LONGEST: Final = (
    "() => { const all = window.inputs; window.inputs = []; return Math.max(16, ...all); }"
)
_PAINT: Final = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
_SETTLE_MS: Final = 250


def _serve(home: Path, port: int) -> None:
    uvicorn.run(create_app(Settings(home=home)), port=port, log_level="critical")


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """The API on a filled database, in a process of its own; gives its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(home, port))
    process.start()
    try:
        url, until = f"http://127.0.0.1:{port}", time.monotonic() + 120
        while time.monotonic() < until:
            try:
                httpx.get(f"{url}/v1/kinds", timeout=10).raise_for_status()
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.join()


def measure(
    browser: Browser, url: str, search: str, rounds: int, pictures: Path | None = None
) -> Took:
    """Open every screen and use it, in a fresh profile each round; ``pictures`` are kept of each."""
    took: dict[tuple[str, str], list[float]] = defaultdict(list)
    screens = {"home": "", "jobs": "jobs", "search": f"searches/{search}", "losses": "zoo"}
    for _ in range(rounds):
        for name, place in screens.items():
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            page = context.new_page()
            page.add_init_script(_WATCH)
            page.goto(f"{url}/#{place}")
            page.wait_for_function(
                "() => document.querySelector('h1') && !document.querySelector('[aria-busy=true]')"
            )
            took["there", name].append(page.evaluate("performance.now()"))
            if problem := page.get_by_role("alert").all_inner_texts():
                raise SystemExit(f"The screen {name} says: {problem[0]}")
            page.wait_for_timeout(_SETTLE_MS)
            took["paint", name].append(page.evaluate(_PAINT))
            for told, act in INTERACTIONS.get(name, {}).items():
                page.evaluate(_LONGEST)
                act(page)
                page.wait_for_timeout(_SETTLE_MS)
                took["input", f"{name}: {told}"].append(page.evaluate(_LONGEST))
            if pictures is not None:
                page.screenshot(path=pictures / f"{name}.png", full_page=True)
            context.close()
    return took


def _mark(page: Page) -> None:
    """Drag along an axis of the parallel coordinates."""
    canvas = page.locator("canvas.parallel")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    if box is None:
        raise SystemExit("The search has no parallel coordinates.")
    x = box["x"] + 56
    page.mouse.move(x, box["y"] + 80)
    page.mouse.down()
    for step in range(12):
        page.mouse.move(x, box["y"] + 80 + 10 * step)
    page.mouse.up()


def _choose(page: Page) -> None:
    """Show another score of the trials."""
    page.get_by_label("Score").first.select_option(index=3)


def _hover(page: Page) -> None:
    """Move over the chart of scores, and click a trial."""
    chart = page.locator(".chart .u-over").first
    chart.hover(position={"x": 200, "y": 60})
    chart.hover(position={"x": 400, "y": 90})
    chart.click(position={"x": 300, "y": 80})


INTERACTIONS: Final[Mapping[str, Mapping[str, Callable[[Page], None]]]] = {
    "jobs": {
        "type into the search": lambda page: page.get_by_role("searchbox").press_sequentially("shapes"),
        "older jobs": lambda page: page.get_by_role("button", name="Older jobs").click(),
    },
    "search": {
        "sort the trials": lambda page: page.locator("#trials thead button").nth(3).click(),
        "filter the trials": lambda page: page.locator("#trials input[type=search]").press_sequentially("12"),
        "show every trial again": lambda page: page.locator("#trials input[type=search]").fill(""),
        "choose a metric": _choose,
        "mark a range of parameters": _mark,
        "open a trial from the chart": _hover,
    },
    "losses": {"filter the losses": lambda page: page.get_by_role("searchbox").press_sequentially("dice")},
}  # fmt: skip
"""Screen -> what is done there, by name."""


def table(took: Took) -> Iterator[str]:
    """The measurements, a row each."""
    yield "| what | where | median, ms | worst, ms |"
    yield "|---|---|---|---|"
    for (kind, where), values in sorted(took.items()):
        yield f"| {kind} | {where} | {median(values):.0f} | {max(values):.0f} |"


def missed(took: Took) -> list[str]:
    """What is slower than it may be."""
    return [
        f"{kind} of {where} takes {median(values):.0f} ms"
        for (kind, where), values in sorted(took.items())
        if median(values) > BARS.get(kind, float("inf"))
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--trials", type=int, default=2000, help="of the search that is opened")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pictures", type=Path, help="folder, which is there")
    options = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise SystemExit("There is no chromium here: apt-get install chromium.")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        engine = make_engine(f"sqlite:///{home / 'lossfit.db'}")
        search = fill(engine, options.jobs, _SHARE * options.trials, owners=1)[0]
        engine.dispose()
        before = os.getloadavg()
        with serving(home) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            took = measure(browser, url, search, options.rounds, options.pictures)
            browser.close()
    print("\n".join(table(took)))
    loads = f"{before[0]:.1f} before, {os.getloadavg()[0]:.1f} after"
    print(f"\n{options.jobs} jobs, {options.trials} trials; {os.cpu_count()} CPUs, load {loads}")
    print("\n".join(missed(took)) or "all within the bars")


if __name__ == "__main__":
    main()
