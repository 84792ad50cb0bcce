"""Names of losses, and weighted sums of them: ``0.5*cross-entropy+0.5*asl-miou-voc``. Needs no NumPy."""

import math
import re
from collections.abc import Mapping

from surrogate_zoo.errors import InputError

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}")
"""A loss's name in the zoo."""

_TERM = re.compile(r"(?:(?P<weight>[0-9.]+(?:e[+-]?[0-9]+)?)\*)?(?P<name>[a-z0-9][a-z0-9._-]*)")
MOST_TERMS = 16


def is_sum(text: str) -> bool:
    """Whether a text is meant as a weighted sum rather than as one loss's name."""
    return "*" in text or "+" in text


def parse_sum(expression: str) -> list[tuple[float, str]]:
    """Take a weighted sum apart.

    Args:
        expression: ``[weight*]name`` joined by ``+``; white space is of no account, a weight that is
            left out is 1.

    Returns:
        Weight > 0 and name of every term, in order.

    Raises:
        InputError: It cannot be read, or a weight is not a positive number.
    """
    parts = _parts(expression)
    if len(parts) > MOST_TERMS:
        raise InputError(f"A weighted sum has {MOST_TERMS} terms at most, not {len(parts)}.")
    return [_term(part, expression) for part in parts]


def term_names(expression: str) -> tuple[str, ...]:
    """Names in a weighted sum, each once; of a plain name itself."""
    if not is_sum(expression):
        return (expression,)
    return tuple(dict.fromkeys(name for _, name in parse_sum(expression)))


def renamed(expression: str, names: Mapping[str, str]) -> str:
    """An expression, or a plain name, with other names in the places of some; weights stay as written."""
    terms = (part.rpartition("*") for part in _parts(expression))
    return "+".join(f"{weight}{star}{names.get(name, name)}" for weight, star, name in terms)


def sum_name(expression: str) -> str:
    """A name for the zoo, made from an expression: ``0.5-cross-entropy-0.5-dice``."""
    return re.sub(
        r"[^a-z0-9.]+",
        "-",
        "-".join(
            name if weight == 1 else f"{weight:g}-{name}" for weight, name in parse_sum(expression)
        ),
    )[:128].strip("-.")


def _parts(expression: str) -> list[str]:
    """Terms as they are written, without white space."""
    # A plus sign within an exponent (1e+2) joins no terms.
    return re.split(r"(?<![0-9]e)\+", "".join(expression.split()))


def _term(part: str, expression: str) -> tuple[float, str]:
    match = _TERM.fullmatch(part)
    try:
        weight = float(match["weight"] or 1) if match else math.nan
    except ValueError:
        weight = math.nan
    if match is None or not (math.isfinite(weight) and weight > 0):
        raise InputError(
            f"{expression!r} is no weighted sum: write terms such as 0.5*cross-entropy, joined by +, "
            "with weights above 0."
        )
    return weight, match["name"]
