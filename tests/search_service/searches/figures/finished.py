"""Finished searches whose trials are made up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import numpy as np
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from search_service.samplers.contract import SamplerResult
from search_service.searches import publication
from search_service.searches.figures.search import FinishedSearch
from search_service.searches.racing.verdicts import sentence
from search_service.searches.space import SearchSpace
from search_service.spaces.curves import CurveSpace
from search_service.spaces.margins import PAPERS, SEARCHED, MarginSpace
from search_service.spaces.zoo import ZooSpace
from search_service.store.tables import Trial
from surrogate_zoo.losses.document import handmade_document, sum_document, surrogate_document
from surrogate_zoo.losses.parameter_space import ParameterSpace
from surrogate_zoo.losses.registry import LOSSES
from surrogate_zoo.metrics.targets import Target

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
Floats = Sequence[float] | NDArray[np.float64]
MACC = ParameterSpace("macc")
FACTS = {
    "search": "some",
    "dataset": {"name": "shapes", "classes": ["<b>sky</b>", "ground"], "fingerprint": "ab"},
    "sampler": {"name": "ppo2", "steps": 2},
    "seed": 3,
    "trials": [],
    "workers": [{"threads": 1}],
}


def trial(number: int, theta: Floats, score: float | None, **metrics: float) -> Trial:
    return Trial(
        job_id="some",
        number=number,
        generation=number // 2,
        theta=[float(coordinate) for coordinate in theta],
        is_mean=number == 0,
        score=score,
        metrics=metrics,
        error=None if score is not None else "loss became NaN",
        seconds=4.0,
        worker={},
        finished_at=NOON + timedelta(seconds=10 * number),
    )


def finished(
    space: ParameterSpace, trials: Sequence[Trial], theta: Sequence[float] | None = None
) -> FinishedSearch:
    """A search that ends with ``theta``; away from the straight line if None."""
    generations = max(trial.generation for trial in trials) + 1
    corner = tuple(space.start.tolist())
    away = [0.5 if i % 2 else 0.1 for i in range(space.dimension)]
    aside = (space.start + (space.high - space.start) * away).tolist()
    published = tuple(aside if theta is None else theta)
    path = (corner,) * (generations - 1) + (published,)
    means = tuple(0.3 + 0.1 * i for i in range(generations))
    result = SamplerResult(published, means[-1], generations - 1, path, means)
    return FinishedSearch(CurveSpace(space), [document(space, published)], result, list(trials))


def finished_beside(companion: str) -> FinishedSearch:
    """A search for mAcc whose candidates stand beside a loss of the zoo."""
    search = finished(MACC, [trial(0, MACC.start, 0.5)])
    space = CurveSpace(MACC, "mine", companion=LOSSES[companion].document())
    sum_of_both = space.candidate(search.result.theta).loss
    found = publication.document(sum_of_both, (2.0,), "mine", "Searched for macc", FACTS)
    return replace(search, space=space, documents=[found])


@dataclass(frozen=True)
class Aimed:
    """A space of which nothing is known but what it is searched for."""

    target: Target


def aimed_at(objective: str, trials: Sequence[Trial]) -> FinishedSearch:
    """A search in a space without curves for ``objective``."""
    search = finished(ParameterSpace("macc"), trials)
    return replace(search, space=cast("SearchSpace", Aimed(Target(objective))))


def points_of(line: Line2D) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """x and y of a drawn line."""
    x, y = (np.asarray(values, dtype=np.float64) for values in line.get_data())
    return x, y


def document(space: ParameterSpace, theta: Sequence[float]) -> dict[str, Any]:
    terms = [
        (weight, surrogate_document("mine", metric, points, family=space.family, provenance=FACTS))
        for weight, metric, points in space.surrogates(theta)
    ]
    return terms[0][1] if len(terms) == 1 else sum_document("mine", terms, provenance=FACTS)


def scored_by(
    space: ParameterSpace, count: int, score: Callable[[Sequence[float]], float]
) -> list[Trial]:
    """Trials at thetas that fill the unit cube evenly (a Kronecker sequence)."""
    steps = [((i + 1) * 0.6180339887) % 1 for i in range(space.dimension)]
    thetas = [[(0.5 + number * step) % 1 for step in steps] for number in range(count)]
    return [trial(number, theta, score(theta)) for number, theta in enumerate(thetas)]


ZOO = ZooSpace(("miou", "macc"), losses=("lovasz",))
MARGINS = MarginSpace(("sbd",))
BY_PORTFOLIO = FACTS | {"sampler": {"name": "portfolio"}}


def race(best: str, second: str, objective: str, verdict: str) -> dict[str, Any]:
    """What a race tells whose winner leads by 5 points."""
    entrants = [entrant(best, 1, 0.60, winner=True), entrant(second, 2, 0.55, winner=False)]
    told = {"rounds": 3, "heats": 1, "level": 0.975, "entrants": entrants, "in_heats": []}
    cost = {
        "heats": {"trainings": 6, "seconds": 90.0},
        "rounds": {"trainings": 6, "seconds": 7200.0},
    }
    told |= {"verdict": verdict, "cost": cost, "hold_out": "whole images"}
    return told | {"sentence": sentence(objective, told)}


def entrant(loss: str, number: int, mean: float, *, winner: bool) -> dict[str, Any]:
    return {
        "number": number,
        "loss": loss,
        "rate": 2.0,
        "roles": ["candidate"] if loss.startswith(("surrogate", SEARCHED)) else ["handmade"],
        "scores": [mean - 0.01, mean, mean + 0.01],
        "winner": winner,
        "mean": mean,
        "rival": not winner,
        "lead": None if winner else {"mean": 0.05, "interval": [0.03, 0.07], "p": 0.01},
    }


def finished_zoo() -> FinishedSearch:
    """A search of the zoo for two metrics: a surrogate wins one, a handmade loss the other."""
    kinds = [kind.name for kind in ZOO.kinds]
    surrogate, lovasz = kinds.index("surrogate-miou"), kinds.index("lovasz")
    tried = [(0, 0.5), (surrogate, 2.0), (lovasz, 2.0), (lovasz, 0.5), (surrogate, 1.0), (0, 2.0)]
    trials = []
    for number, (kind, rate) in enumerate(tried):
        theta = (kind, rate, *ZOO.kinds[kind].starts[0])
        score = 0.4 + 0.01 * number
        trials.append(trial(number, theta, score, miou=score, macc=0.5))
        trials[-1].generation = number // 4
    points = surrogate_document(
        "mine-miou", "miou", ParameterSpace("miou").control_points(trials[1].theta[2:14]),
        provenance=BY_PORTFOLIO,
    )  # fmt: skip
    lovasz_alone = handmade_document("lovasz", "lovasz", {"reduction": "batch"})
    other = publication.document(lovasz_alone, (), "mine-macc", "Searched for macc", FACTS)
    raced = [
        ("miou", 1, race("surrogate-miou", "lovasz", "miou", "better")),
        ("macc", 2, race("lovasz", "surrogate-macc", "macc", "handmade")),
    ]
    winners = [
        {"metric": m, "trial": number, "theta": trials[number].theta, "rate": 2.0, "race": told}
        | {"parameters": ZOO.named(trials[number].theta)}
        for m, number, told in raced
    ]
    path = (tuple(trials[5].theta),) * 2
    result = SamplerResult(path[0], 0.45, 1, path, (0.4, 0.45), 5)
    return FinishedSearch(ZOO, [points, other], result, trials, winners)


def finished_margins(count: int = 24) -> FinishedSearch:
    """A search of margins that found better ones than the paper's; the weight of L_dist decides."""
    first = MARGINS.portfolio((1.0,))
    steps = [((i + 1) * 0.6180339887) % 1 for i in range(MARGINS.dimension)]
    more = [tuple((0.5 + n * step) % 1 for step in steps) for n in range(1, count - len(first) + 1)]
    thetas, beta = [*first, *more], MARGINS.names.index("beta")
    trials = []
    for number, theta in enumerate(thetas):
        score = 0.8 - abs(theta[beta] - 0.8)
        trials.append(trial(number, theta, score, sbd=score, ap50=0.5, dic=2.0, pq=0.4))
        trials[-1].generation = int(number >= len(first))
    best = max(trials, key=lambda one: one.score or 0.0)
    draft = MARGINS.candidate(best.theta)
    told = race(SEARCHED, PAPERS, "sbd", "better")
    winner = {"metric": "sbd", "trial": best.number, "theta": best.theta, "rate": draft.rate}
    winner |= {"parameters": {"loss": SEARCHED} | MARGINS.named(best.theta), "race": told}
    facts = BY_PORTFOLIO | {"chosen": winner}
    mine = publication.document(draft.loss, (), "mine", "Searched for sbd on shapes", facts)
    path = (tuple(best.theta),) * 2
    result = SamplerResult(path[0], best.score or 0.0, 1, path, (0.4, 0.45), best.number)
    return FinishedSearch(MARGINS, [mine], result, trials, [winner | draft.changes])
