"""Random search: the control that every other sampler has to beat."""

import numpy as np

from search_service.samplers.contract import Evaluate, Proposal, SamplerResult
from search_service.samplers.results import Candidates
from search_service.samplers.specs import RandomSpec
from search_service.spaces.space import Box, Theta


def run(
    space: Box,
    spec: RandomSpec,
    evaluate: Evaluate,
    seed: int,
    start: Theta | None = None,
) -> SamplerResult:
    """Propose the start, then uniform theta from the box; publish the best single candidate."""
    generator = np.random.default_rng(seed)
    first = tuple(space.start.tolist()) if start is None else start
    candidates = Candidates()
    for generation, begin in enumerate(range(0, spec.trials, spec.batch)):
        batch = []
        for number in range(begin, min(begin + spec.batch, spec.trials)):
            # Drawn for number 0 too, so that theta depends on its number alone.
            drawn = space.low + (space.high - space.low) * generator.random(space.dimension)
            theta = first if number == 0 else tuple(drawn.tolist())
            batch.append(Proposal(number, generation, theta))
        candidates.note(batch, evaluate(batch))
    return candidates.best()
