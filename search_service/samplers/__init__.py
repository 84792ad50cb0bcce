"""Samplers: what proposes the candidates of a search, behind one contract."""

from collections.abc import Mapping

from search_service.samplers import ppo2, random
from search_service.samplers.contract import Evaluate, Proposal, Sampler, SamplerResult

SAMPLERS: Mapping[str, Sampler] = {"ppo2": ppo2.run, "random": random.run}
"""Sampler name (``requests.SamplerSpec``'s ``name``) -> sampler."""

__all__ = ["SAMPLERS", "Evaluate", "Proposal", "Sampler", "SamplerResult"]
