"""The page in Chromium on a real API: what one sees and does, in both schemes, at every width."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from search_service.settings import Settings
from tests.api.conftest import Live, running
from tests.api.page import recorded
from tests.conftest import DEADLINE

pytestmark = pytest.mark.slow

WIDTHS: Final = (390, 768, 1280, 1920)
SERIOUS: Final = {"serious", "critical"}
TOKEN: Final = "a secret of this test"  # noqa: S105


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("no chromium here: 'apt-get install chromium'")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def shown(upgraded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service with a job of each kind that is over, shared by tests that look at them."""
    home = tmp_path_factory.mktemp("home")
    shutil.copy(upgraded, home / "lossfit.db")
    with running(Settings(home=home)) as live:
        yield live


@pytest.fixture(scope="module")
def screens(shown: Live) -> dict[str, str]:
    """Every screen: its address -> what its heading says."""
    comparison = recorded.finished_comparison(shown)
    written = {"note": "Of the first lens.", "tags": ["paper"]}
    shown.http.post(f"/v1/jobs/{comparison}/annotate", json=written).raise_for_status()
    written = {"note": f"<b>Of</b> the {'first' * 40}\nlens.", "tags": ["paper", "t" * 64]}
    shown.http.post("/v1/losses/jdt/annotate", json=written).raise_for_status()
    alias = {"name": "a" * 128, "loss": "jdt"}
    shown.http.post("/v1/aliases", json=alias).raise_for_status()
    return {
        "": "Home",
        "jobs": "Jobs",
        f"searches/{recorded.finished_search(shown)}": "Search: BF1 on shapes",
        f"comparisons/{comparison}": "Comparison: 3 losses",
        f"comparisons/{comparison}/report": "Report",
        f"retrainings/{recorded.finished_retraining(shown)}": "Training: dice on shapes",
        "zoo": "Losses",
        "zoo?tag=paper": "Losses",
        "zoo/asl-miou-voc": "asl-miou-voc",
        "zoo/jdt": "jdt",
        "zoo/asl-miou-voc/against/dice": "against dice",
        "datasets": "Datasets",
        "datasets/shapes": "shapes",
        "new/searches?metric=bf1&dataset=shapes&preset=quick": "New search",
        "new/registrations": "New dataset",
    }


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that may ask its own service alone, and must not complain."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(DEADLINE * 100)
    expect.set_options(timeout=DEADLINE * 100)
    page = context.new_page()
    told: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and "status of 4" not in message.text:
            told.append(message.text)

    def note(asked: Request) -> None:
        if not _is_own(asked.url):
            told.append(f"asked {asked.url}")

    page.on("console", hear)
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", note)
    yield page
    context.close()
    assert told == []


def _is_own(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "blob:http://127.0.0.1:"))


def go(page: Page, live: Live, place: str, heading: str) -> None:
    """Open a screen, and wait until all that it asks for is there."""
    page.goto(f"{live.http.base_url}/#{place}")
    expect(page.get_by_role("heading", level=1)).to_contain_text(heading)
    expect(page.locator("[aria-busy=true]")).to_have_count(0)


def test_every_screen_is_accessible_and_fits_every_width(
    page: Page, shown: Live, screens: dict[str, str]
) -> None:
    axe, problems = Axe(), []
    for number, (place, heading) in enumerate(screens.items()):
        page.emulate_media(color_scheme="dark" if number % 2 else "light")
        go(page, shown, place, heading)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{place} is {wide} wide at {width}"
            for frame in page.frames[1:]:
                frame.wait_for_load_state()
                assert frame.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, (
                    width
                )
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            problems += [
                (
                    place,
                    scheme,
                    one["id"],
                    node["html"][:120],
                    node.get("failureSummary", "")[-120:],
                )
                for one in axe.run(page).response["violations"]
                if one["impact"] in SERIOUS
                for node in one["nodes"][:3]
            ]
    assert problems == []


def test_a_search_is_submitted_watched_paused_and_stopped(
    page: Page, serve: Callable[..., Live]
) -> None:
    live = serve()
    go(page, live, "", "Three ways to begin")
    page.get_by_role("link", name="Search on shapes").click()
    expect(page.get_by_text("trainings", exact=False).first).to_be_visible()
    expect(page.locator("pre", has_text="client.searches.submit")).to_contain_text('"bf1"')
    page.get_by_role("button", name="Start it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Search: BF1 on shapes")
    job_id = page.url.rpartition("/")[2]
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".head .state")).to_have_text("paused")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".head .state")).to_have_text("queued")
    recorded.record_trials(live, job_id, range(3))  # as a controller would
    expect(page.locator("#trials tbody tr")).to_have_count(3)
    recorded.record_trials(live, job_id, range(3, 5))
    expect(page.locator("#trials tbody tr")).to_have_count(5)
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".head .state")).to_have_text("cancelled")
    assert live.http.get(f"/v1/searches/{job_id}").json()["state"] == "cancelled"


