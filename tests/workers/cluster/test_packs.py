"""Packs of candidates, and what becomes of those whose worker was lost."""

from tests.workers.tiny import candidate
from workers.cluster.packs import Pack, cut_packs, retry
from workers.tasks.proxy import Outcome

FIVE = [candidate(number) for number in range(5)]


def test_packs_hold_all_candidates_in_order() -> None:
    packs = cut_packs(FIVE, 2)
    assert [len(pack.candidates) for pack in packs] == [2, 2, 1]
    assert [candidate for pack in packs for candidate in pack.candidates] == FIVE
    assert not cut_packs([], 2)


def test_candidates_of_a_lost_pack_run_alone() -> None:
    outcomes: list[Outcome] = []
    again = retry(Pack((FIVE[0], FIVE[1])), "killed", outcomes.append)
    assert again == [Pack((FIVE[0],), 1), Pack((FIVE[1],), 1)]
    assert outcomes == []


def test_the_third_loss_is_an_outcome() -> None:
    outcomes: list[Outcome] = []
    [pack] = retry(Pack((FIVE[3],), 1), "killed", outcomes.append)
    assert retry(pack, "killed again", outcomes.append) == []
    assert outcomes == [Outcome(3, None, {}, "worker lost 3 times: killed again", 0.0)]
