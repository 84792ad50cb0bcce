"""CMA-ES (Hansen, "The CMA Evolution Strategy: A Tutorial", arXiv:1604.00772), of ``cmaes``.

That package is what Optuna's own CMA-ES calls. It is called directly here: Optuna deprecates start
and step size, takes the first proposal out of the first generation, and wastes proposals wherever
a candidate of a generation failed.
"""

from collections.abc import Sequence

import numpy as np
from cmaes import CMA
from numpy.typing import NDArray

from search_service.samplers.contract import Evaluate, Proposal, SamplerResult, with_failures_filled
from search_service.samplers.results import best_mean, mean_score
from search_service.samplers.specs import CMAESSpec
from search_service.spaces.space import Box, Theta


class Distribution:
    """The normal distribution of CMA-ES over theta, its steps measured in the space's box.

    Args:
        space: The parameters.
        spec: Population size and first standard deviation.
        start: The first mean.
        seed: Of the distribution's own generator.
    """

    def __init__(self, space: Box, spec: CMAESSpec, start: Theta, seed: int) -> None:
        """Centre the distribution on the start."""
        self._space, self._width = space, space.high - space.low
        cube = np.tile([0.0, 1.0], (space.dimension, 1))
        self._cma = CMA(
            mean=self._inside((np.asarray(start) - space.low) / self._width, cube.T),
            sigma=spec.sigma,
            bounds=cube if space.bounded else None,
            seed=seed,
            n_max_resampling=10 * space.dimension,
            population_size=spec.batch,
        )

    @property
    def mean(self) -> Theta:
        """The distribution's mean."""
        return self._theta(self._cma.mean)

    def draw(self) -> Theta:
        """Draw a theta."""
        return self._theta(self._cma.ask())

    def learn(self, thetas: Sequence[Theta], scores: Sequence[float | None]) -> None:
        """Take a whole generation; one that failed as a whole changes nothing."""
        filled = with_failures_filled(scores)
        if filled is None or len(thetas) < self._cma.population_size:
            return
        points = [(np.asarray(theta) - self._space.low) / self._width for theta in thetas]
        self._cma.tell([(point, -score) for point, score in zip(points, filled, strict=True)])

    def _theta(self, point: NDArray[np.float64]) -> Theta:
        theta = self._space.low + self._width * point
        inside = self._inside(theta, np.stack([self._space.low, self._space.high]))
        return tuple(inside.tolist())

    def _inside(
        self, values: NDArray[np.float64], ends: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Cut off what rounding puts outside the box."""
        return np.clip(values, ends[0], ends[1]) if self._space.bounded else values


def run(
    space: Box,
    spec: CMAESSpec,
    evaluate: Evaluate,
    seed: int,
    start: Theta | None = None,
) -> SamplerResult:
    """Search by CMA-ES; publish the mean whose generation scored highest on average.

    See :class:`search_service.samplers.contract.Sampler`. The first proposal is the start, in place
    of a draw. A failed candidate counts as the worst of its generation. The last generation is not
    chosen if it was cut short.
    """
    first = tuple(space.start.tolist()) if start is None else start
    distribution = Distribution(space, spec, first, seed)
    path: list[Theta] = []
    means: list[float | None] = []
    for generation, begin in enumerate(range(0, spec.trials, spec.batch)):
        path.append(distribution.mean)
        numbers = range(begin, min(begin + spec.batch, spec.trials))
        thetas = [first if number == 0 else distribution.draw() for number in numbers]
        batch = [
            Proposal(number, generation, theta, is_mean=number == 0)
            for number, theta in zip(numbers, thetas, strict=True)
        ]
        scores = evaluate(batch)
        distribution.learn(thetas, scores)
        means.append(mean_score(scores))
    return best_mean(path, means, of=spec.trials // spec.batch)