def test_a_search_shows_its_answer_and_publishes_a_trial(
    page: Page, shown: Live, screens: dict[str, str]
) -> None:
    place = next(place for place in screens if place.startswith("searches/"))
    go(page, shown, place, "Search")
    answer = page.locator(".answer")
    expect(answer).to_contain_text("beats the best handmade loss in BF1")
    expect(answer).to_contain_text("+6.0 (+4.0 to +8.0)")
    expect(answer).to_contain_text("32 of 160 images held out")
    with page.expect_download() as download:
        answer.get_by_role("button", name="Download as JSON").click()
    assert download.value.suggested_filename == "asl-bf1-shapes.json"
    trials = page.locator("#trials")
    scores = [float(text) for text in trials.locator("tbody td:nth-child(4)").all_inner_texts()]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == 40.0  # percent, as in the answer
    chart = page.locator(".chart").first
    expect(chart).to_have_attribute("aria-label", re.compile("^BF1 of 12 trials against their"))
    page.get_by_role("combobox", name=re.compile("Against")).select_option("rate")
    expect(chart).to_have_attribute("aria-label", re.compile("^BF1 of 12 trials against rate"))
    expect(page.locator(".chart .u-axis").first).to_be_visible()
    expect(page.locator("canvas.parallel")).to_have_attribute("aria-label", re.compile("12 trials"))
    trials.get_by_role("button", name=re.compile("^Trial$")).press("Enter")  # sorts by keyboard
    trials.get_by_label("Filter").fill("focal")
    rows = trials.locator("tbody tr")
    expect(rows.first).to_contain_text("focal")
    assert rows.count() < 12
    with page.expect_download() as download:
        trials.get_by_role("button", name="CSV").click()
    header, *lines = Path(download.value.path()).read_text().splitlines()
    assert header.startswith("number,generation,label,score")
    assert len(lines) == rows.count()
    rows.first.get_by_role("button").click()
    expect(trials.get_by_text("Its training")).to_be_visible()
    trials.get_by_label("Name in the zoo").fill("mine")
    trials.get_by_role("button", name="Publish this trial").click()
    expect(trials.get_by_role("status")).to_contain_text("mine, version 1")
    assert shown.http.get("/v1/losses/mine").json()["version"] == 1


def test_a_job_is_found_again_by_its_tags(page: Page, shown: Live, screens: dict[str, str]) -> None:
    place = next(place for place in screens if place.startswith("searches/"))
    go(page, shown, place, "Search")
    page.get_by_text("Tags and note").click()
    page.get_by_label("Tags, separated by blanks").fill("paper, lens-1")
    page.get_by_label("Note", exact=True).fill("Before the lens was cleaned.")
    page.get_by_role("button", name="Keep").click()
    expect(page.locator(".head .note")).to_contain_text("Before the lens was cleaned.")
    rows = page.locator("table.jobs tbody tr")
    page.locator(".head").get_by_role("link", name="lens-1").click()
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Before the lens was cleaned.")
    rows.get_by_role("link", name="paper").click()
    expect(rows).to_have_count(2)
    page.get_by_role("link", name="every tag").click()
    expect(rows).to_have_count(3)


def test_a_loss_is_annotated_and_called_by_an_alias(page: Page, shown: Live) -> None:
    for gamma in (1, 2):
        body = {"name": "my-focal", "loss": "focal", "parameters": {"gamma": gamma}}
        shown.http.post("/v1/losses", json=body).raise_for_status()
    go(page, shown, "zoo/my-focal?version=1", "my-focal")
    page.get_by_text("Tags and note").click()
    page.get_by_label("Tags, separated by blanks").fill("thin, lens-1")
    page.get_by_label("Note", exact=True).fill("<b>Thin</b> things.")
    page.get_by_role("button", name="Keep").click()
    expect(page.locator("p.note")).to_have_text("<b>Thin</b> things.")
    page.get_by_text("Aliases", exact=True).click()
    page.get_by_label("A name that stands for version 1").fill("stable")
    page.get_by_role("button", name="Let it stand for this").click()
    expect(page.locator("main .tag.alias")).to_have_text("alias stable")
    page.get_by_role("link", name="lens-1").click()
    cards = page.locator(".zoo > li")
    expect(cards).to_have_count(1)
    expect(cards).to_contain_text("<b>Thin</b> things.")
    page.get_by_role("link", name="every tag").click()
    page.get_by_role("searchbox").fill("stable")
    expect(cards).to_have_count(1)
    expect(cards).to_contain_text("stable = v1")
    go(page, shown, "zoo/dice", "dice")
    page.get_by_text("Aliases", exact=True).click()
    page.get_by_label("A name that stands for version 1").fill("stable")
    expect(page.locator(".menu .hint")).to_contain_text("It stands for my-focal, version 1")
    page.get_by_role("button", name="Move it here").click()
    expect(page.locator("main .tag.alias")).to_have_text("alias stable")
    go(page, shown, "zoo/stable", "dice")
    page.get_by_text("Aliases", exact=True).click()
    page.get_by_role("button", name="Remove the alias stable").click()
    expect(page.locator("main .tag.alias")).to_have_count(0)
    assert "stable" not in {
        alias["name"] for alias in shown.http.get("/v1/aliases").json()["items"]
    }


