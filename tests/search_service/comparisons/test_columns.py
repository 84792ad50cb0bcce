"""Every column of the report, by what it takes out of an outcome, and in every form of the report."""

import csv
import re
from dataclasses import replace
from pathlib import Path

import pytest

from search_service.comparisons.columns import columns_of, is_near_borders, values_of
from search_service.comparisons.content import content_of
from search_service.comparisons.outcome import CellOutcome
from search_service.comparisons.page import FinishedComparison, render
from search_service.comparisons.report import write
from search_service.comparisons.request import ComparisonRequest
from search_service.comparisons.results import Results, Table
from search_service.comparisons.row import Row
from search_service.store.tables import Dataset
from workers.tasks.networks import NetworkSpec

OUTCOME = CellOutcome(
    learning_rate=0.05,
    score=0.5,
    seconds=61.6,
    metrics={
        **{"trimap_10": 0.4, "trimap_5": 0.3, "mba": 0.25, "outside_5": 0.9},
        **{"bf1": 0.6, "kappa": -0.1, "miou": 0.5, "of_a_package": 0.7},
    },
    rankseg={"miou": 0.55, "bf1": 0.65},
    measures={"worst_decile": 0.125, "peak_memory_bytes": 3 * 2**29, "images": 4},
)
# Name, title, value, text, whether it is short: the columns of OUTCOME by mIoU, in their order.
EXPECTED = [
    ("learning_rate", "learning rate", 0.05, "0.05", True),
    ("miou", "mIoU", 0.5, "50.0", True),
    ("bf1", "BF1", 0.6, "60.0", True),
    ("kappa", "Kappa", -0.1, "-10.0", False),
    ("mba", "mBA", 0.25, "25.0", True),
    ("of_a_package", "of a package", 0.7, "70.0", False),
    ("outside_5", "outside 5", 0.9, "90.0", False),
    ("trimap_5", "trimap 5", 0.3, "30.0", False),
    ("trimap_10", "trimap 10", 0.4, "40.0", False),
    ("worst_decile", "worst tenth of images, mIoU", 0.125, "12.5", True),
    ("rankseg.miou", "mIoU by RankSEG", 0.55, "55.0", True),
    ("seconds", "seconds a training", 61.6, "62", False),
    ("peak_memory_bytes", "GPU memory, GiB", 3 * 2**29, "1.5", False),
]


def table(*outcomes: CellOutcome) -> Table:
    row = Row("dice", 0.05, dict(enumerate(outcomes)), {0.05: 0.5})
    return Table.of("miou", NetworkSpec().model_dump(mode="json"), [row])


def test_each_column_has_its_name_title_value_and_text() -> None:
    columns = table(OUTCOME).columns
    assert [
        (
            column.name,
            column.title,
            column.value(OUTCOME),
            table(OUTCOME).texts(column)["dice"].text,
            column.short,
        )
        for column in columns
    ] == EXPECTED
    assert values_of("miou", OUTCOME) == {name: value for name, _, value, _, _ in EXPECTED}


def test_scores_of_objects_have_their_titles_units_and_directions() -> None:
    scores = {"dic-signed": -0.75, "miou": 0.5, "dic": 2.25, "sbd": 0.625}
    outcome = replace(OUTCOME, score=0.625, metrics=scores, rankseg={}, measures={})
    shown = Table.of(
        "sbd", NetworkSpec().model_dump(mode="json"), [Row("dice", 0.05, {0: outcome})]
    )
    told = [
        (c.name, c.title, shown.texts(c)["dice"].text, c.higher_is_better, c.ranks)
        for c in shown.columns
        if c.is_score
    ]
    assert told == [
        ("sbd", "SBD", "62.5", True, True),
        ("miou", "mIoU", "50.0", True, True),
        ("dic", "|DiC|, objects (lower is better)", "2.2", False, True),
        ("dic-signed", "DiC, objects", "-0.8", None, False),
    ]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """All text files of a comparison with one retraining, by their suffix."""
    request = ComparisonRequest.model_validate({"losses": ["dice"], "dataset": "shapes"})
    dataset = Dataset(name="shapes", report={"images": {"val": 4}, "fingerprint": "f"})
    results = Results("miou", [table(OUTCOME)])
    finished = FinishedComparison(results, request, dataset, {}, {}, None, tmp_path)
    paths = [path for path in write(tmp_path, finished) if path.suffix not in {".png", ".svg"}]
    return {path.suffix: path.read_text() for path in paths}


def test_every_form_of_the_report_has_every_column(files: dict[str, str]) -> None:
    [line] = csv.DictReader(files[".csv"].splitlines())
    for name, title, value, text, short in EXPECTED:
        assert float(line[name]) == value
        assert f'"{name}": "{title}"' in files[".json"]
        assert re.search(f"<th[^>]*>{title}</th>", files[".html"])
        assert f">{text}</td>" in files[".html"]
        assert (f" {title} |" in files[".md"]) == short
    assert "12.5" in files[".md"]


def test_a_rate_at_an_edge_is_said_in_every_form(files: dict[str, str]) -> None:
    told = "The best learning rate is the only one that was tried"
    assert told in files[".md"]
    assert told in files[".html"]
    assert '"edge": "only"' in files[".json"]


def test_the_metric_of_the_comparison_comes_first_and_is_short() -> None:
    names = [column.name for column in columns_of("kappa", [OUTCOME])]
    assert names[:3] == ["learning_rate", "kappa", "miou"]
    assert "rankseg.kappa" not in names  # no value in it
    short = {column.name for column in columns_of("kappa", [OUTCOME]) if column.short}
    assert {"kappa", "miou"} <= short


def test_columns_without_any_value_are_left_out() -> None:
    failed = CellOutcome(0.05, error="The loss became NaN.")
    assert [column.name for column in columns_of("miou", [failed])] == ["learning_rate"]
    assert columns_of("miou", []) == []


def test_seconds_are_a_mean_and_memory_is_the_most_that_a_training_took() -> None:
    more = replace(OUTCOME, seconds=70.4, measures={"peak_memory_bytes": 2**31})
    texts = {column.name: column for column in table(OUTCOME, more).columns}
    both = table(OUTCOME, more)
    assert both.texts(texts["seconds"])["dice"].text == "66"
    assert both.texts(texts["peak_memory_bytes"])["dice"].text == "2.0"


def test_measures_near_borders_are_told_from_metrics() -> None:
    near = [column.name for column in columns_of("miou", [OUTCOME]) if is_near_borders(column)]
    assert near == ["mba", "outside_5", "trimap_5", "trimap_10"]


def test_a_title_of_html_is_escaped(tmp_path: Path) -> None:
    request = ComparisonRequest.model_validate({"losses": ["dice"], "dataset": "shapes"})
    dataset = Dataset(name="<b>", report={"images": {"val": 4}, "fingerprint": "f"})
    results = Results("miou", [table(OUTCOME)])
    page = render(FinishedComparison(results, request, dataset, {}, {}, None, tmp_path), [])
    assert "&lt;b&gt;" in page
    assert content_of(results)["metric"] == "miou"
