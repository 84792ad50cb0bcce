"""The contract that every registered sampler keeps."""

import random
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from search_service.samplers.contract import (
    Evaluate,
    Proposal,
    SamplerResult,
    Score,
    with_failures_filled,
)
from search_service.samplers.registry import SAMPLERS
from search_service.samplers.specs import (
    CMAESSpec,
    GPSpec,
    NSGA2Spec,
    PPO2Spec,
    RandomSpec,
    SamplerSpec,
    TPESpec,
)
from search_service.spaces.space import Theta
from surrogate_zoo.errors import WorkerError
from surrogate_zoo.losses.parameter_space import ParameterSpace
from surrogate_zoo.metrics.targets import Target
from tests.search_service.bowl import bowl

SPECS: dict[str, SamplerSpec] = {
    "ppo2": PPO2Spec(steps=4, samples=6),
    "random": RandomSpec(trials=20, batch=6),
    "tpe": TPESpec(trials=20, batch=6, startup=4),
    "gp": GPSpec(trials=14, batch=6, startup=4),
    "cma-es": CMAESSpec(trials=20, batch=6),
    "nsga-ii": NSGA2Spec(trials=20, population=6),
}
SPACE = ParameterSpace("macc")
COUNT = Target("dic")


@pytest.fixture(params=SAMPLERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class CutOffError(Exception):
    """The search is cut off."""


class Recorded:
    """Scores by the bowl and keeps what was proposed; some numbers fail."""

    def __init__(self, failing: Sequence[int] = ()) -> None:
        self.batches: list[list[Proposal]] = []
        self.scores: dict[int, Score | None] = {}
        self.failing = failing

    def __call__(self, batch: Sequence[Proposal]) -> list[Score | None]:
        self.batches.append(list(batch))
        scores = [None if p.number in self.failing else scored(p.theta) for p in batch]
        self.scores |= {p.number: score for p, score in zip(batch, scores, strict=True)}
        return scores

    @property
    def proposals(self) -> list[Proposal]:
        return [proposal for batch in self.batches for proposal in batch]


def scored(theta: Theta) -> Score:
    return Score(bowl(theta), {"macc": bowl(theta)})


def search(
    name: str, evaluate: Evaluate, seed: int = 5, start: Theta | None = None
) -> SamplerResult:
    return SAMPLERS[name](SPACE, SPECS[name], evaluate, seed, start)


def trials(name: str) -> int:
    """How many candidates the search of a sampler here proposes."""
    return int(SPECS[name].trials)


def test_every_sampler_is_covered() -> None:
    assert set(SPECS) == set(SAMPLERS)


def test_proposals_are_numbered_in_the_cube_and_as_many_as_asked_for(name: str) -> None:
    evaluate = Recorded()
    search(name, evaluate)
    assert [p.number for p in evaluate.proposals] == list(range(trials(name)))
    assert [p.generation for p in evaluate.proposals] == [
        generation for generation, batch in enumerate(evaluate.batches) for _ in batch
    ]
    for proposal in evaluate.proposals:
        assert len(proposal.theta) == SPACE.dimension
        SPACE.control_points(proposal.theta)  # refuses what lies outside the cube


def test_the_straight_line_is_tried_first(name: str) -> None:
    evaluate = Recorded()
    search(name, evaluate)
    assert np.allclose(evaluate.proposals[0].theta, SPACE.start, atol=1e-7)


def test_another_start_is_tried_first_and_searched_around(name: str) -> None:
    start = tuple(np.linspace(0.9, 0.6, SPACE.dimension).tolist())
    evaluate, again, plain = Recorded(), Recorded(), Recorded()
    search(name, evaluate, start=start)
    assert np.allclose(evaluate.proposals[0].theta, start, atol=1e-6)
    search(name, again, start=start)
    assert evaluate.proposals == again.proposals
    search(name, plain)
    assert evaluate.batches[-1] != plain.batches[-1] or name == "random"


def test_a_start_on_the_bounds_is_searched_from(name: str) -> None:
    start = (0.0, 1.0) * (SPACE.dimension // 2)
    evaluate = Recorded()
    search(name, evaluate, start=start)
    assert np.allclose(evaluate.proposals[0].theta, start, atol=2e-3)  # a sigmoid reaches neither
    for proposal in evaluate.proposals:
        SPACE.control_points(proposal.theta)


def test_a_search_gets_better_than_its_first_proposal(name: str) -> None:
    evaluate = Recorded()
    result = search(name, evaluate, start=(0.9,) * SPACE.dimension)
    assert bowl(result.theta) > bowl(evaluate.proposals[0].theta) + 0.01


def test_a_space_without_bounds_is_searched_too(name: str) -> None:
    space = ParameterSpace("macc", "linear", 3)
    evaluate = Recorded()
    outside = tuple((space.high + 1.0).tolist())
    result = SAMPLERS[name](space, SPECS[name], evaluate, 5, outside)
    assert np.allclose(evaluate.proposals[0].theta, outside)
    assert len(evaluate.proposals) == trials(name)
    for proposal in evaluate.proposals:
        space.control_points(proposal.theta)
    assert bowl(result.theta) > bowl(outside)


def test_recorded_scores_make_the_same_search_whenever_it_was_cut_off(name: str) -> None:
    whole = Recorded(failing=[2, 9])
    expected = search(name, whole)
    for kept in (1, 8, 12):

        def evaluate(batch: Sequence[Proposal], kept: int = kept) -> list[Score | None]:
            if batch[-1].number >= kept:
                raise CutOffError
            return [whole.scores[p.number] for p in batch]

        with pytest.raises(CutOffError):
            search(name, evaluate)
        replayed = Recorded(failing=[2, 9])
        assert search(name, replayed) == expected
        assert replayed.proposals == whole.proposals


def test_the_same_seed_makes_the_same_search_and_another_seed_another(name: str) -> None:
    first, again, other = Recorded(), Recorded(), Recorded()
    assert search(name, first) == search(name, again)
    search(name, other, seed=6)
    assert first.proposals == again.proposals
    assert first.proposals[1:] != other.proposals[1:]


@pytest.mark.parametrize("name", sorted(set(SAMPLERS) - {"random"}))  # which looks at no score
def test_proposals_follow_from_the_scores(name: str) -> None:
    plain, other = Recorded(), Recorded(failing=[3])
    search(name, plain)
    search(name, other)
    assert plain.batches[0] == other.batches[0]
    assert plain.batches[1] != other.batches[1]


def test_global_random_numbers_are_neither_read_nor_moved(name: str) -> None:
    def states() -> tuple[Any, ...]:
        numpys = np.random.get_state(legacy=False)["state"]
        numbers = (numpys["key"].tolist(), numpys["pos"])
        return random.getstate(), numbers, torch.get_rng_state().tolist()

    before = states()
    first = Recorded()
    search(name, first)
    assert states() == before
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    again = Recorded()
    search(name, again)
    assert first.proposals == again.proposals


def test_searches_at_the_same_time_are_as_each_alone(name: str) -> None:
    alone = [Recorded() for _ in range(4)]
    for seed, evaluate in enumerate(alone):
        search(name, evaluate, seed)
    together = [Recorded() for _ in range(4)]
    start = threading.Barrier(4)

    def run(seed: int) -> None:
        start.wait()
        search(name, together[seed], seed)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [e.proposals for e in together] == [e.proposals for e in alone]


def test_failed_candidates_do_not_end_a_search_and_are_not_published(name: str) -> None:
    evaluate = Recorded(failing=[0, 1, 2, 3, 4, 5, 7, 11])
    result = search(name, evaluate)
    assert result.mean_scores[0] is None
    assert result.generation != 0
    assert np.isfinite(result.score)
    assert len(result.path) == len(result.mean_scores) == len(evaluate.batches)


def test_a_search_without_any_score_is_an_error(name: str) -> None:
    with pytest.raises(WorkerError, match="Every proxy training failed"):
        search(name, Recorded(failing=range(trials(name))))


def test_an_error_of_evaluate_passes_through(name: str) -> None:
    def evaluate(batch: Sequence[Proposal]) -> list[Score | None]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        SAMPLERS[name](SPACE, SPECS[name], evaluate, 0)


def test_a_failure_counts_as_the_worst_score_beside_it() -> None:
    assert with_failures_filled([0.5, None, 0.25, None]) == [0.5, 0.25, 0.25, 0.25]
    assert with_failures_filled([None, None]) is None


def test_a_sampler_is_told_merits_and_its_result_is_shown_in_scores() -> None:
    target = Target("dic")
    told = Score.of(target, 2.5, {"dic": 2.5, "sbd": 0.5})
    assert (told, dict(told.parts)) == (-2.5, {"dic": -2.5})
    found = SamplerResult((0.5,), -2.5, 1, ((0.5,),) * 2, (None, -3.0), 4)
    shown = found.in_scores_of(target)
    assert (shown.score, shown.mean_scores) == (2.5, (None, 3.0))
    assert found.in_scores_of(Target("sbd")) == found


def test_a_sampler_goes_where_fewer_objects_are_missed(name: str) -> None:
    """With merits of a count it proposes what it would with those of a share."""

    def missed(batch: Sequence[Proposal]) -> list[Score | None]:
        return [Score.of(COUNT, 1 - bowl(p.theta), {"dic": 1 - bowl(p.theta)}) for p in batch]

    def lowered(batch: Sequence[Proposal]) -> list[Score | None]:
        return [Score(bowl(p.theta) - 1, {"macc": bowl(p.theta) - 1}) for p in batch]

    if name != "nsga-ii":  # it needs a space whose target has the metric
        assert search(name, missed) == search(name, lowered)
