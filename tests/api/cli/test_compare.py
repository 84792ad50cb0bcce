"""The tables that the terminal shows of a comparison, and how they are cut to its width."""

import io
from collections.abc import Mapping, Sequence

import pytest
from rich.console import Console

from api.cli.output.comparison_tables import print_results
from search_service.comparisons.outcome import CellOutcome
from search_service.comparisons.results import Results, Table
from search_service.comparisons.row import Row
from surrogate_zoo.errors import InputError

NETWORK = {"architecture": "Unet", "encoder": "resnet18"}


def outcome(miou: float) -> CellOutcome:
    names = ("fwiou", "biou", "bf1", "macc", "gacc", "boundary-iou", "trimap_1", "trimap_10")
    metrics = {"miou": miou, "mba": miou / 2, "kappa": -0.25, **dict.fromkeys(names, 0.5)}
    return CellOutcome(0.1, miou, seconds=2.0, metrics=metrics)


def results(scores: Mapping[str, Sequence[float]]) -> Results:
    rows = [
        Row(loss, 0.1, dict(enumerate(map(outcome, values))), {0.1: 0.5})
        for loss, values in scores.items()
    ]
    return Results("miou", [Table.of("miou", NETWORK, rows)])


FEW = {"dice": [0.4, 0.41, 0.42], "lovasz": [0.5, 0.51, 0.53]}


def printed(
    scores: Mapping[str, Sequence[float]] = FEW,
    metrics: Sequence[str] = (),
    *,
    width: int = 200,
    boundary: bool = False,
    styles: bool = False,
) -> list[str]:
    console = Console(width=width, record=True, file=io.StringIO())
    print_results(console, results(scores), "shapes, split val", metrics, boundary=boundary)
    return console.export_text(styles=styles).splitlines()


def lines_with(text: str, lines: Sequence[str]) -> list[str]:
    return [line for line in lines if text in line]


def test_the_heading_says_what_the_numbers_are() -> None:
    heading = printed()[0]
    assert heading.startswith(
        "shapes, split val. Percent, mean ± half of the 95% interval (Student"
    )
    assert "paired t-test, Holm" in heading


def test_a_loss_has_mean_and_half_of_its_interval() -> None:
    [dice] = lines_with("│ dice ", printed())
    # 41 +- t(0.975, 2) sd / sqrt(3)
    assert "41.0 ± 2.5" in dice
    [single] = lines_with("│ dice ", printed({"dice": [0.4]}))
    assert "40.0" in single
    assert "±" not in single


def test_the_best_is_bold_and_what_is_not_told_from_it_italic() -> None:
    scores = {**FEW, "focal": [0.48, 0.52, 0.5]}
    lines = printed(scores, ["miou"], styles=True)
    assert len(lines_with("\x1b[1m51.3 ± 3.8", lines)) == 1
    assert len(lines_with("\x1b[3m50.0 ± 5.0", lines)) == 1
    [dice] = lines_with("│ dice ", lines)
    assert "\x1b[1m" not in dice
    assert "\x1b[3m" not in dice


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_no_line_is_wider_than_the_terminal_and_no_column_is_lost(width: int) -> None:
    scores = {**FEW, "0.5*cross-entropy+0.25*lovasz+0.25*boundary-cross-entropy": [0.3, 0.2, 0.1]}
    lines = printed(scores, width=width)
    tables = [line for line in lines if "│" in line or "┃" in line]
    assert max(map(len, tables)) <= width
    dice = lines_with("│ dice ", lines)
    assert sum(line.count("±") for line in dice) == 8
    assert (len(dice) == 1) == (width == 200)
    assert not lines_with("…", lines)


def test_other_metrics_come_as_they_are_asked_for() -> None:
    lines = printed(metrics=["kappa", "macc", "miou"])
    [header] = lines_with("loss", lines)
    assert header.index("Kappa") < header.index("mAcc") < header.index("mIoU")
    [dice] = lines_with("│ dice ", lines)
    assert "-25.0" in dice
    with pytest.raises(
        InputError, match=r"no such score.*unheard-of.*There are: learning_rate, miou"
    ):
        printed(metrics=["miou", "unheard-of"])


def test_measures_near_borders_are_a_table_of_their_own() -> None:
    [header] = lines_with("loss", printed(boundary=True))
    assert header.index("mBA") < header.index("trimap 1 ") < header.index("trimap 10")
    assert "mIoU" not in header


def test_a_rate_at_an_edge_is_told_below() -> None:
    [note] = lines_with("the only one that was tried", printed())
    assert note.endswith("beyond it: lovasz (0.1), dice (0.1).")


def test_ways_to_make_objects_are_rows_and_oracles_have_no_rank() -> None:
    objects = {
        "clusterings": {"mean-shift": {}, "watershed": {}},
        "scores": {"mean-shift": {"sbd": 0.5}, "watershed": {"sbd": 0.625}},
        "oracles": {"oracle-centres": {"sbd": 0.875}},
    }
    cell = CellOutcome(0.1, 0.5, metrics={"miou": 0.75, "sbd": 0.5}, objects=objects)
    table = Table.of("sbd", NETWORK, [Row("discriminative", 0.1, {0: cell})])
    console = Console(width=120, record=True, file=io.StringIO())
    print_results(console, Results("sbd", [table]), "shapes, split val")
    lines = console.export_text().splitlines()
    shown = [line.split("│")[1:5] for line in lines_with("│ discriminative", lines)]
    assert [[cell.strip() for cell in row] for row in shown] == [
        ["discriminative · watershed", "1", "1.0", "0.1"],
        ["discriminative · mean-shift", "1", "2.0", "0.1"],
        ["discriminative · oracle-centres", "1", "", "0.1"],
    ]
    assert [line.count("87.5") for line in lines_with("oracle-centres", lines)] == [1]
    assert lines_with("Rows of oracles are told a part of the truth", lines)
