"""Who trains the candidates of a search; needs nothing."""

from typing import Literal, TypeAlias

Trainer: TypeAlias = Literal["service", "external"]
"""The service's workers, or its user's own code."""
