"""What noisy scores tell about single candidates: the posterior mean of a Gaussian process.

Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, chapter 2 (equations 2.25
and 2.30), with a Matern kernel of 5/2 and one length for all parameters. Length, amplitude and noise
maximise the posterior under wide log-normal priors, which matter only where there are few scores.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.optimize import minimize
from scipy.spatial.distance import cdist

Array = NDArray[np.float64]

FITTED, EXACT, REGRESSORS = 400, 1500, 800
"""Candidates that tell the process, of which all count exactly, and that stand for more of them."""

_JITTER = 1e-6
_SPREAD = np.array([1.0, 1.0, 2.0])
"""Standard deviations of the priors of the logarithms of length, amplitude and noise."""


def expected_scores(points: Array, scores: Array) -> Array:
    """Return what each candidate would score on average, as all the scores together suggest.

    Without noise these are the scores; the more noise, the more of a candidate's neighbours goes
    in. Of more than :data:`FITTED` candidates so many tell length, amplitude and noise, and of more than
    :data:`EXACT` the posterior mean is that of the subset of regressors (equation 8.14) with
    :data:`REGRESSORS` of them, all spread evenly over the candidates' order: so 400 take half a second,
    and 10,000 a few.

    Args:
        points: (n, d); theta in units of its box.
        scores: (n,).

    Returns:
        (n,).
    """
    mean, scale = scores.mean(), scores.std() or 1.0
    standard = (scores - mean) / scale
    few = _spread(len(scores), FITTED)
    distances = cdist(points[few], points[few])
    # Half the cube's diagonal, all of the variance, and a tenth of it on top as noise.
    centre = np.log([np.sqrt(points.shape[1]) / 2, 1.0, 0.1])
    fit = minimize(_objective, centre, (distances, standard[few], centre), method="L-BFGS-B")
    whole = len(scores) <= EXACT
    smoothed = (_posterior if whole else _regressed)(fit.x, points, standard)
    expected: Array = mean + scale * smoothed
    return expected


def _posterior(logarithms: Array, points: Array, scores: Array) -> Array:
    """Posterior mean at the points, whose scores have mean 0 and deviation 1."""
    covariance, noise = _covariance(logarithms, cdist(points, points))
    factor = cho_factor(covariance + noise * np.eye(len(scores)), lower=True)
    mean: Array = covariance @ cho_solve(factor, scores)
    return mean


def _regressed(logarithms: Array, points: Array, scores: Array) -> Array:
    """The same by some of the points: as :func:`_posterior`, in time linear in the points."""
    regressors = points[_spread(len(points), REGRESSORS)]
    across, noise = _covariance(logarithms, cdist(points, regressors))
    among, _ = _covariance(logarithms, cdist(regressors, regressors))
    system = across.T @ across + noise * among
    system += _JITTER * np.trace(system) / len(system) * np.eye(len(system))
    mean: Array = across @ cho_solve(cho_factor(system, lower=True), across.T @ scores)
    return mean


def _spread(count: int, most: int) -> NDArray[np.int64]:
    """Places of ``most`` of ``count`` things at most, spread evenly over their order."""
    places = np.linspace(0, count - 1, min(count, most))
    return places.round().astype(np.int64)


def _covariance(logarithms: Array, distances: Array) -> tuple[Array, float]:
    """Covariances of the smooth part, and the noise's variance."""
    length, amplitude, noise = np.exp(logarithms)
    far = np.sqrt(5) * distances / length
    smooth: Array = amplitude * (1 + far + far**2 / 3) * np.exp(-far)
    return smooth, float(noise + _JITTER)


def _objective(logarithms: Array, distances: Array, scores: Array, centre: Array) -> float:
    """Negative logarithm of the posterior of length, amplitude and noise, up to a constant."""
    covariance, noise = _covariance(logarithms, distances)
    try:
        factor = cho_factor(covariance + noise * np.eye(len(scores)), lower=True)
    except LinAlgError:
        return 1e10
    misfit = scores @ cho_solve(factor, scores) / 2 + np.log(np.diag(factor[0])).sum()
    return float(misfit + np.sum(((logarithms - centre) / _SPREAD) ** 2) / 2)
