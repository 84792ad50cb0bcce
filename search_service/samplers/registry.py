"""Samplers: what proposes the candidates of a search, behind one contract."""

from collections.abc import Mapping

from search_service.samplers import cma_es, gp, nsga2, ppo2, random, tpe
from search_service.samplers.contract import Evaluate, Proposal, Sampler, SamplerResult, Score
from search_service.spaces.space import Theta

SAMPLERS: Mapping[str, Sampler] = {
    "ppo2": ppo2.run,
    "random": random.run,
    "tpe": tpe.run,
    "gp": gp.run,
    "cma-es": cma_es.run,
    "nsga-ii": nsga2.run,
}
"""Sampler name (``name`` in ``specs.SamplerSpec``) -> sampler of a box; the zoo has ``portfolio``."""

__all__ = ["SAMPLERS", "Evaluate", "Proposal", "Sampler", "SamplerResult", "Score", "Theta"]
