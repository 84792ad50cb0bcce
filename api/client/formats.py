"""As what a loss is downloaded; needs nothing."""

from typing import Literal, TypeAlias

Format: TypeAlias = Literal["json", "python"]
"""A loss file, or one Python file that needs torch alone."""
