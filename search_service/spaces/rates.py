"""How far a candidate's learning rate may lie from the schedule's; needs nothing."""

from typing import Final

RATES: Final = (0.1, 10.0)
"""Least and largest factor on the peak learning rate, unless others are asked for."""
