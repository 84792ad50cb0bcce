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

_JITTER = 1e-6
_SPREAD = np.array([1.0, 1.0, 2.0])
"""Standard deviations of the priors of the logarithms of length, amplitude and noise."""


def expected_scores(points: Array, scores: Array) -> Array:
    """Return what each candidate would score on average, as all the scores together suggest.

    Without noise these are the scores; the more noise, the more of a candidate's neighbours goes
    in. Takes time with the cube of the number of candidates: about a second for 1000.

    Args:
        points: (n, d); theta in units of its box.
        scores: (n,).

    Returns:
        (n,).
    """
    mean, scale = scores.mean(), scores.std() or 1.0
    standard = (scores - mean) / scale
    distances = cdist(points, points)
    # Half the cube's diagonal, all of the variance, and a tenth of it on top as noise.
    centre = np.log([np.sqrt(points.shape[1]) / 2, 1.0, 0.1])
    fit = minimize(_objective, centre, (distances, standard, centre), method="L-BFGS-B")
    covariance, noise = _covariance(fit.x, distances)
    factor = cho_factor(covariance + noise * np.eye(len(scores)), lower=True)
    expected: Array = mean + scale * (covariance @ cho_solve(factor, standard))
    return expected


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
