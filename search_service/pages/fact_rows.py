"""Nested facts as rows of a table."""

from collections.abc import Mapping


def rows_of(name: str, value: object) -> list[tuple[str, str]]:
    """Names with dots and values as text: ``training.iterations``, ``1000``."""
    if isinstance(value, Mapping):
        return [row for key, inner in value.items() for row in rows_of(f"{name}.{key}", inner)]
    if isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        return [row for i, item in enumerate(value, 1) for row in rows_of(f"{name}.{i}", item)]
    if isinstance(value, list):
        return [(name, ", ".join(str(item) for item in value))]
    return [(name, "none" if value is None else str(value))]
