"""Logic on class maps: Boolean (exact), product (naive surrogate), curves (searched surrogate).

``AND(a, b) = g(a) g(b)``, ``OR(a, b) = g(a) + g(b) - g(a) g(b)``, ``XOR = OR - AND`` (Auto Seg-Loss,
eq. 6). Every call site is named, and each soft operand of a call site has a curve g of its own. A
crisp operand is its own image, since g(0) = 0 and g(1) = 1.
"""

from collections.abc import Mapping

from torch import Tensor

from surrogate_zoo.curves import BezierCurve
from surrogate_zoo.errors import InputError
from surrogate_zoo.maps import ClassMap
from surrogate_zoo.pointwise import pointwise
from surrogate_zoo.sites import curves_of

CURVES = {"bezier": BezierCurve}
"""Curve family -> class of a curve, made of flat control points."""


class Logic:
    """The product logic: g is the identity. On crisp maps it is Boolean logic."""

    def and_(self, site: str, first: ClassMap, second: ClassMap) -> ClassMap:
        """``g(first) g(second)`` at the call site ``site``."""
        one, two = self._shaped(site, first, second)
        return one * two

    def or_(self, site: str, first: ClassMap, second: ClassMap) -> ClassMap:
        """``g(first) + g(second) - g(first) g(second)`` at the call site ``site``."""
        one, two = self._shaped(site, first, second)
        return (one + two - one * two).marked(first.crisp and second.crisp)

    def xor(self, site: str, first: ClassMap, second: ClassMap) -> ClassMap:
        """``OR - AND``, with curves of their own, at the call site ``site``."""
        if first.has_dense and second.has_dense:
            return ClassMap(
                dense=pointwise(
                    lambda a, b: self._xor(site, ClassMap(dense=a), ClassMap(dense=b)).as_dense(),
                    first.as_dense(),
                    second.as_dense(),
                )
            )
        return self._xor(site, first, second)

    def _xor(self, site: str, first: ClassMap, second: ClassMap) -> ClassMap:
        both = self.and_(f"{site}.and", first, second)
        either = self.or_(f"{site}.or", first, second)
        return (either - both).marked(first.crisp and second.crisp)

    def _shaped(self, site: str, first: ClassMap, second: ClassMap) -> tuple[ClassMap, ClassMap]:
        names = curves_of(site, not first.crisp, not second.crisp)
        one, two = (
            operand if name is None else self.shape(name, operand)
            for name, operand in zip(names, (first, second), strict=True)
        )
        return one, two

    def shape(self, curve: str, operand: ClassMap) -> ClassMap:  # noqa: ARG002
        """Shape a soft operand with the named curve; the identity here."""
        return operand


class BooleanLogic(Logic):
    """Exact logic of crisp maps; a soft operand is an error."""

    def shape(self, curve: str, operand: ClassMap) -> ClassMap:  # noqa: ARG002
        """Refuse soft operands."""
        raise InputError(
            f"Boolean logic needs maps of 0 and 1 at {curve!r}; pass labels, not probabilities."
        )


class CurveLogic(Logic):
    """Logic with one searched curve for every soft operand of a call site."""

    def __init__(self, curves: Mapping[str, Tensor], family: str = "bezier") -> None:
        """Take the flat control points of every curve by name, in one curve ``family``."""
        self.curves = {name: CURVES[family](points) for name, points in curves.items()}

    def shape(self, curve: str, operand: ClassMap) -> ClassMap:
        """Apply the named curve."""
        return operand.shaped(self.curves[curve])
