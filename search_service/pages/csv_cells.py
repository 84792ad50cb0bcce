"""Cells of a CSV file that a spreadsheet shall show and not run."""

from typing import Final

_BEGIN_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")


def shown(value: object) -> object:
    """The value; of a text that a spreadsheet would take for a formula one with a quote before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_BEGIN_FORMULAS) else value
