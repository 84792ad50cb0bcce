"""The zoo of published losses and loss networks: versions, tags, pages."""

import pytest
from sqlalchemy.orm import Session

from surrogate_zoo import LOSSES
from surrogate_zoo.errors import InputError, LossFileError, NotFoundError
from surrogate_zoo.losses.document import surrogate_document
from surrogate_zoo.store import zoo
from surrogate_zoo.store.tables import LossNetwork


def _document(score: float = 0.5, name: str = "mine") -> dict[str, object]:
    return surrogate_document(name, "miou", {}, provenance={"score": score})


def test_versions_count_up_and_stay(session: Session) -> None:
    first = zoo.publish(session, _document(0.1))
    second = zoo.publish(session, _document(0.2))
    assert (first.version, second.version) == (1, 2)
    assert zoo.get(session, "mine").version == 2
    assert zoo.get(session, "mine", 1).document["provenance"] == {"score": 0.1}
    assert [loss.version for loss in zoo.versions(session, "mine")] == [2, 1]
    assert first.created_at.tzinfo is not None


def test_publishing_the_same_document_again_gives_the_same_version(session: Session) -> None:
    first = zoo.publish(session, _document())
    assert zoo.publish(session, _document()).id == first.id


def test_a_tag_moves_from_version_to_version(session: Session) -> None:
    first = zoo.publish(session, _document(0.1), tags=("best",))
    second = zoo.publish(session, _document(0.2))
    zoo.tag(session, "mine", 2, "best")
    session.expire_all()
    assert first.tags == []
    assert second.tags == ["best"]
    with pytest.raises(InputError, match="A tag must match"):
        zoo.tag(session, "mine", 2, "Not A Tag")
    with pytest.raises(NotFoundError, match="version 9"):
        zoo.tag(session, "mine", 9, "best")


def test_a_version_has_exactly_the_tags_that_are_written_to_it(session: Session) -> None:
    first = zoo.publish(session, _document(0.1), tags=("best", "old"))
    second = zoo.publish(session, _document(0.2), tags=("new",))
    assert zoo.tagged(session, "mine", ["best", "old", "none"]) == [first]
    zoo.retag(session, second, ["best", "lens-1"])
    assert zoo.tagged(session, "mine", ["best"]) == [second]
    assert zoo.tagged(session, "mine", []) == []
    assert (first.tags, second.tags) == (["old"], ["best", "lens-1"])
    zoo.retag(session, second, [])
    assert (first.tags, second.tags) == (["old"], [])


def test_a_list_holds_the_versions_that_have_all_tags(session: Session) -> None:
    for name in "ab":
        zoo.publish(session, _document(0.1, name), tags=("paper", f"of-{name}"))
        zoo.publish(session, _document(0.2, name))

    def found(*tags: str) -> list[tuple[str, int]]:
        return [(loss.name, loss.version) for loss in zoo.page(session, tags=tags)[0]]

    assert found("paper") == [("a", 1), ("b", 1)]
    assert found("paper", "of-b") == [("b", 1)]
    assert found("of-a", "of-b") == []
    assert found() == [("a", 2), ("b", 2)]


def test_every_built_in_loss_is_seeded_once(session: Session) -> None:
    zoo.seed(session)
    zoo.seed(session)
    losses, after = zoo.page(session, limit=500, tags=[zoo.BUILT_IN])
    assert after is None
    assert {loss.name for loss in losses} == set(LOSSES)
    assert {loss.version for loss in losses} == {1}


def test_a_version_that_follows_a_built_in_loss_stays_the_newest(session: Session) -> None:
    zoo.seed(session)
    zoo.publish(session, _document(0.9, "naive-miou"))
    zoo.seed(session)
    assert [loss.version for loss in zoo.versions(session, "naive-miou")] == [2, 1]


def test_pages_walk_through_the_newest_versions(session: Session) -> None:
    for name in "abcde":
        zoo.publish(session, _document(0.1, name))
    zoo.publish(session, _document(0.2, "b"))
    seen, after = [], None
    while True:
        losses, after = zoo.page(session, after=after, limit=2)
        seen += [(loss.name, loss.version) for loss in losses]
        if after is None:
            break
    assert seen == [("a", 1), ("b", 2), ("c", 1), ("d", 1), ("e", 1)]
    assert zoo.page(session, metric="bf1") == ([], None)
    assert len(zoo.page(session, metric="miou")[0]) == 5


def test_what_is_missing_or_broken_is_refused(session: Session) -> None:
    with pytest.raises(NotFoundError, match="no loss named 'none'"):
        zoo.get(session, "none")
    with pytest.raises(NotFoundError):
        zoo.versions(session, "none")
    with pytest.raises(LossFileError, match="sha256"):
        zoo.publish(session, {**_document(), "title": "changed"})


def _network(sha256: str, kind: str = "edge_network", fingerprint: str = "f" * 64) -> LossNetwork:
    return LossNetwork(
        kind=kind,
        fingerprint=fingerprint,
        num_classes=None if kind == "inverse_network" else 5,
        spec={"kind": kind},
        seed=0,
        measures={"f1": 0.9},
        provenance={},
        sha256=sha256 * 64,
        bytes=10,
    )


def test_the_newest_loss_network_of_a_kind_and_data_set_is_found(session: Session) -> None:
    assert not list(zoo.loss_networks(session, "edge_network", "f" * 64))
    first, second, third = (zoo.publish_loss_network(session, _network(s)) for s in "abc")
    other = zoo.publish_loss_network(session, _network("d", "inverse_network"))
    elsewhere = zoo.publish_loss_network(session, _network("e", fingerprint="0" * 64))
    assert next(zoo.loss_networks(session, "edge_network", "f" * 64)) is third
    assert next(zoo.loss_networks(session, "inverse_network", "f" * 64)) is other
    assert next(zoo.loss_networks(session, "edge_network", "0" * 64)) is elsewhere
    assert not list(zoo.loss_networks(session, "inverse_network", "0" * 64))
    assert zoo.loss_network(session, "f" * 64, "b" * 64) is second
    assert zoo.loss_network(session, "0" * 64, "b" * 64) is None
    assert first.created_at.tzinfo is not None


def test_the_same_weights_of_the_same_data_set_are_published_once(session: Session) -> None:
    first = zoo.publish_loss_network(session, _network("a"))
    zoo.publish_loss_network(session, _network("b"))
    assert zoo.publish_loss_network(session, _network("a")) is first
    assert zoo.publish_loss_network(session, _network("a", fingerprint="0" * 64)) is not first


def test_pages_walk_through_loss_networks_newest_first(session: Session) -> None:
    for sha256 in "abcde":
        zoo.publish_loss_network(session, _network(sha256))
    zoo.publish_loss_network(session, _network("a", fingerprint="0" * 64))
    seen, after = "", None
    while True:
        networks, after = zoo.page_loss_networks(session, "f" * 64, after=after, limit=2)
        seen += "".join(network.sha256[0] for network in networks)
        if after is None:
            break
    assert seen == "edcba"
