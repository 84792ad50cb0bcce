"""What scores are called, and how they are written."""

from surrogate_zoo.metrics.titles import (
    COUNTS,
    SHARES,
    directed,
    heading_of,
    higher_is_better,
    merit_of,
    title_of,
    unit_of,
)


def test_a_score_has_the_name_that_papers_write() -> None:
    names = ("bf1", "sbd", "dic", "mba", "trimap_5", "0.7*miou+0.3*bf1")
    titles = ["BF1", "SBD", "|DiC|", "mBA", "trimap 5", "0.7*miou+0.3*bf1"]
    assert [title_of(name) for name in names] == titles


def test_a_heading_tells_where_lower_is_better() -> None:
    assert [heading_of(name) for name in ("bf1", "dic", "dic-signed")] == [
        "BF1",
        "|DiC|, objects (lower is better)",
        "DiC, objects",
    ]
    assert directed("best of the search", "dic") == "best of the search (lower is better)"


def test_a_score_knows_its_way_and_its_unit() -> None:
    names = ("miou", "miou+sbd", "mba", "dic", "2*dic", "dic-signed")
    assert [higher_is_better(name) for name in names] == [True, True, True, False, False, None]
    assert [merit_of(name, 2.0) for name in names] == [2.0, 2.0, 2.0, -2.0, -2.0, 2.0]
    assert [unit_of(name) for name in names] == [SHARES] * 3 + [COUNTS] * 3


def test_shares_are_written_in_percent_and_counts_as_they_are() -> None:
    assert [SHARES.text(0.713), SHARES.difference(-0.004)] == ["71.3", "-0.4"]
    assert [COUNTS.text(2.3), COUNTS.difference(0.4)] == ["2.3", "+0.4"]
