"""A Gaussian process with logarithmic expected improvement (Ament et al., NeurIPS 2023), Optuna's.

Its noise is fitted, as scores of proxy trainings are noisy.
"""

from optuna.samplers import GPSampler

from search_service.samplers.contract import Evaluate, SamplerResult
from search_service.samplers.optuna_study import search
from search_service.samplers.specs import GPSpec
from search_service.spaces.space import Box, Theta


def run(
    space: Box, spec: GPSpec, evaluate: Evaluate, seed: int, start: Theta | None = None
) -> SamplerResult:
    """Search by a Gaussian process; see :class:`search_service.samplers.contract.Sampler`."""
    sampler = GPSampler(seed=seed, n_startup_trials=spec.startup)
    return search(space, spec, sampler, evaluate, start)
