"""What the benchmark of the page tells of its measurements."""

from benchmarks.page import INTERACTIONS, missed, table


def test_what_is_slow_is_told_by_its_median() -> None:
    took = {
        ("paint", "home"): [100.0, 200.0, 5000.0],
        ("there", "home"): [9000.0],
        ("input", "search: sort the trials"): [16.0, 120.0, 136.0],
    }
    assert missed(took) == ["input of search: sort the trials takes 120 ms"]
    assert "| paint | home | 200 | 5000 |" in list(table(took))
    assert set(INTERACTIONS) == {"jobs", "search", "losses"}
