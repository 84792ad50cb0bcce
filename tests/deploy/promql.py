"""PromQL as dashboards write it: what is wrong raises, what is right tells its selectors.

The grammar is Prometheus's own but for subqueries, ``offset`` and ``@``, which nothing here uses.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

TOKEN = re.compile(
    r"""\s*(?:
    (?P<range>\[(?:\d+[smhdw]|\$__rate_interval|\$__interval|\$__range)\])
    |(?P<string>"(?:[^"\\]|\\.)*")
    |(?P<number>\d+(?:\.\d+)?)
    |(?P<name>[a-zA-Z_:][\w:]*)
    |(?P<sign>=~|!~|!=|==|>=|<=|[-+*/%^()<>{},=])
    )""",
    re.VERBOSE,
)
BINARY = (
    {"or"},
    {"and", "unless"},
    {"==", "!=", "<", ">", "<=", ">="},
    {"+", "-"},
    {"*", "/", "%"},
    {"^"},
)
"""Operators, those that bind least first."""

AGGREGATIONS = {"sum", "max", "min", "avg", "count", "topk", "bottomk"}
OF_RANGES = {"rate", "increase"}
FUNCTIONS = {"histogram_quantile", "clamp_min"} | OF_RANGES
SCALAR_FIRST = {"topk", "bottomk", "histogram_quantile"}


@dataclass(frozen=True)
class Selector:
    """A metric that is asked for.

    Attributes:
        metric: Its name.
        labels: Names of the labels that it is asked by, in braces or in the aggregations around it.
        values: Label -> a value or pattern that it is compared with.
        function: The function of ranges around it; empty where there is none.
    """

    metric: str
    labels: set[str] = field(default_factory=set)
    values: dict[str, str] = field(default_factory=dict)
    function: str = ""


def selectors_of(expression: str) -> list[Selector]:
    """The selectors of a PromQL expression.

    Raises:
        ValueError: It is not well-formed.
    """
    parser = _Parser(expression)
    found = parser.binary(0)
    if parser.kind:
        raise ValueError(f"{expression}: {parser.text!r} is too much")
    return found


class _Parser:
    """Reads tokens one by one; every method returns the selectors of what it has read."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = self._split(expression)
        self.kind, self.text = next(self._tokens)

    def _split(self, expression: str) -> Iterator[tuple[str, str]]:
        place, end = 0, len(expression.rstrip())
        while place < end:
            match = TOKEN.match(expression, place)
            if match is None or match.lastgroup is None:
                raise ValueError(f"{expression}: cannot read {expression[place:]!r}")
            yield match.lastgroup, match[match.lastgroup]
            place = match.end()
        while True:
            yield "", ""

    def _take(self, *texts: str) -> str:
        """The present token, which has to be one of ``texts`` where any are given."""
        if texts and self.text not in texts:
            raise ValueError(f"{self._expression}: {self.text!r} where {texts} should be")
        text = self.text
        self.kind, self.text = next(self._tokens)
        return text

    def _take_kind(self, kind: str) -> str:
        if self.kind != kind:
            raise ValueError(f"{self._expression}: {self.text!r} is no {kind}")
        return self._take()

    def binary(self, level: int) -> list[Selector]:
        if level == len(BINARY):
            return self._unary()
        found = self.binary(level + 1)
        while self.text in BINARY[level]:
            self._take()
            for word in ("on", "ignoring", "group_left", "group_right"):
                if self.text == word:
                    self._take()
                    self._labels()
            found += self.binary(level + 1)
        return found

    def _unary(self) -> list[Selector]:
        if self.kind in ("number", "string"):
            self._take()
            return []
        if self.text == "(":
            self._take("(")
            found = self.binary(0)
            self._take(")")
            return found
        name = self._take_kind("name")
        if name in AGGREGATIONS:
            return self._aggregation(name)
        if self.text == "(":
            return self._call(name)
        return [self._selector(name)]

    def _aggregation(self, name: str) -> list[Selector]:
        labels: set[str] = set()
        if self.text == "by":
            self._take("by")
            labels = self._labels()
        found = self._arguments(scalar_first=name in SCALAR_FIRST)
        for selector in found:
            selector.labels.update(labels)
        return found

    def _call(self, name: str) -> list[Selector]:
        if name not in FUNCTIONS:
            raise ValueError(f"{self._expression}: there is no function {name}")
        if name in OF_RANGES:
            self._take("(")
            selector = self._selector(self._take_kind("name"), name)
            self._take_kind("range")
            self._take(")")
            return [selector]
        found = self._arguments(scalar_first=name in SCALAR_FIRST)
        if name == "histogram_quantile" and not all("le" in each.labels for each in found):
            raise ValueError(f"{self._expression}: a quantile needs the label le")
        return found

    def _arguments(self, *, scalar_first: bool) -> list[Selector]:
        self._take("(")
        if scalar_first:
            self._take_kind("number")
            self._take(",")
        found = self.binary(0)
        while self.text == ",":
            self._take()
            found += self.binary(0)
        self._take(")")
        return found

    def _selector(self, metric: str, function: str = "") -> Selector:
        selector = Selector(metric, function=function)
        if self.text == "{":
            self._take("{")
            while self.text != "}":
                label = self._take_kind("name")
                self._take("=", "!=", "=~", "!~")
                selector.labels.add(label)
                selector.values[label] = self._take_kind("string")[1:-1]
                if self.text != "}":
                    self._take(",")
            self._take("}")
        return selector

    def _labels(self) -> set[str]:
        labels: set[str] = set()
        self._take("(")
        while self.text != ")":
            labels.add(self._take_kind("name"))
            if self.text != ")":
                self._take(",")
        self._take(")")
        return labels
