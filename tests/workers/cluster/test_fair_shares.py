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
    claimed = []
    while (worker := shares.claim(call)) is not None:
        claimed.append(worker)
    return claimed


def test_one_call_gets_everything(shares: FairShares[int]) -> None:
    with shares.call() as call:
        assert claim_all(shares, call) == [0, 1, 2, 3]


def test_a_latecomer_gets_its_half_as_workers_come_back(shares: FairShares[int]) -> None:
    with shares.call() as first, shares.call() as second:
        held = claim_all(shares, first)
        assert shares.claim(second) is None
        for _ in range(2):
            shares.give_back(first, held.pop())
            assert shares.claim(first) is None  # the latecomer is owed it
            assert shares.claim(second) is not None
            assert shares.claim(second) is None
        assert first.held == second.held == 2
        shares.give_back(first, held.pop())
        assert shares.claim(first) is not None  # both have two: whoever asks


def test_a_call_with_nothing_to_do_is_owed_nothing(shares: FairShares[int]) -> None:
    with shares.call() as first, shares.call() as second:
        held = claim_all(shares, first)
        assert shares.claim(second) is None
        shares.rest(second)
        shares.give_back(first, held.pop())
        assert shares.claim(first) is not None


def test_a_call_that_left_is_owed_nothing(shares: FairShares[int]) -> None:
    with shares.call() as first:
        held = claim_all(shares, first)
        with shares.call() as second:
            assert shares.claim(second) is None
        shares.give_back(first, held.pop())
        assert shares.claim(first) is not None


def test_a_lost_worker_does_not_come_back(shares: FairShares[int]) -> None:
    with shares.call() as call:
        claim_all(shares, call)
        shares.give_back(call, None)
        assert call.held == 3
        assert shares.claim(call) is None
