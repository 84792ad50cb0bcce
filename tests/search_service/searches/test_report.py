"""What a finished search leaves: files that open, and one page that needs nothing else."""

import hashlib
import json
import re
from base64 import b64decode, b64encode
from html.parser import HTMLParser
from pathlib import Path

import optuna
import pytest

from search_service.pages.environment import SCRIPT
from search_service.searches import report
from search_service.searches.figures.catalogue import FIGURES
from search_service.searches.figures.search import FinishedSearch
from search_service.store.artifacts import MEDIA_TYPES
from surrogate_zoo import load_loss
from surrogate_zoo.losses.parameter_space import ParameterSpace
from tests.search_service.searches.figures.finished import (
    MACC,
    finished,
    finished_beside,
    finished_margins,
    finished_zoo,
    scored_by,
    trial,
)

OF_OTHERS = {"race", "kinds"}
"""Figures of searches of the zoo, and of such that end with a race."""

VOID = {"meta", "img", "link", "br"}


class Page(HTMLParser):
    """The tags of a page, checked to be closed, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.opened.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "


def written(folder: Path, search: FinishedSearch) -> dict[str, Path]:
    return {path.name: path for path in report.write(folder, search)}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    space = ParameterSpace("macc")
    trials = scored_by(space, 24, lambda theta: 0.9 - 0.5 * abs(theta[0] - 0.3))
    for one in trials:
        one.metrics = {"macc": one.score or 0.0, "miou": 0.25, "bf1": 0.125}
    return written(tmp_path_factory.mktemp("report"), finished(space, trials))


@pytest.fixture(scope="module")
def page(files: dict[str, Path]) -> Page:
    return Page(files["report.html"].read_text())


def test_every_figure_is_a_file_and_stands_in_the_page(files: dict[str, Path], page: Page) -> None:
    pictures = [source for tag, facts in page.tags if tag == "img" and (source := facts["src"])]
    drawn = [figure for figure in FIGURES if figure.name not in OF_OTHERS]
    assert len(pictures) == len(drawn)
    for figure, source in zip(drawn, pictures, strict=True):
        content = files[f"{figure.name}.png"].read_bytes()
        assert content.startswith(b"\x89PNG")
        assert b64decode(source.removeprefix("data:image/png;base64,")) == content
        drawing = files[f"{figure.name}.svg"].read_text(encoding="utf-8")
        assert drawing.startswith("<?xml")
        assert "</svg>" in drawing
        assert figure.title in page.text


def test_every_file_has_a_media_type(files: dict[str, Path]) -> None:
    assert {path.suffix for path in files.values()} <= set(MEDIA_TYPES)
    assert len(files["trials.csv"].read_text().splitlines()) == 25


def test_the_page_is_whole_and_loads_nothing(files: dict[str, Path], page: Page) -> None:
    assert not page.opened
    assert not {"link", "iframe"} & {tag for tag, _ in page.tags}
    assert [facts for tag, facts in page.tags if tag == "script"] == [{}]
    policy = next(facts["content"] for tag, facts in page.tags if "http-equiv" in facts)
    digest = b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in str(policy)
    assert f"<script>{SCRIPT}</script>" in files["report.html"].read_text()
    assert not re.search(
        r"(src|href|url)\s*[=(]\s*['\"]?(https?:)?//", files["report.html"].read_text()
    )


def test_the_page_tells_the_best_trials_and_where_the_loss_comes_from(
    files: dict[str, Path], page: Page
) -> None:
    told = " ".join(page.text.split())
    assert "mAcc, curve family bezier, 6 parameters. 24 trials" in told
    assert "25.0 12.5" in told  # mIoU and BF1 of every trial
    assert "dataset.fingerprint ab" in told
    assert json.loads(files["loss.json"].read_text())["sha256"] in told
    load_loss(files["loss.json"], num_classes=2)


def test_names_are_text_and_never_markup(page: Page) -> None:
    assert "b" not in {tag for tag, _ in page.tags}
    assert "<b>sky</b>" in page.text


def test_a_search_of_few_trials_says_which_figures_it_lacks(tmp_path: Path) -> None:
    space = ParameterSpace("macc", "linear")
    search = finished(space, [trial(0, space.start, 0.5), trial(1, space.start, None)])
    files = written(tmp_path, search)
    pictures = {path.stem for path in files.values() if path.suffix == ".png"}
    missing = {figure.name for figure in FIGURES} - pictures
    assert missing == {"importance", "trade-off"} | OF_OTHERS
    text = Page(files["report.html"].read_text()).text
    assert "at least 20 trials" in text
    assert "(1 without a score)" in text


@pytest.mark.parametrize("companion", ["asl-macc-voc", "asl-miou-voc"])
def test_the_page_tells_what_was_found_and_no_companions_curves(
    tmp_path: Path, companion: str
) -> None:
    text = Page(written(tmp_path, finished_beside(companion))["report.html"].read_text()).text
    points = MACC.control_points(finished_beside(companion).result.theta)
    told = re.sub(r"\s+", " ", text)
    shown = [f"macc:{name} {' '.join(f'{p:.4f}' for p in row)}" for name, row in points.items()]
    assert [row for row in shown if row in told] == shown
    assert "miou:" not in told


def test_a_search_of_the_zoo_answers_first(tmp_path: Path) -> None:
    files = written(tmp_path, finished_zoo())
    assert {"mine-miou.json", "mine-macc.json", "race.png", "kinds.png", "curves.png"} <= set(files)
    assert not {"path.png", "importance.png"} & set(files)
    page = Page(files["report.html"].read_text())
    told = " ".join(page.text.split())
    assert not page.opened
    answer = "surrogate-miou beats the best handmade loss in mIoU over 3 fresh seeds: +5.0 points"
    assert (
        told.index("The loss for mIoU: mine-miou") < told.index(answer) < told.index("The search")
    )
    assert "No loss was found that is better than lovasz in mAcc" in told
    assert "lovasz (handmade) 2 3 55.0 +5.0 (+3.0 to +7.0)" in told
    assert "Searched for mIoU, mAcc on shapes" in told
    assert "portfolio 4 trainings" in told
    assert "hold-out sets whole images" in told
    assert "Path of the search" not in told


def test_a_search_of_margins_tells_width_and_radius_and_draws_no_curves(tmp_path: Path) -> None:
    search = finished_margins()
    files = written(tmp_path, search)
    drawn = {path.stem for path in files.values() if path.suffix == ".png"}
    assert drawn == {"race", "scores", "kinds", "importance", "trade-off"}
    page = Page(files["report.html"].read_text())
    told = " ".join(page.text.split())
    assert not page.opened
    (winner,) = search.winners
    named, radius = winner["parameters"], winner["clustering"]["radius"]
    assert "The searched margins are better than the paper's margins in SBD over 3 fresh" in told
    assert "paper's margins (handmade)" in told
    assert f"width of the embeddings {named['width']}" in told
    assert f"objects are found by mean-shift, radius {radius:.3g}" in told
    assert f"margins and weights delta_v {named['delta_v']:.3g}, delta_d" in told
    assert "loss(logits, target, embeddings=embeddings, instances=instances)" in told
    assert f"lossfit retrain mine shapes --set network.embedding={named['width']}" in told
    assert f'{{"radius": {radius}}}\'' in told
    assert "portfolio 3 trainings" in told
    assert "Loss surface" not in told
    study = optuna.load_study(study_name="mine", storage=f"sqlite:///{files['study.db']}")
    assert study.trials[1].params["delta_d"] == 1.5
    assert study.trials[1].params["width"] == 8
    header, row = files["trials.csv"].read_text().splitlines()[:2]
    assert dict(zip(header.split(","), row.split(","), strict=True))["radius"] == "1.5"