def test_a_form_follows_the_request_and_says_what_is_wrong(page: Page, shown: Live) -> None:
    go(page, shown, "new/searches?metric=bf1&dataset=shapes", "New search")
    code = page.locator("pre", has_text="client.searches.submit")
    cost = page.locator("aside section").first
    expect(cost).to_contain_text("trainings")
    page.get_by_text("All fields").click()
    page.locator("summary", has_text="sampler").first.click()
    page.locator("#field-sampler").select_option("tpe")
    page.locator("#field-sampler-trials").fill("8")
    expect(code).to_contain_text('"sampler": {"name": "tpe", "trials": 8}')
    expect(cost).to_contain_text("8")
    page.locator("#field-seed").fill("-1")
    expect(page.locator("#field-seed-hint")).to_contain_text("greater than or equal to 0")
    expect(page.get_by_role("button", name="Start it")).to_be_disabled()


def test_a_comparison_is_read_ranked_otherwise_and_exported(
    page: Page, shown: Live, screens: dict[str, str]
) -> None:
    place = next(place for place in screens if place.startswith("comparisons/"))
    go(page, shown, place, "Comparison")
    table = page.locator("table.standings")
    expect(table.locator("strong").first).to_have_text("53.0 ± 2.5")
    expect(table.locator("tbody th").last).to_contain_text("cross-entropy")
    page.get_by_label("Rank by").select_option("bf1")
    expect(table.locator("tbody th").first).to_contain_text("cross-entropy")
    page.get_by_role("checkbox", name="cross-entropy").uncheck()
    expect(table.locator("tbody tr")).to_have_count(2)
    with page.expect_download() as download:
        page.get_by_role("button", name="LaTeX").click()
    text = Path(download.value.path()).read_text()
    assert r"\begin{tabular}" in text
    assert "cross-entropy" not in text
    expect(page.locator(".card", has_text="Near borders").locator(".u-legend")).to_contain_text(
        "dice"
    )
    page.get_by_label("How much of the left picture").fill("20")
    expect(page.locator(".stage img")).to_have_count(2)


def test_a_report_is_read_in_the_page_and_cannot_reach_it(
    page: Page, shown: Live, screens: dict[str, str]
) -> None:
    place = next(place for place in screens if place.endswith("/report"))
    go(page, shown, place.removesuffix("/report"), "Comparison")
    page.get_by_role("link", name="Report").click()
    report = page.frame_locator("iframe")
    expect(report.get_by_role("heading", level=1)).to_have_text("Losses on shapes")
    rows = report.locator("table.numbers tbody tr:visible")
    report.get_by_role("button", name="loss", exact=True).click()
    expect(rows.first).to_contain_text("lovasz")
    report.get_by_role("checkbox", name="lovasz").uncheck()
    expect(rows).to_have_count(2)
    expect(report.get_by_role("columnheader", name=re.compile("trimap"))).to_have_count(0)
    report.get_by_label("every column").check()
    expect(report.get_by_role("columnheader", name=re.compile("trimap")).first).to_be_visible()
    assert page.frames[1].evaluate("origin") == "null"


def test_losses_are_tried_on_a_drawing(page: Page, shown: Live) -> None:
    go(page, shown, "zoo/dice/against/cross-entropy", "against")
    told = page.locator(".drawn figcaption", has_text="dice: loss")
    before = told.inner_text()
    page.get_by_label("Prediction").select_option("as the truth")
    expect(told).not_to_have_text(before)
    expect(page.get_by_role("img", name=re.compile("cross-entropy: gradient"))).to_be_visible()


def test_it_asks_for_a_token_and_is_used_by_keyboard(
    page: Page, serve: Callable[..., Live]
) -> None:
    live = serve(token=TOKEN)
    page.goto(f"{live.http.base_url}/#jobs")
    page.get_by_label("Token").fill(TOKEN)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Jobs")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Jobs")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    expect(page).to_have_title("Jobs · lossfit")
