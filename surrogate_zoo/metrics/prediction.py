"""A softmax prediction whose sums of a curve go back together with the softmax, in one pass."""

from collections.abc import Sequence

from torch import Tensor

from surrogate_zoo.curves.curves import PiecewiseCurve
from surrogate_zoo.curves.pointwise import sloped
from surrogate_zoo.metrics.class_maps import ClassMap, Curve, sums
from surrogate_zoo.metrics.probabilities import Parts, probabilities


class SoftPrediction(ClassMap):
    """The softmax probabilities of a batch, those of the true classes known.

    The gradient of a sum of a curve is put aside until that of the probabilities is made, into which it goes
    block by block; a tensor of its own would be written and read once more.

    Args:
        scores: Before softmax, float32 or float64 (N, C, S).
        labels: The classes to look up, int64 (N, S), 0..C-1.
        void: Bool (N, S), where no class has any probability. None has none.
    """

    def __init__(self, scores: Tensor, labels: Tensor, void: Tensor | None) -> None:
        # What the graph holds must not hold this map, which holds the graph.
        self._aside: Parts = []
        every, true = probabilities(scores, labels, void, self._aside)
        super().__init__(dense=every, looked_up=(labels, true))

    def curve_totals(self, curve: Curve, region: Tensor | None) -> Tensor:
        """Sum of a curve of them."""
        if not isinstance(curve, PiecewiseCurve):
            return super().curve_totals(curve, region)
        aside = self._aside
        slopes: list[Tensor] = []

        def take(every: Tensor) -> tuple[Tensor]:
            totals, slope = curve.sums(region, every)
            slopes.append(slope)
            return (totals,)

        def keep(grad: Tensor, inputs: Sequence[Tensor], _: Sequence[Tensor]) -> list[None]:
            # A second pass back through one graph makes them again: who takes them overwrites them.
            aside.append((slopes.pop() if slopes else curve.sums(region, *inputs)[1], grad))
            return [None]

        return sloped(take, lambda every: sums(curve(every), region), self.as_dense(), back=keep)
