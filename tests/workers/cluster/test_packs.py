"""Packs of candidates, and what becomes of those that failed."""

import pytest

from tests.workers.tiny import candidate
from workers.cluster.packs import ATTEMPTS, Ended, Pack, again, cut_packs, may_go_on
from workers.tasks.failures import FAILURES, Failure
from workers.tasks.proxy import Outcome

FIVE = [candidate(number) for number in range(5)]
KILLED = Ended("lost", "killed")


def repeated(pack: Pack, ended: Ended) -> tuple[int, list[Outcome]]:
    """How often a pack of one fails until nothing comes back, and what is told."""
    outcomes: list[Outcome] = []
    packs, times = [pack], 0
    while packs and times < 10:
        packs, times = again(packs[0], ended, outcomes.append), times + 1
    return times, outcomes


def test_packs_hold_all_candidates_in_order() -> None:
    packs = cut_packs(FIVE, 2)
    assert [len(pack.candidates) for pack in packs] == [2, 2, 1]
    assert [candidate for pack in packs for candidate in pack.candidates] == FIVE
    assert [pack.origin for pack in packs] == [0, 2, 4]
    assert not cut_packs([], 2)


def test_candidates_of_a_lost_pack_run_alone() -> None:
    outcomes: list[Outcome] = []
    parts = again(Pack((FIVE[0], FIVE[1]), 0), KILLED, outcomes.append)
    assert parts == [Pack((FIVE[0],), 0, ("lost",)), Pack((FIVE[1],), 0, ("lost",))]
    assert outcomes == []


@pytest.mark.parametrize("failure", ATTEMPTS)
def test_a_budget_that_is_used_up_is_an_outcome(failure: Failure) -> None:
    times, (outcome,) = repeated(Pack((FIVE[3],), 3), Ended(failure, "why"))
    assert times == ATTEMPTS[failure]
    assert (outcome.number, outcome.score, outcome.failure) == (3, None, failure)
    assert outcome.error is not None
    assert outcome.error.endswith(": why")


def test_budgets_of_classes_are_apart() -> None:
    assert may_go_on(["unexpected", "stuck", "lost"])
    assert not may_go_on(["unexpected", "stuck", "lost", "unexpected"])
    assert set(ATTEMPTS) < set(FAILURES)


def test_a_pack_without_memory_is_halved_until_it_fits() -> None:
    outcomes: list[Outcome] = []
    full = Ended("memory", "full")
    parts = again(Pack(tuple(FIVE), 0), full, outcomes.append)
    assert [len(part.candidates) for part in parts] == [3, 2]
    assert {part.failed for part in parts} == {()}
    (two, one) = again(parts[0], full, outcomes.append)
    assert [len(part.candidates) for part in (two, one)] == [2, 1]
    assert outcomes == []


def test_a_machine_that_is_lost_costs_nothing() -> None:
    pack = Pack((FIVE[0], FIVE[1]), 0, ("lost",) * 4)
    assert again(pack, Ended("infrastructure", "its node has died"), print) == [pack]
