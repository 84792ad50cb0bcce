"""Who goes on follows from the scores alone, in whichever order they came."""

import itertools

from benchmarks.ray_tune.contest import Contest, Halving, Race, Scores, Stand
from search_service.searches.halving import HalvingSpec
from search_service.searches.racing.rules import RaceSpec
from tests.workers.tiny import candidate, proxy_task

FOUR = tuple(candidate(number) for number in range(4))
HALVING = Halving(proxy_task(training={"iterations": 8}), FOUR, HalvingSpec())
RACE = Race(proxy_task(), FOUR[:3], RaceSpec(heats=0, rounds=3))
EVERYBODY = frozenset(range(4))


def test_a_halving_goes_up_its_rungs() -> None:
    assert [HALVING.at(step).stop_after for step in (1, 2, 3)] == [2, 4, 8]
    assert HALVING.stand({}) == Stand(EVERYBODY, 1)
    first = {0: [0.1], 1: [0.4], 2: [0.3], 3: [0.2]}
    assert HALVING.stand({n: first[n] for n in (0, 1, 2)}) == Stand(EVERYBODY, 1)
    assert HALVING.stand(first) == Stand(frozenset({1, 2}), 2)
    second = first | {1: [0.4, 0.5], 2: [0.3, 0.6]}
    assert HALVING.stand(second) == Stand(frozenset({2}), 3)
    assert HALVING.stand(second | {2: [0.3, 0.6, 0.7]}).left == frozenset()


def test_one_that_failed_is_stopped() -> None:
    scores: Scores = {0: [None], 1: [0.1], 2: [None], 3: [None]}
    assert HALVING.stand(scores) == Stand(frozenset({1}), 2)
    nobody: Scores = {number: [None] for number in range(4)}
    assert HALVING.stand(nobody).left == frozenset()


def test_the_order_of_reports_and_steps_taken_early_change_nothing() -> None:
    scores = {0: [0.1, 0.9], 1: [0.4], 2: [0.3], 3: [0.2]}  # 0 went on before it was stopped
    for order in itertools.permutations(scores):
        assert HALVING.stand({n: scores[n] for n in order}) == Stand(frozenset({1, 2}), 2)
    assert HALVING.counted(scores) == {0: (0.1,), 1: (0.4,), 2: (0.3,), 3: (0.2,)}


def test_a_race_has_a_seed_for_each_round_and_drops_who_is_clearly_behind() -> None:
    assert [RACE.at(step).seed for step in (1, 2, 3)] == [1, 2, 3]
    close = {0: [0.5, 0.6], 1: [0.6, 0.5], 2: [0.1, 0.15]}
    assert RACE.stand({n: own[:1] for n, own in close.items()}) == Stand(frozenset(range(3)), 2)
    assert RACE.stand(close).step == 3
    apart = {0: [0.5, 0.6], 1: [0.3, 0.4001], 2: [0.1, 0.2001]}
    assert RACE.stand(apart).left == frozenset()  # the leader is beyond doubt


def test_a_contest_is_a_value_that_travels() -> None:
    contest: Contest = HALVING
    assert contest.numbers == (0, 1, 2, 3)
    assert contest.steps == 3
