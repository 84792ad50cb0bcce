"""Logic on class maps: Boolean (exact), product (naive surrogate), curves (searched surrogate).

``AND(a, b) = g(a) g(b)``, ``OR(a, b) = g(a) + g(b) - g(a) g(b)``, ``XOR = OR - AND`` (Auto Seg-Loss,
eq. 9). Every call site is named, and each soft operand of a call site has a curve g of its own, as
released; the equation has one for both. A
crisp operand is its own image, since g(0) = 0 and g(1) = 1. It stays its own image in curve families
without that truth table too: there only what the prediction goes through is shaped.
"""

from collections.abc import Mapping, Sequence
from functools import partial

from torch import Tensor

from surrogate_zoo.curves.curves import PiecewiseCurve
from surrogate_zoo.errors import InputError
from surrogate_zoo.metrics.class_maps import ClassMap
from surrogate_zoo.metrics.sites import curves_of


class Logic:
    """The product logic: g is the identity. On crisp maps it is Boolean logic."""

    def and_(self, site: str, first: ClassMap, second: ClassMap) -> ClassMap:
        """``g(first) g(second)`` at the call site ``site``."""
        left, right = self._shaped(site, first, second)
        return left * right

    def or_(self, site: str, first: ClassMap, second: ClassMap) -> ClassMap:
        """``g(first) + g(second) - g(first) g(second)`` at the call site ``site``."""
        left, right = self._shaped(site, first, second)
        return (left + right - left * right).marked(first.crisp and second.crisp)

    def xor(self, site: str, first: ClassMap, second: ClassMap) -> ClassMap:
        """``OR - AND``, with curves of their own, at the call site ``site``."""
        if first.has_dense and second.has_dense:
            edges = second.edges_of(first, self.curves_at(site), partial(self._dense_xor, site))
            if edges is not None:
                return edges
        return self._xor(site, first, second)

    def curves_at(self, site: str) -> Sequence[PiecewiseCurve]:  # noqa: ARG002
        """The curves of an XOR of soft operands: of AND's first and second, then of OR's; none here."""
        return ()

    def _dense_xor(self, site: str, first: Tensor, second: Tensor) -> Tensor:
        """The XOR of soft maps, (N, C, H, W), in operations that torch differentiates."""
        return self._xor(site, ClassMap(dense=first), ClassMap(dense=second)).as_dense()

    def _xor(self, site: str, first: ClassMap, second: ClassMap) -> ClassMap:
        both = self.and_(f"{site}.and", first, second)
        either = self.or_(f"{site}.or", first, second)
        return (either - both).marked(first.crisp and second.crisp)

    def _shaped(self, site: str, first: ClassMap, second: ClassMap) -> tuple[ClassMap, ClassMap]:
        names = curves_of(site, not first.crisp, not second.crisp)
        left, right = (
            operand if name is None else self.shape(name, operand)
            for name, operand in zip(names, (first, second), strict=True)
        )
        return left, right

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

    def __init__(self, curves: Mapping[str, PiecewiseCurve]) -> None:
        """Take every curve by name."""
        self.curves = curves

    def curves_at(self, site: str) -> Sequence[PiecewiseCurve]:
        """As of the product logic, of which the operands have curves."""
        names = (
            *curves_of(f"{site}.and", first_soft=True, second_soft=True),
            *curves_of(f"{site}.or", first_soft=True, second_soft=True),
        )
        return [self.curves[name or ""] for name in names]

    def shape(self, curve: str, operand: ClassMap) -> ClassMap:
        """Apply the named curve.

        Raises:
            InputError: The operand lives on one class a pixel, and the curve has no g(0) = 0 that
                would keep the other classes at zero.
        """
        g = self.curves[curve]
        if not (g.truth_table or operand.has_dense):
            raise InputError(
                f"The operand of {curve!r} is zero but for one class a pixel; a curve without the "
                "truth table cannot shape it. Take a family that keeps it, such as bezier."
            )
        return operand.shaped(g)
