"""Losses that carry different networks of one kind are not trained together; all others are."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from search_service.comparisons.supplied import Supplied


def network(kind: str, sha256: str) -> dict[str, Any]:
    return {"kind": kind, "sha256": sha256, "measures": {}}


EDGE, FIRST, SECOND = network("edge", "e"), network("inverse", "1"), network("inverse", "2")
SUPPLIED = Supplied({"ce": [], "first": [FIRST], "both": [EDGE, FIRST], "second": [SECOND]})


def test_a_network_is_told_once_with_its_losses() -> None:
    assert SUPPLIED.facts() == [
        FIRST | {"losses": ["first", "both"]},
        EDGE | {"losses": ["both"]},
        SECOND | {"losses": ["second"]},
    ]


def test_losses_are_parted_by_what_cannot_stand_together() -> None:
    assert SUPPLIED.groups(["ce", "first", "both", "second"]) == [
        (["ce", "first", "both"], [FIRST, EDGE]),
        (["second"], [SECOND]),
    ]
    assert SUPPLIED.groups(["ce", "second"]) == [(["ce", "second"], [SECOND])]
    assert SUPPLIED.groups([]) == []


carried = st.dictionaries(st.sampled_from(["edge", "inverse"]), st.sampled_from("ab"))


@given(st.lists(carried, max_size=8))
def test_every_loss_finds_its_own_networks_in_its_group(rows: list[dict[str, str]]) -> None:
    by_loss = {
        str(number): [network(kind, kind + sha256) for kind, sha256 in row.items()]
        for number, row in enumerate(rows)
    }
    groups = Supplied(by_loss).groups(by_loss)
    assert sorted(loss for losses, _ in groups for loss in losses) == sorted(by_loss)
    for losses, networks in groups:
        assert len({each["kind"] for each in networks}) == len(networks)
        assert all(each in networks for loss in losses for each in by_loss[loss])
