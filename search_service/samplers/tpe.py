"""The tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011), Optuna's.

All parameters are drawn jointly (Falkner et al., BOHB, ICML 2018), since those of one curve act
together.
"""

from optuna.samplers import TPESampler

from search_service.samplers.contract import Evaluate, SamplerResult
from search_service.samplers.optuna_study import search
from search_service.samplers.specs import TPESpec
from search_service.spaces.space import Box, Theta


def run(
    space: Box, spec: TPESpec, evaluate: Evaluate, seed: int, start: Theta | None = None
) -> SamplerResult:
    """Search by TPE; see :class:`search_service.samplers.contract.Sampler`."""
    sampler = TPESampler(
        seed=seed, n_startup_trials=spec.startup, multivariate=True, constant_liar=True
    )
    return search(space, spec, sampler, evaluate, start)
