"""Samplers: what proposes the candidates of a search, behind one contract.

A sampler's module is loaded when it is asked for: torch or a library of processes would hold back the first
trainings of a search that needs neither.
"""

from collections.abc import Mapping
from importlib import import_module

from search_service.samplers.contract import Evaluate, Proposal, Sampler, SamplerResult, Score
from search_service.samplers.specs import SamplerSpec
from search_service.spaces.space import Box, Theta


def _sampler(module: str) -> Sampler:
    """The sampler of a module beside this one."""

    def run(
        space: Box, spec: SamplerSpec, evaluate: Evaluate, seed: int, start: Theta | None = None
    ) -> SamplerResult:
        sampler: Sampler = import_module(f"search_service.samplers.{module}").run
        return sampler(space, spec, evaluate, seed, start)

    return run


SAMPLERS: Mapping[str, Sampler] = {
    "ppo2": _sampler("ppo2"),
    "random": _sampler("random"),
    "tpe": _sampler("tpe"),
    "gp": _sampler("gp"),
    "cma-es": _sampler("cma_es"),
    "nsga-ii": _sampler("nsga2"),
}
"""Sampler name (``name`` in ``specs.SamplerSpec``) -> sampler of a box; the zoo has ``portfolio``."""

__all__ = ["SAMPLERS", "Evaluate", "Proposal", "Sampler", "SamplerResult", "Score", "Theta"]
