"""Nodes that fail what they are given."""

from workers.cluster.nodes import NodeHealth


def test_three_different_packs_in_a_row_are_too_many() -> None:
    nodes = NodeHealth()
    told = [nodes.failed("a", pack, "lost", "killed") for pack in ("1", "2", "2", "3")]
    assert told == [False, False, False, True]
    nodes.set_aside("a")
    assert nodes.aside == {"a": "3 packs failed in a row: killed"}
    assert not nodes.failed("a", "4", "lost", "killed")


def test_a_success_in_between_clears_a_node() -> None:
    nodes = NodeHealth()
    nodes.failed("a", "1", "lost", "")
    nodes.failed("a", "2", "memory", "")
    nodes.succeeded("a")
    assert not nodes.failed("a", "3", "lost", "")
    assert nodes.aside == {}


def test_what_is_nobodys_does_not_count() -> None:
    nodes = NodeHealth()
    assert not any(nodes.failed("a", str(pack), "infrastructure", "") for pack in range(5))
