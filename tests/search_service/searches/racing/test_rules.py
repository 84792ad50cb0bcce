"""Who leads a race, who is dropped, and what is said of the winner."""

from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_service.jobs.run import Run
from search_service.searches.racing.entrants import Entrant
from search_service.searches.racing.race import Race, RaceResult
from search_service.searches.racing.rules import (
    LEAST_ROUNDS,
    RaceSpec,
    Standing,
    clear,
    standing,
    verdict,
)
from search_service.significance import Difference
from search_service.spaces.space import Draft
from surrogate_zoo.metrics.targets import Target
from workers.tasks.proxy import Outcome, ProxyTask

Rounds = dict[int, list[float | None]]
SCORE = st.floats(0, 1).map(lambda score: round(score, 3)) | st.none()
RACES = st.integers(2, 4).flatmap(
    lambda rounds: st.dictionaries(
        st.integers(0, 9), st.lists(SCORE, min_size=rounds, max_size=rounds), min_size=1, max_size=6
    )
)


@settings(deadline=None)
@given(RACES, st.randoms(use_true_random=False))
def test_the_order_of_the_entrants_does_not_matter(scores: Rounds, random: object) -> None:
    shuffled = dict(sorted(scores.items(), key=lambda _: random.random()))  # type: ignore[attr-defined]
    assert standing(scores) == standing(shuffled)


@settings(deadline=None)
@given(RACES)
def test_who_is_dropped_failed_or_is_clearly_behind(scores: Rounds) -> None:
    stand = standing(scores)
    assert set(stand.ranking).isdisjoint(stand.dropped)
    assert set(stand.ranking) | stand.dropped == set(scores)
    for entrant in stand.dropped:
        if None not in scores[entrant]:
            assert stand.leads[entrant].mean > 0
    means = [stand.means[entrant] or 0.0 for entrant in stand.ranking]
    assert means == sorted(means, reverse=True)


def test_merits_of_a_count_put_the_lowest_first_and_the_failed_last() -> None:
    counts: Rounds = {0: [3.0, 3.5], 1: [0.0, 0.5], 2: [None, 0.0], 3: [9.0, 9.5]}
    target = Target("dic")
    stand = standing(
        {e: [None if x is None else target.merit_of(x) for x in row] for e, row in counts.items()}
    )
    assert stand.ranking[0] == 1
    assert 2 in stand.dropped
    assert stand.leads[3].mean == 9.0
    assert verdict(stand.leads, 1, {0, 3}) == "better"


def test_who_fails_once_is_dropped_whatever_else_it_scored() -> None:
    stand = standing({0: [0.9, None], 1: [0.5, 0.6]})
    assert (stand.ranking, stand.dropped, stand.means[0]) == ((1,), frozenset({0}), None)
    assert standing({0: [None, None]}) == Standing((), frozenset({0}), {}, {0: None})


def test_those_that_were_dropped_stay_out_and_keep_their_distance() -> None:
    stand = standing({0: [0.6, 0.61, 0.59], 1: [0.9, 0.2]}, before={1})
    assert stand.ranking == (0,)
    assert stand.leads[1].mean == pytest.approx(0.055)  # over the two rounds that both ran in


def test_a_race_is_decided_where_runner_up_and_rivals_are_clearly_behind() -> None:
    scores = {0: [0.60, 0.61, 0.60], 1: [0.59, 0.61, 0.60], 2: [0.40, 0.41, 0.40]}
    assert not standing(scores, groups=[[2]]).decided
    del scores[1]
    assert standing(scores, groups=[[2]]).decided


def test_rivals_are_the_closest_of_each_group_by_their_pairs() -> None:
    """By pairs, and not by means: who was dropped after easy rounds has the higher mean."""
    scores: Rounds = {0: [0.8, 0.8, 0.5], 1: [0.7, 0.7], 2: [0.75, 0.76, 0.44], 3: [0.6, 0.6, 0.3]}
    stand = standing(scores, before={1}, groups=[{1, 2}, {3}, {0}, {9}])
    assert stand.rivals == (2, 3)
    assert standing(scores, before={1}, groups=[{2}, {2, 3}]).rivals == (2,)


def test_two_rounds_of_many_tell_who_is_clearly_behind() -> None:
    """The spread of all tells more than that of one pair, of which two rounds say next to nothing."""
    ahead: Rounds = {n: [0.60 + 0.001 * n, 0.62 - 0.001 * n] for n in range(4)}
    stand = standing(ahead | {4: [0.50, 0.54]})
    assert stand.dropped == {4}
    assert not clear(stand.leads[4])
    rival = standing(ahead | {4: [0.50, 0.54]}, groups=[{4}])
    assert not rival.dropped  # what is claimed of the winner rests on its own pairs


