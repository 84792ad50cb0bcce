"""The portfolio: what is known first, then the kinds that lead; as the samplers' contract asks."""

from collections.abc import Sequence

import pytest

from search_service.samplers import portfolio
from search_service.samplers.contract import Proposal, SamplerResult, Score
from search_service.samplers.specs import PortfolioSpec
from search_service.spaces.zoo import ZooSpace
from surrogate_zoo.errors import WorkerError

SPACE = ZooSpace(("miou", "macc"), losses=("lovasz",))
SPEC = PortfolioSpec(trials=16, batch=8, startup=2, arms=2)
FIRST = len(SPACE.portfolio(SPEC.rates))
BEST = {"miou": "surrogate-miou", "macc": "lovasz"}


class CutOffError(Exception):
    """The search is cut off."""


class Recorded:
    """Scores by kind and rate, and keeps what was proposed; some numbers fail."""

    def __init__(self, failing: Sequence[int] = ()) -> None:
        self.batches: list[list[Proposal]] = []
        self.scores: dict[int, Score | None] = {}
        self.failing = failing

    def __call__(self, batch: Sequence[Proposal]) -> list[Score | None]:
        self.batches.append(list(batch))
        scores = [None if p.number in self.failing else scored(p) for p in batch]
        self.scores |= {p.number: score for p, score in zip(batch, scores, strict=True)}
        return scores

    @property
    def proposals(self) -> list[Proposal]:
        return [proposal for batch in self.batches for proposal in batch]


def scored(proposal: Proposal) -> Score:
    named = SPACE.named(proposal.theta)
    fit = -0.01 * abs(named["rate"] - 1.5) - 0.1 * abs(named.get("cross-entropy", 0.0) - 0.2)
    parts = {metric: 0.5 + 0.2 * (named["loss"] == BEST[metric]) + fit for metric in SPACE.metrics}
    return Score(sum(parts.values()) / 2, parts)


def search(evaluate: Recorded, spec: PortfolioSpec = SPEC, seed: int = 5) -> SamplerResult:
    return portfolio.run(SPACE, spec, evaluate, seed)


@pytest.fixture(scope="module")
def whole() -> Recorded:
    recorded = Recorded(failing=[1, FIRST + 2])
    search(recorded)
    return recorded


def test_the_portfolio_is_the_first_generation_and_batches_are_whole(whole: Recorded) -> None:
    assert [len(batch) for batch in whole.batches] == [FIRST, 8, 8]
    assert [p.number for p in whole.proposals] == list(range(FIRST + 16))
    assert [p.theta for p in whole.batches[0]] == SPACE.portfolio(SPEC.rates)
    for proposal in whole.proposals:
        SPACE.candidate(proposal.theta)  # refuses what lies outside


def test_sums_of_the_leading_kinds_of_every_metric_come_after_the_portfolio(
    whole: Recorded,
) -> None:
    best = {
        metric: SPACE.couples(_leaders(whole, metric)[: portfolio.COUPLED])
        for metric in SPACE.metrics
    }
    assert all(best.values())
    turns = [theta for pair in zip(*best.values(), strict=True) for theta in pair]
    sums = list(dict.fromkeys(turns))
    assert [p.theta for p in whole.batches[1]][: len(sums)] == sums


def _leaders(recorded: Recorded, metric: str) -> list[tuple[float, ...]]:
    """The best point of every kind of the portfolio, the best first."""
    parts = {
        p.theta: score.parts for p in recorded.batches[0] if (score := recorded.scores[p.number])
    }
    ranked = sorted(parts, key=lambda theta: (-float(parts[theta][metric] or 0), theta[0]))
    return list({theta[0]: theta for theta in reversed(ranked)}.values())[::-1]


def test_every_metric_has_its_turn_with_the_kind_that_leads_for_it(whole: Recorded) -> None:
    for batch in whole.batches[2:]:
        for index, metric in enumerate(SPACE.metrics):
            turns = [p for p in batch if p.number % 2 == index]
            kinds = [SPACE.kind(p.theta).name for p in turns]
            assert len(turns) == 4
            assert kinds.count(BEST[metric]) == 2  # half of them


def test_it_repeats_and_another_seed_proposes_otherwise(whole: Recorded) -> None:
    again, other = Recorded(failing=whole.failing), Recorded(failing=whole.failing)
    search(again)
    search(other, seed=6)
    assert again.proposals == whole.proposals
    assert other.batches[0] == whole.batches[0]
    assert other.batches[1] != whole.batches[1]


@pytest.mark.parametrize("kept", [1, FIRST, FIRST + 9])
def test_recorded_scores_make_the_same_search_wherever_it_was_cut_off(
    whole: Recorded, kept: int
) -> None:
    def evaluate(batch: Sequence[Proposal]) -> list[Score | None]:
        if batch[-1].number >= kept:
            raise CutOffError
        return [whole.scores[p.number] for p in batch]

    with pytest.raises(CutOffError):
        portfolio.run(SPACE, SPEC, evaluate, 5)
    replayed = Recorded(failing=whole.failing)
    search(replayed)
    assert replayed.proposals == whole.proposals


def test_extended_it_proposes_what_it_had_proposed_at_once(whole: Recorded) -> None:
    short = Recorded(failing=whole.failing)
    search(short, SPEC.model_copy(update={"trials": 8}))
    assert short.proposals == whole.proposals[: FIRST + 8]
    none = Recorded(failing=whole.failing)
    search(none, SPEC.model_copy(update={"trials": 0}))
    assert none.proposals == whole.proposals[:FIRST]


def test_what_is_published_is_the_best_single_score() -> None:
    recorded = Recorded()
    result = search(recorded)
    best = max(recorded.scores, key=lambda number: float(recorded.scores[number] or 0.0))
    assert (result.trial, result.score) == (best, recorded.scores[best])
    with pytest.raises(WorkerError, match="Every proxy training failed"):
        search(Recorded(failing=range(FIRST + 16)))
