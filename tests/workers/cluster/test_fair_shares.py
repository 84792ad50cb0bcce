"""Workers are shared fairly among calls."""

import pytest

from workers.cluster.fair_shares import Call, FairShares


@pytest.fixture
def shares() -> FairShares[int]:
    four: FairShares[int] = FairShares()
    for worker in range(4):
        four.add(worker)
    return four


def claim_all(shares: FairShares[int], call: Call) -> list[int]:
    claimed: list[int] = []
    while workers := shares.claim(call):
        claimed += workers
    return claimed


def test_one_call_gets_everything(shares: FairShares[int]) -> None:
    with shares.call() as call:
        assert claim_all(shares, call) == [0, 1, 2, 3]


def test_a_latecomer_gets_its_half_as_workers_come_back(shares: FairShares[int]) -> None:
    with shares.call() as first, shares.call() as second:
        held = claim_all(shares, first)
        assert shares.claim(second) == []
        for _ in range(2):
            shares.give_back(first, held.pop())
            assert shares.claim(first) == []  # the latecomer is owed it
            assert shares.claim(second)
            assert shares.claim(second) == []
        assert first.held == second.held == 2
        shares.give_back(first, held.pop())
        assert shares.claim(first)  # both have two: whoever asks


def test_a_call_with_nothing_to_do_is_owed_nothing(shares: FairShares[int]) -> None:
    with shares.call() as first, shares.call() as second:
        held = claim_all(shares, first)
        assert shares.claim(second) == []
        shares.rest(second)
        shares.give_back(first, held.pop())
        assert shares.claim(first)


def test_a_call_that_left_is_owed_nothing(shares: FairShares[int]) -> None:
    with shares.call() as first:
        held = claim_all(shares, first)
        with shares.call() as second:
            assert shares.claim(second) == []
        shares.give_back(first, held.pop())
        assert shares.claim(first)


def test_a_lost_worker_does_not_come_back(shares: FairShares[int]) -> None:
    with shares.call() as call:
        claim_all(shares, call)
        shares.give_back(call, None)
        assert call.held == 3
        assert shares.claim(call) == []


def test_several_come_at_once_or_not_at_all(shares: FairShares[int]) -> None:
    with shares.call() as single, shares.call() as together:
        held = claim_all(shares, single)
        shares.give_back(single, held.pop())
        assert shares.claim(together, 2) == []
        assert together.held == 0
        assert shares.claim(single) == []  # what is idle is kept for those that hold less
        shares.give_back(single, held.pop())
        assert sorted(shares.claim(together, 2)) == [2, 3]
        assert together.held == 2


def test_who_waits_longer_comes_first_though_others_ask_more_often(shares: FairShares[int]) -> None:
    with shares.call() as first, shares.call() as second:
        held = [worker for _ in range(4) for worker in shares.claim(first)]
        assert shares.claim(second, 4) == []
        for worker in held:  # both hold nothing in the end
            shares.give_back(first, worker)
        assert shares.claim(first) == []
        assert len(shares.claim(second, 4)) == 4


def test_two_that_need_more_than_half_take_turns(shares: FairShares[int]) -> None:
    with shares.call() as first, shares.call() as second:
        assert len(shares.claim(first, 3)) == 3
        assert shares.claim(second, 3) == []
        for worker in (0, 1, 2):
            shares.give_back(first, worker)
        assert shares.claim(first, 3) == []
        assert len(shares.claim(second, 3)) == 3


def test_several_are_of_as_few_places_as_can_be() -> None:
    shares: FairShares[str] = FairShares(place=lambda worker: worker[0])
    for worker in ("a1", "b1", "c1", "b2", "c2", "c3"):
        shares.add(worker)
    with shares.call() as call:
        assert shares.claim(call, 3) == ["c1", "c2", "c3"]
        assert shares.claim(call, 2) == ["b1", "b2"]