def test_where_all_are_equal_nobody_is_dropped_but_by_chance() -> None:
    generator = np.random.default_rng(0)
    races = 400
    dropped = sum(
        bool(standing(dict(enumerate(generator.normal(0.5, 0.02, size=(5, 2)).tolist()))).dropped)
        for _ in range(races)
    )
    # The leader is picked by its score, hence against the four others at once.
    assert dropped / races <= 0.15


LEADS: dict[int, Difference] = {1: Difference(0.05, 0.02, 0.01), 2: Difference(0.04, 0.08, 0.3)}


def test_a_verdict_needs_the_closest_handmade_loss_clearly_behind() -> None:
    assert verdict(LEADS, 0, [1]) == "better"
    assert verdict(LEADS, 0, [1, 2]) == "not told apart"
    assert verdict(LEADS | {2: Difference(0.06, 0.08, 0.3)}, 0, [1, 2]) == "better"
    assert verdict(LEADS, 0, []) == "not told apart"
    assert verdict(LEADS, 0, [0, 1]) == "handmade"


@pytest.mark.parametrize("rounds", [2, 4, 6])
def test_where_all_are_equal_chance_alone_seldom_says_better(rounds: int) -> None:
    """Every look has the level that all looks together may take, so at most 5% of races say better."""
    spec = RaceSpec(rounds=rounds)
    generator = np.random.default_rng(rounds)
    races, wrong = 600, 0
    for _ in range(races):
        noise = generator.normal(0.5, 0.02, size=(2, rounds)).tolist()
        wrong += _says_better(spec, noise)
    # Either of the two may lead; three standard errors above 5%.
    assert wrong / races <= 0.05 + 3 * (0.05 * 0.95 / races) ** 0.5


def _says_better(spec: RaceSpec, noise: list[list[float]]) -> bool:
    """A race between a candidate, 0, and the best handmade loss, 1, look by look."""
    for done in range(LEAST_ROUNDS, spec.rounds + 1):
        so_far = {n: scores[:done] for n, scores in enumerate(noise)}
        stand = standing(so_far, groups=[{1}], level=spec.level)
        if stand.decided or done == spec.rounds:
            break
    return verdict(stand.leads, stand.ranking[0], {1}) == "better"


def test_the_level_of_a_look_leaves_all_looks_together_95_percent() -> None:
    assert RaceSpec(rounds=2).level == pytest.approx(0.95)
    assert RaceSpec(rounds=4).level == pytest.approx(1 - 0.05 / 3)


def test_whoever_was_dropped_does_not_win_by_the_mean_of_fewer_rounds() -> None:
    scores = {0: [0.60, 0.62, 0.50, 0.51], 1: [0.58, 0.60]}
    assert standing(scores).ranking[0] == 1  # so a race says who was dropped on the way
    assert standing(scores, before={1}).ranking == (0,)


def test_a_race_for_a_count_tells_counts_and_how_many_fewer_the_winner_misses() -> None:
    counts: dict[int, list[float]] = {0: [2.5, 3.0], 1: [0.0, 0.5], 2: [8.0, 8.5]}
    entrants = [Entrant(n, ("candidate",), Draft({}), {"number": n}, None) for n in counts]
    outcomes = {
        f"{stage} {number + 1}": {
            n: Outcome(n, row[number], {"dic": row[number]}, None, 1.0) for n, row in counts.items()
        }
        for stage in ("heat", "round")
        for number in range(2)
    }
    task = ProxyTask.model_construct(metric="dic", seed=0)
    race = Race(cast("Run", None), RaceSpec(finalists=2), task, {"dic": entrants}, 0, outcomes)
    finalists = race._finalists("dic", entrants)
    assert [entrant.number for entrant in finalists] == [1, 0]
    stand = race._standing("dic", entrants, ())
    told = RaceResult(race, {"dic": entrants}, {"dic": stand}, {"dic": 2}).told("dic")
    assert [each["mean"] for each in told["entrants"]] == [2.75, 0.25, 8.25]
    assert [each["winner"] for each in told["entrants"]] == [False, True, False]
    assert told["entrants"][1]["scores"] == [0.0, 0.5]
    assert told["entrants"][2]["lead"]["mean"] == 8.0
