"""NSGA-II (Deb et al., IEEE Transactions on Evolutionary Computation 6, 2002), Optuna's.

Departs from the paper in what Optuna does by default: parameters of two parents are swapped, not
blended, and a mutated one is drawn anew. And every candidate has two parents: a copy of one, which
the paper makes of a tenth, would be a training for nothing.
"""

from optuna.samplers import NSGAIISampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from search_service.samplers.contract import Evaluate, Proposal, SamplerResult
from search_service.samplers.optuna_study import BatchStudy
from search_service.samplers.results import Candidates, parts_filled
from search_service.samplers.specs import NSGA2Spec
from search_service.spaces.space import Box, Theta


class Breeding(NSGAIISampler):
    """Optuna's sampler, with the start in the first population.

    Optuna leaves it out, finds the first population one short, and draws a second one at random.
    """

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Count the trial into its generation, even if it is not sampled."""
        super().before_trial(study, trial)
        self.get_trial_generation(study, trial)


def run(
    space: Box,
    spec: NSGA2Spec,
    evaluate: Evaluate,
    seed: int,
    start: Theta | None = None,
) -> SamplerResult:
    """Search the trade-off between the metrics of the space's target, each an objective.

    See :class:`search_service.samplers.contract.Sampler`. A failed candidate counts in each metric
    as the worst of its generation; Optuna would leave it out, and fill the population with draws.
    """
    metrics = space.target.metrics
    sampler = Breeding(seed=seed, population_size=spec.population, crossover_prob=1.0)
    first = tuple(space.start.tolist()) if start is None else start
    study = BatchStudy(space, sampler, first, objectives=len(metrics))
    candidates = Candidates()
    for generation, begin in enumerate(range(0, spec.trials, spec.population)):
        thetas = study.ask(min(spec.population, spec.trials - begin))
        batch = [Proposal(number, generation, theta) for number, theta in enumerate(thetas, begin)]
        scores = evaluate(batch)
        study.tell(parts_filled(scores, metrics))
        candidates.note(batch, scores)
    return candidates.best_of_front(space)
