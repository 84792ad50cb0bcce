"""A model of what a theta scores: a Gaussian process through a table of trainings.

Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, chapters 2 and 5. A score is
taken for a smooth function of the loss, plus an offset of its seed, plus noise. The kernel is a Matern
of 5/2 over features of theta; its lengths, the three amplitudes and the noise maximise the posterior
under wide log-normal priors.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

from benchmarks.samplers.table import Table
from surrogate_zoo.curves.curves import curve_of
from surrogate_zoo.losses.parameter_space import ParameterSpace

Array: TypeAlias = NDArray[np.float64]

_PRIOR_SPREAD = 1.0
_JITTER = 1e-6
_GRID = torch.linspace(0.0, 1.0, 10, dtype=torch.float64)[1:-1]


def _theta(space: ParameterSpace, thetas: Array) -> list[Array]:
    """Every parameter has a length of its own."""
    scaled = (thetas - space.low) / (space.high - space.low)
    return [scaled[:, [column]] for column in range(space.dimension)]


def _curves(space: ParameterSpace, thetas: Array) -> list[Array]:
    """Heights of every curve at eight points; every curve has a length of its own."""
    rows = [space.control_points(theta) for theta in thetas]
    return [
        np.array(
            [
                curve_of(space.family, torch.tensor(row[name], dtype=torch.float64))(_GRID).numpy()
                for row in rows
            ]
        )
        / len(_GRID) ** 0.5
        for name in space.curves
    ]


FEATURES: Mapping[str, Callable[[ParameterSpace, Array], list[Array]]] = {
    "theta": _theta,
    "curves": _curves,
}
"""What of theta the kernel sees: groups of columns, each (n, columns), one length a group."""


@dataclass(frozen=True)
class Settings:
    """Fitted hyperparameters, in units of the standardised scores.

    Attributes:
        lengths: One for each group of features.
        smooth: Variance of the smooth part.
        seed: Variance of the seeds' offsets.
        noise: Variance of the noise.
    """

    lengths: Tensor
    smooth: Tensor
    seed: Tensor
    noise: Tensor

    @classmethod
    def of(cls, logarithms: Tensor) -> "Settings":
        """Read them out of their logarithms: lengths first."""
        values = logarithms.exp()
        return cls(values[:-3], values[-3], values[-2], values[-1] + _JITTER)


class ScoreModel:
    """The process, fitted to a table.

    Args:
        table: The trainings.
        space: The parameters that the table is of.
        features: Name in :data:`FEATURES`.
    """

    def __init__(self, table: Table, space: ParameterSpace, features: str) -> None:
        """Fit the hyperparameters and the process."""
        self._space, self._groups = space, FEATURES[features]
        self._points = self._features(table.thetas)
        self._seeds = torch.as_tensor(table.seeds)
        self._mean, self._scale = float(table.scores.mean()), float(table.scores.std())
        self._scores = torch.as_tensor((table.scores - self._mean) / self._scale)
        self._settings = self._fitted()
        covariance = self._covariance(self._settings)
        self._weights = torch.linalg.solve(covariance, self._scores)

    @property
    def rows(self) -> int:
        """Trainings that it was fitted to."""
        return len(self._scores)

    @property
    def noise(self) -> float:
        """Standard deviation of the noise, in units of the score."""
        return float(self._settings.noise.sqrt()) * self._scale

    def __call__(self, thetas: Array) -> Array:
        """Expected scores of an average seed, shape (n,), of thetas (n, d)."""
        smooth = self._smooth(self._features(thetas), self._points, self._settings)
        values: Array = (self._mean + self._scale * (smooth @ self._weights)).numpy()
        return values

    def offsets(self, seeds: NDArray[np.int64]) -> Array:
        """What each seed adds to the expected scores, shape (n,)."""
        same = (torch.as_tensor(seeds)[:, None] == self._seeds).double()
        added: Array = (self._scale * self._settings.seed * (same @ self._weights)).numpy()
        return added

    def _features(self, thetas: Array) -> list[Tensor]:
        return [torch.as_tensor(group) for group in self._groups(self._space, thetas)]

    def _smooth(self, left: list[Tensor], right: list[Tensor], settings: Settings) -> Tensor:
        groups = zip(left, right, settings.lengths, strict=True)
        squares = sum((torch.cdist(a, b) / length) ** 2 for a, b, length in groups)
        far = (5.0 * torch.as_tensor(squares)).clamp_min(1e-12).sqrt()
        return settings.smooth * (1 + far + far**2 / 3) * torch.exp(-far)

    def _covariance(self, settings: Settings) -> Tensor:
        same = (self._seeds[:, None] == self._seeds).double()
        smooth = self._smooth(self._points, self._points, settings)
        return smooth + settings.seed * same + settings.noise * torch.eye(len(same))

    def _fitted(self) -> Settings:
        groups = len(self._points)
        # Half the diagonal of the features' box, all of the variance, and a tenth for seed and noise.
        centre = torch.tensor([groups**0.5 / 2] * groups + [1.0, 0.1, 0.1]).double().log()

        def objective(logarithms: Array) -> tuple[float, Array]:
            point = torch.tensor(logarithms, requires_grad=True)
            factor = torch.linalg.cholesky(self._covariance(Settings.of(point)))
            scores = self._scores[:, None]
            misfit = (scores * torch.cholesky_solve(scores, factor)).sum() / 2
            prior = ((point - centre) / _PRIOR_SPREAD).square().sum() / 2
            loss = misfit + factor.diagonal().log().sum() + prior
            loss.backward()
            assert point.grad is not None
            return float(loss.detach()), point.grad.numpy()

        bounds = [(float(c) - 4, float(c) + 4) for c in centre]
        found = minimize(objective, centre.numpy(), jac=True, method="L-BFGS-B", bounds=bounds)
        return Settings.of(torch.tensor(found.x))
