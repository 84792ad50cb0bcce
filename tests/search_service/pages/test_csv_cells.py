"""A spreadsheet runs no cell of ours, and numbers stay numbers."""

import pytest

from search_service.pages.csv_cells import shown


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_formula_becomes_text(text: str) -> None:
    assert shown(text) == f"'{text}"


@pytest.mark.parametrize("value", [-0.5, None, 3, "dice", "", "a=b", "dice+lovasz"])
def test_what_is_none_stays_as_it_is(value: object) -> None:
    assert shown(value) == value
