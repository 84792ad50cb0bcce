"""A portfolio of what is known to be good, sums of the best of it, then Gaussian processes where it paid.

Feurer et al., "Auto-Sklearn 2.0", JMLR 2022: a portfolio with successive halving before a model of the
user's own data. Optuna 5 has no sampler whose model knows that a parameter belongs to one kind alone
(its Gaussian process draws such parameters at random, its tree-structured estimator drops what kinds
have in common), so every kind has a process of its own, and kinds are chosen by their best score.
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.samplers import GPSampler
from optuna.trial import create_trial

from search_service.samplers.contract import Evaluate, Proposal, SamplerResult, Score
from search_service.samplers.optuna_study import ASKING
from search_service.samplers.results import Candidates
from search_service.samplers.specs import PortfolioSpec
from search_service.spaces.space import Kind, PortfolioSpace, Theta
from surrogate_zoo.metrics.targets import Target

Scored = list[tuple[Theta, Score]]

COUPLED = 4
"""So many kinds, the best for a metric, are added to one another in the batch after the portfolio."""


def run(
    space: PortfolioSpace,
    spec: PortfolioSpec,
    evaluate: Evaluate,
    seed: int,
    start: Theta | None = None,
) -> SamplerResult:
    """Search kinds of points; see :class:`search_service.samplers.contract.Sampler`.

    Proposals are a function of the seed and the scores of all generations before. A start, where there
    is one, is tried before the portfolio. Publishes the candidate of the best single score, which a
    race with fresh seeds should look at again. The first batch after the portfolio takes even sums of the
    kinds that lead, for every metric in turn; what it has room for beside them is proposed as later ones.
    """
    candidates, scored = Candidates(), Scored()
    first = ([] if start is None else [start]) + space.portfolio(spec.rates)
    generation, number, end = 0, 0, len(first) + spec.trials
    while number < end:
        numbers = range(number, number + (len(first) if generation == 0 else spec.batch))
        thetas = (
            first if generation == 0 else _couples(space, scored, spec) if generation == 1 else []
        )
        rest = numbers[len(thetas) :]
        thetas = [*thetas, *_proposals(space, spec, scored, rest, seed)]
        batch = [
            Proposal(number, generation, theta)
            for number, theta in zip(numbers, thetas, strict=True)
        ]
        scores = evaluate(batch)
        candidates.note(batch, scores)
        pairs = zip(thetas, scores, strict=True)
        scored += [(theta, score) for theta, score in pairs if score is not None]
        generation, number = generation + 1, numbers.stop
    return candidates.best()


def _couples(space: PortfolioSpace, scored: Scored, spec: PortfolioSpec) -> list[Theta]:
    """Sums of the kinds that lead, the leading ones of every metric first; no more than a batch."""
    of_metrics = [
        space.couples(_best_of_kinds(space, scored, Target(metric))[:COUPLED])
        for metric in space.metrics
    ]
    turns = [theta for turn in zip_longest(*of_metrics) for theta in turn if theta is not None]
    return list(dict.fromkeys(turns))[: spec.batch]


def _proposals(
    space: PortfolioSpace, spec: PortfolioSpec, scored: Scored, numbers: range, seed: int
) -> list[Theta]:
    """The thetas of a batch; every metric's turn follows from the proposal's number."""
    thetas: dict[int, Theta] = {}
    objectives = [Target(metric) for metric in space.metrics]
    for index, objective in enumerate(objectives):
        kinds = _leading(space, scored, objective)[: spec.arms] or list(range(len(space.kinds)))
        turns = [number for number in numbers if number % len(objectives) == index]
        for arm, kind in enumerate(kinds):
            own = [n for n in turns if _arm(n // len(objectives), len(kinds)) == arm]
            drawn = np.random.SeedSequence((seed, numbers.start, index, kind))
            seen = _seen(space, scored, kind, objective)
            points = _draw(space.kinds[kind], spec, seen, drawn, len(own))
            thetas |= {n: space.joined(kind, p) for n, p in zip(own, points, strict=True)}
    return [thetas[number] for number in numbers]


def _arm(turn: int, arms: int) -> int:
    """Which of the leading kinds has this turn: the first every other one, the second every fourth."""
    ruler = (~turn & (turn + 1)).bit_length() - 1  # trailing ones of the turn
    return min(ruler, arms - 1)


def _leading(space: PortfolioSpace, scored: Scored, objective: Target) -> list[int]:
    """Numbers of the kinds that have a score, the best first; of equals the earlier one."""
    return [space.parts(theta)[0] for theta in _best_of_kinds(space, scored, objective)]


def _best_of_kinds(space: PortfolioSpace, scored: Scored, objective: Target) -> list[Theta]:
    """The best point of every kind that has a score, the best first; of equals the earlier one."""
    best: dict[int, tuple[float, Theta]] = {}
    for theta, score in scored:
        kind, value = space.parts(theta)[0], objective.score(score.parts)
        if value is not None and (kind not in best or value > best[kind][0]):
            best[kind] = (value, theta)
    return [best[kind][1] for kind in sorted(best, key=lambda kind: (-best[kind][0], kind))]


def _seen(
    space: PortfolioSpace, scored: Scored, kind: int, objective: Target
) -> list[tuple[Theta, float]]:
    """Points of a kind's box with their scores."""
    parts = [(*space.parts(theta), objective.score(score.parts)) for theta, score in scored]
    return [(point, score) for own, point, score in parts if own == kind and score is not None]


def _draw(
    kind: Kind,
    spec: PortfolioSpec,
    seen: Sequence[tuple[Theta, float]],
    seed: np.random.SeedSequence,
    count: int,
) -> Iterator[Theta]:
    """Points of a kind's box; each counts on those before it (q-batch expected improvement)."""
    if not count:
        return
    box: dict[str, BaseDistribution] = {
        each.name: FloatDistribution(each.low, each.high, log=each.log) for each in kind.dimensions
    }
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # it reports every study otherwise
    sampler = GPSampler(
        seed=int(seed.generate_state(1)[0]),
        n_startup_trials=spec.startup,
        deterministic_objective=False,
    )
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for point, score in seen:
        parameters = dict(zip(box, point, strict=True))
        study.add_trial(create_trial(params=parameters, distributions=box, value=score))
    for _ in range(count):
        with ASKING:
            trial = study.ask(box)
        yield tuple(float(trial.params[name]) for name in box)
