"""Halving: who goes on from a rung, what the stopped count as, and what a sampler makes of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from search_service.samplers.contract import Proposal, Score
from search_service.samplers.registry import SAMPLERS
from search_service.samplers.specs import PPO2Spec
from search_service.searches.halving import HalvingSpec, Rung, imputed_scores, standings
from search_service.searches.request import SearchRequest
from search_service.searches.rungs import Climb
from surrogate_zoo.losses.parameter_space import ParameterSpace
from surrogate_zoo.metrics.targets import Target
from tests.search_service.bowl import alone
from workers.tasks.proxy import Outcome, ProxyTask


def test_rungs_are_shares_of_the_schedule() -> None:
    assert HalvingSpec().iterations(80) == (20, 40)
    assert HalvingSpec(rungs=(0.1, 0.2, 0.9)).iterations(4) == (1,)
    assert HalvingSpec().iterations(1) == ()


@pytest.mark.parametrize(
    "fields",
    [{"rungs": []}, {"rungs": [0.5, 0.25]}, {"rungs": [0.5, 0.5]}, {"rungs": [1.0]}, {"keep": 0}],
)
def test_what_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HalvingSpec.model_validate(fields)


def test_the_better_part_goes_on_and_the_mean_with_it() -> None:
    scores = {4: 0.3, 5: 0.1, 6: None, 7: 0.3, 8: 0.2, 9: 0.1}
    rung = Rung.of(scores, 0.5, always=(5, 6))
    assert rung.better == {4, 7, 8}  # of five that have a score, rounded up
    assert rung.going_on == {4, 5, 7, 8}
    assert rung.stopped == {9: 0.1}
    assert Rung.of({1: 0.2, 0: 0.2}, 0.5).better == {0}  # of equals the earlier one
    assert Rung.of({1: None}, 0.5).going_on == frozenset()


def test_of_several_objectives_a_candidate_counts_by_its_best_place() -> None:
    measured = {
        0: {"miou": 0.9, "macc": 0.1},
        1: {"miou": 0.5, "macc": 0.5},
        2: {"miou": 0.1, "macc": 0.9},
        3: {},
        4: {"miou": 0.05, "macc": 0.05},
    }
    both = standings(measured, [Target("miou"), Target("macc")])
    assert both == {0: 0, 1: -1, 2: 0, 3: None, 4: -3}
    assert Rung.of(both, 0.5).better == {0, 2}
    alone = standings(measured, [Target("miou")])
    assert alone == {0: 0.9, 1: 0.5, 2: 0.1, 3: None, 4: 0.05}


def test_where_lower_is_better_the_lower_half_goes_on() -> None:
    measured = {0: {"dic": 3.0}, 1: {"dic": 0.5}, 2: {}, 3: {"dic": 1.0}, 4: {"dic": 8.0}}
    placed = standings(measured, [Target("dic")])
    assert placed == {0: -3.0, 1: -0.5, 2: None, 3: -1.0, 4: -8.0}
    assert Rung.of(placed, 0.5).better == {1, 3}
    assert standings(measured, [Target("dic"), Target("sbd")]) == {
        0: -2,
        1: 0,
        2: None,
        3: -1,
        4: -3,
    }


def test_the_stopped_of_a_count_are_told_more_objects_than_the_better_part(tmp_path: Path) -> None:
    measured = {
        0: {"dic": 4.0, "sbd": 0.3},
        1: {"dic": 2.0, "sbd": 0.5},
        2: {"dic": 7.0, "sbd": 0.2},
    }
    rung = Rung.of(standings(measured, [Target("dic")]), 0.5)
    outcomes = {number: Outcome(number, 0.0, told, None, 1.0) for number, told in measured.items()}
    task = ProxyTask.model_construct(metric="dic")
    climb = Climb(task, tmp_path, rung.going_on, (rung,), (measured,), outcomes)
    fallen = climb.fallen({0: {"dic": 3.0, "sbd": 0.6}, 1: {"dic": 1.5, "sbd": 0.7}})
    assert {number: told.score for number, told in fallen.items()} == {2: 6.0}
    assert fallen[2].metrics == pytest.approx({"dic": 6.0, "sbd": 0.5})


def test_a_stopped_candidate_lies_as_far_below_the_worst_of_the_better_as_on_its_rung() -> None:
    first = Rung.of({0: 0.30, 1: 0.28, 2: 0.25, 3: 0.10}, 0.5)
    assert imputed_scores([first], {0: 0.60, 1: 0.70}) == pytest.approx({2: 0.57, 3: 0.42})
    second = Rung.of({0: 0.45, 1: 0.40}, 0.5)
    told = imputed_scores([first, second], {0: 0.60})
    assert told == pytest.approx({1: 0.55, 2: 0.52, 3: 0.37})


def test_the_mean_among_the_worse_sets_no_measure() -> None:
    rung = Rung.of({0: 0.1, 1: 0.4, 2: 0.3, 3: 0.2}, 0.5, always=(0,))
    assert imputed_scores([rung], {0: 0.2, 1: 0.6, 2: 0.5}) == pytest.approx({3: 0.4})


def test_where_nobody_came_to_an_end_the_rungs_own_scores_are_told() -> None:
    rung = Rung.of({0: 0.4, 1: 0.3, 2: 0.2, 3: 0.1}, 0.5)
    assert imputed_scores([rung], {0: None, 1: None}) == {2: 0.2, 3: 0.1}
    assert imputed_scores([rung], {0: None, 1: 0.5}) == pytest.approx({2: 0.4, 3: 0.3})


SCORES = st.lists(st.floats(0, 1) | st.none(), min_size=1, max_size=9)


@settings(deadline=None)
@given(SCORES, SCORES, SCORES)
def test_everyone_who_was_better_on_a_rung_is_told_more(
    first: list[float | None], second: list[float | None], last: list[float | None]
) -> None:
    def measured(source: list[float | None], numbers: Any) -> dict[int, float | None]:
        return {number: source[number % len(source)] for number in sorted(numbers)}

    one = Rung.of(measured(first, range(len(first))), 0.5)
    two = Rung.of(measured(second, one.going_on), 0.5)
    ended = measured(last, two.going_on)
    told = imputed_scores([one, two], ended)
    assert set(told) == set(one.stopped) | set(two.stopped)
    whole = told | {number: score for number, score in ended.items() if score is not None}
    for rung in (one, two):
        for number, score in rung.stopped.items():
            better = [whole[other] for other in rung.better if other in whole]
            assert all(whole[number] <= other + 1e-12 for other in better)
            for other, its_score in rung.stopped.items():
                assert whole[number] - whole[other] == pytest.approx(score - its_score)


def test_every_way_to_save_is_off_unless_asked_for() -> None:
    body = {"metric": "miou", "dataset": "shapes", "preset": "released"}
    plain = SearchRequest.model_validate(body)
    assert (plain.rejection, plain.halving, plain.warm_up, plain.race) == (None, None, 0, None)
    asked = SearchRequest.model_validate(body | {"rejection": {}, "halving": {"keep": 0.3}})
    assert asked.rejection is not None
    assert asked.halving == HalvingSpec(keep=0.3)
    for wrong in ({"race": {"rounds": 1}}, {"warm_up": -1}, {"rejection": {"share": 1.0}}):
        with pytest.raises(ValidationError):
            SearchRequest.model_validate(body | wrong)


def test_ppo2_leaves_where_candidates_are_rejected_and_keeps_to_where_scores_rise() -> None:
    """A rejected candidate counts as the worst of its generation."""
    space = ParameterSpace("macc")
    spec = PPO2Spec(steps=8, samples=16, baseline="mean")

    def evaluate(batch: Sequence[Proposal]) -> list[Score | None]:
        return alone(None if p.theta[0] < 0.25 else 0.5 + 0.1 * p.theta[1] for p in batch)

    result = SAMPLERS["ppo2"](space, spec, evaluate, 0)
    first, last = result.path[0], result.path[-1]
    assert last[0] > first[0] + 0.1
    assert last[1] > first[1] + 0.1
