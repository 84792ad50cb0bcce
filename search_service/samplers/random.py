"""Random search: the control that every other sampler has to beat."""

import numpy as np

from search_service.requests import RandomSpec
from search_service.samplers.contract import Evaluate, Proposal, SamplerResult, with_failures_filled
from surrogate_zoo.errors import WorkerError
from surrogate_zoo.parameters import ParameterSpace


def run(space: ParameterSpace, spec: RandomSpec, evaluate: Evaluate, seed: int) -> SamplerResult:
    """Propose the straight line, then uniform theta; publish the theta of the best single score.

    The best of many single scores is biased upwards; compare samplers by retraining.
    """
    generator = np.random.default_rng(seed)
    best: tuple[float, Proposal] | None = None
    path: list[tuple[float, ...]] = []
    means: list[float | None] = []
    for generation, first in enumerate(range(0, spec.trials, spec.batch)):
        batch = []
        for number in range(first, min(first + spec.batch, spec.trials)):
            # Drawn for number 0 too, so that theta depends on its number alone.
            theta = generator.random(space.dimension)
            drawn = space.start if number == 0 else theta
            batch.append(Proposal(number, generation, tuple(drawn.tolist())))
        scores = evaluate(batch)
        for proposal, score in zip(batch, scores, strict=True):
            if score is not None and (best is None or score > best[0]):
                best = score, proposal
        filled = with_failures_filled(scores)
        means.append(float(np.mean(filled)) if filled else None)
        path.append(best[1].theta if best else batch[0].theta)
    if best is None:
        raise WorkerError("Every proxy training failed; the trials tell why.")
    score, proposal = best
    return SamplerResult(proposal.theta, score, proposal.generation, tuple(path), tuple(means))
