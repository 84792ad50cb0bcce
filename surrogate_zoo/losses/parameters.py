"""What a parameter of a loss may be: its type, its range and its meaning. Needs no torch.

One declaration serves all who ask: constructors check by it, entries make a JSON schema of it, and the
command line prints it.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Protocol

from surrogate_zoo.errors import InputError


class Parameter(Protocol):
    """One parameter of a loss."""

    @property
    def name(self) -> str:
        """What the constructor calls it."""
        ...

    @property
    def meaning(self) -> str:
        """What it does, in one sentence."""
        ...

    @property
    def range(self) -> str:
        """What it may be, so that "must be" may stand before it."""
        ...

    def holds(self, value: object) -> bool:
        """Whether it may be ``value``."""
        ...

    def schema(self) -> dict[str, Any]:
        """Its range as JSON schema."""
        ...


@dataclass(frozen=True)
class Number:
    """A finite number.

    Attributes:
        name: See :class:`Parameter`.
        meaning: See there.
        low: Its least value.
        high: Its greatest value; None has none.
        above: Whether ``low`` itself is out of the range.
        below: Whether ``high`` itself is.
        whole: Whether it is a whole number; a number with a point is none, also 2.0.
        odd: Whether it is an odd one.
    """

    name: str
    meaning: str
    low: float = 0
    high: float | None = None
    above: bool = False
    below: bool = False
    whole: bool = False
    odd: bool = False

    @property
    def range(self) -> str:
        """See :class:`Parameter`."""
        kind = "an odd whole number" if self.odd else "a whole number" if self.whole else "a number"
        return f"{kind} {self.bounds}"

    @property
    def bounds(self) -> str:
        """``of at least 0 and below 1``."""
        low = f"above {self.low:g}" if self.above else f"of at least {self.low:g}"
        if self.high is None:
            return low
        return f"{low} and {'below' if self.below else 'at most'} {self.high:g}"

    def holds(self, value: object) -> bool:
        """See :class:`Parameter`."""
        kind = Integral if self.whole else Real
        if isinstance(value, bool) or not isinstance(value, kind):
            return False
        try:
            number = float(value)
        except OverflowError:  # a whole number of hundreds of digits
            return False
        if not math.isfinite(number) or (self.odd and number % 2 != 1):
            return False
        reaches = number > self.low if self.above else number >= self.low
        if self.high is None:
            return reaches
        return reaches and (number < self.high if self.below else number <= self.high)

    def schema(self) -> dict[str, Any]:
        """See :class:`Parameter`."""
        bounds: dict[str, Any] = {("exclusiveMinimum" if self.above else "minimum"): self.low}
        if self.high is not None:
            bounds["exclusiveMaximum" if self.below else "maximum"] = self.high
        odd = {"not": {"multipleOf": 2}} if self.odd else {}
        return {"type": "integer" if self.whole else "number"} | bounds | odd


@dataclass(frozen=True)
class _Several:
    each: Number

    @property
    def name(self) -> str:
        """See :class:`Parameter`."""
        return self.each.name

    @property
    def meaning(self) -> str:
        """See :class:`Parameter`."""
        return self.each.meaning


@dataclass(frozen=True)
class Row(_Several):
    """So many numbers, in their order.

    Attributes:
        each: What each of them is; its name and meaning are the row's.
        length: How many.
        optional: Whether it may be null, too.
    """

    length: int
    optional: bool = False

    @property
    def range(self) -> str:
        """See :class:`Parameter`."""
        kind = "whole numbers" if self.each.whole else "numbers"
        return f"{'null or ' * self.optional}{self.length} {kind} {self.each.bounds}"

    def holds(self, value: object) -> bool:
        """See :class:`Parameter`."""
        if value is None:
            return self.optional
        if not isinstance(value, list | tuple) or len(value) != self.length:
            return False
        return all(map(self.each.holds, value))

    def schema(self) -> dict[str, Any]:
        """See :class:`Parameter`."""
        size = {"minItems": self.length, "maxItems": self.length}
        kind = ["array", "null"] if self.optional else "array"
        return {"type": kind, "items": self.each.schema()} | size


@dataclass(frozen=True)
class List(_Several):
    """Any number of numbers, or null.

    Attributes:
        each: What each of them is; its name and meaning are the list's.
    """

    @property
    def range(self) -> str:
        """See :class:`Parameter`."""
        return f"null or a list of numbers {self.each.bounds}"

    def holds(self, value: object) -> bool:
        """See :class:`Parameter`."""
        if value is None:
            return True
        return (
            isinstance(value, list | tuple) and len(value) > 0 and all(map(self.each.holds, value))
        )

    def schema(self) -> dict[str, Any]:
        """See :class:`Parameter`."""
        return {"type": ["array", "null"], "items": self.each.schema(), "minItems": 1}


@dataclass(frozen=True)
class Choice:
    """One of a few values.

    Attributes:
        name: See :class:`Parameter`.
        meaning: See there.
        options: The values, text or whole numbers.
    """

    name: str
    meaning: str
    options: tuple[str, ...] | tuple[int, ...]

    @property
    def range(self) -> str:
        """See :class:`Parameter`."""
        return " or ".join(map(str, self.options))

    def holds(self, value: object) -> bool:
        """See :class:`Parameter`."""
        return not isinstance(value, bool | float) and value in self.options

    def schema(self) -> dict[str, Any]:
        """See :class:`Parameter`."""
        return {"enum": list(self.options)}


@dataclass(frozen=True)
class Flag:
    """True or false.

    Attributes:
        name: See :class:`Parameter`.
        meaning: See there.
    """

    name: str
    meaning: str

    @property
    def range(self) -> str:
        """See :class:`Parameter`."""
        return "true or false"

    def holds(self, value: object) -> bool:
        """See :class:`Parameter`."""
        return isinstance(value, bool)

    def schema(self) -> dict[str, Any]:
        """See :class:`Parameter`."""
        return {"type": "boolean"}


@dataclass(frozen=True)
class Rule:
    """What must hold between several parameters.

    Attributes:
        names: The parameters that it looks at.
        holds: Takes their values, in that order.
        sentence: What it asks for, as a clause: "delta_d must be above delta_v".
    """

    names: tuple[str, ...]
    holds: Callable[..., bool]
    sentence: str


@dataclass(frozen=True)
class Parameters:
    """All parameters of a class of losses.

    Attributes:
        each: The parameters.
        rules: What holds between them; no schema tells it, its description does.
    """

    each: tuple[Parameter, ...] = ()
    rules: tuple[Rule, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters, in their order."""
        return tuple(parameter.name for parameter in self.each)

    def check(self, **values: object) -> None:
        """Check values by name; rules are looked at where all that they name is given.

        Raises:
            InputError: There is no such parameter, or a value is out of its range.
        """
        known = {parameter.name: parameter for parameter in self.each}
        for name, value in values.items():
            if name not in known:
                takes = f"it takes {', '.join(known)}" if known else "it takes none"
                raise InputError(f"The loss has no parameter {name!r}: {takes}.")
            if not known[name].holds(value):
                raise InputError(f"{name} must be {known[name].range}, not {value!r}.")
        for rule in self.rules:
            given = [values[name] for name in rule.names if name in values]
            if len(given) == len(rule.names) and not rule.holds(*given):
                told = " and ".join(f"{name} is {values[name]!r}" for name in rule.names)
                raise InputError(f"{rule.sentence}, but {told}.")

    def schema(self, defaults: Mapping[str, Any]) -> dict[str, Any]:
        """The JSON schema of an object that gives some or all of them.

        Args:
            defaults: What those are that it leaves out.
        """
        properties = {
            parameter.name: parameter.schema()
            | {"description": parameter.meaning}
            | ({"default": defaults[parameter.name]} if parameter.name in defaults else {})
            for parameter in self.each
        }
        told = {"description": " ".join(f"{rule.sentence}." for rule in self.rules)}
        body = {"type": "object", "properties": properties, "additionalProperties": False}
        return body | (told if self.rules else {})
