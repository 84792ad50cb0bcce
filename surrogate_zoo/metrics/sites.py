"""Which curves a metric needs: found by running its function on symbols, without torch."""

from collections.abc import Callable
from typing import Any

from surrogate_zoo.errors import InputError


class _Symbol:
    """Stands for a map or a total: every operation on it gives a symbol, soft where any operand is."""

    def __init__(self, soft: bool = False) -> None:
        self.soft = soft

    def __getattr__(self, name: str) -> "Callable[..., _Symbol]":
        if name.startswith("__"):
            raise AttributeError(name)
        return self._apply

    def _apply(self, *operands: object, **options: object) -> "_Symbol":
        return _Symbol(self.soft or any(_soft(o) for o in (*operands, *options.values())))

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _apply
    __truediv__ = __rtruediv__ = __pow__ = __neg__ = __getitem__ = _apply
    __gt__ = __ge__ = __lt__ = __le__ = _apply

    @classmethod
    def __torch_function__(
        cls, _func: object, _types: object, args: Any = (), kwargs: Any = None
    ) -> "_Symbol":
        """A torch function on a symbol gives a symbol too (a user's metric may call any)."""
        return _Symbol(any(_soft(a) for a in (*args, *(kwargs or {}).values())))


def _soft(operand: object) -> bool:
    return isinstance(operand, _Symbol) and operand.soft


class _SymbolicMaps(_Symbol):
    """The maps of a metric: a soft prediction, a crisp target, plain options."""

    def __init__(self) -> None:
        super().__init__()
        self.pred, self.target, self.foreground = _Symbol(soft=True), _Symbol(), _Symbol()
        self.tolerance, self.as_released, self.num_classes = 1, False, 2


class CurveRecorder:
    """A logic that notes the name of every curve its call sites ask for, in order."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def and_(self, site: str, first: object, second: object) -> _Symbol:
        """Note the curves of an AND."""
        return self._combine(site, first, second)

    def or_(self, site: str, first: object, second: object) -> _Symbol:
        """Note the curves of an OR."""
        return self._combine(site, first, second)

    def xor(self, site: str, first: object, second: object) -> _Symbol:
        """Note the curves of an XOR, which is OR - AND."""
        self.and_(f"{site}.and", first, second)
        return self.or_(f"{site}.or", first, second)

    def _combine(self, site: str, first: object, second: object) -> _Symbol:
        for name in curves_of(site, _soft(first), _soft(second)):
            if name is not None and name not in self.names:
                self.names.append(name)
        return _Symbol(_soft(first) or _soft(second))


def curves_of(site: str, first_soft: bool, second_soft: bool) -> tuple[str | None, str | None]:
    """Names of the curves that shape the two operands of a call site.

    A crisp operand (0 or 1) needs none, since a curve keeps 0 and 1 (Auto Seg-Loss, eq. 10).
    """
    if first_soft and second_soft:
        return f"{site}.first", f"{site}.second"
    return site if first_soft else None, site if second_soft else None


def curve_names(function: Callable[[Any, Any], Any]) -> tuple[str, ...]:
    """Return the names of the curves that ``function(logic, maps)`` needs, in calling order.

    Raises:
        InputError: The function uses the logic on no soft operand, so it has nothing to search.
    """
    recorder = CurveRecorder()
    function(recorder, _SymbolicMaps())
    if not recorder.names:
        raise InputError(
            f"The metric function {function!r} never applies its logic to the prediction."
        )
    return tuple(recorder.names)
