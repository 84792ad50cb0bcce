"""Nested facts as rows of a table."""

from collections.abc import Mapping


def rows_of(name: str, value: object) -> list[tuple[str, str]]:
    """Names with dots and values as text: ``training.iterations``, ``1000``."""
    if isinstance(value, Mapping):
        return [row for key, inner in value.items() for row in rows_of(f"{name}.{key}", inner)]
    if isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
        return [row for i, one in enumerate(value, 1) for row in rows_of(f"{name}.{i}", one)]
    if isinstance(value, list):
        return [(name, ", ".join(str(one) for one in value))]
    return [(name, "none" if value is None else str(value))]
