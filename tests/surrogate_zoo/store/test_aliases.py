"""Aliases: second names that stand for one version, are moved, and never hide a loss."""

import pytest
from sqlalchemy.orm import Session

from surrogate_zoo.errors import InputError, NotFoundError
from surrogate_zoo.losses.document import surrogate_document
from surrogate_zoo.store import aliases, zoo
from surrogate_zoo.store.tables import Loss


def publish(session: Session, name: str, score: float = 0.5) -> Loss:
    return zoo.publish(session, surrogate_document(name, "miou", {}, provenance={"score": score}))


def test_an_alias_stands_for_the_version_until_it_is_moved(session: Session) -> None:
    first, second = publish(session, "mine", 0.1), publish(session, "mine", 0.2)
    other = publish(session, "other")
    made = aliases.point(session, "production", first, owner="ada")
    assert (first.aliases, made.owner) == (["production"], "ada")
    assert zoo.get(session, "production") is first
    assert zoo.get(session, "production", 2) is second
    assert [found.name for found in aliases.among(session, ["mine", "production"]).values()] == [
        "mine"
    ]
    since = made.moved_at
    assert aliases.point(session, "production", first, owner="bob").moved_at == since
    moved = aliases.point(session, "production", other, owner="bob")
    assert (moved.owner, moved.moved_at > since) == ("ada", True)
    session.expire_all()
    assert (first.aliases, other.aliases) == ([], ["production"])
    assert zoo.get(session, "production") is other
    with pytest.raises(NotFoundError, match=r"'other' has no version 2"):
        zoo.get(session, "production", 2)


def test_names_of_losses_and_of_aliases_are_apart(session: Session) -> None:
    loss = publish(session, "mine")
    with pytest.raises(InputError, match="There is a loss named 'mine'"):
        aliases.point(session, "mine", loss, owner="ada")
    with pytest.raises(InputError, match="must match"):
        aliases.point(session, "A b", loss, owner="ada")
    aliases.point(session, "production", loss, owner="ada")
    with pytest.raises(InputError, match="'production' is an alias"):
        publish(session, "production")


def test_a_built_in_loss_that_a_later_version_brings_takes_its_name(session: Session) -> None:
    aliases.point(session, "dice", publish(session, "mine"), owner="ada")
    zoo.seed(session)
    assert zoo.get(session, "dice").tags == [zoo.BUILT_IN]
    with pytest.raises(NotFoundError):
        aliases.get(session, "dice")


def test_what_is_none_is_answered_with_what_was_meant(session: Session) -> None:
    aliases.point(session, "production", publish(session, "mine"), owner="ada")
    with pytest.raises(NotFoundError, match=r"named 'prodution'. Did you mean 'production'"):
        zoo.get(session, "prodution")
    with pytest.raises(NotFoundError, match=r"no alias named 'mine'"):
        aliases.get(session, "mine")


def test_pages_walk_through_the_aliases(session: Session) -> None:
    loss = publish(session, "mine")
    for name in "edcba":
        aliases.point(session, name, loss, owner="ada")
    seen, after = "", None
    while True:
        rows, after = aliases.page(session, after=after, limit=2)
        seen += "".join(row.name for row in rows)
        if after is None:
            break
    assert seen == "abcde"
    assert loss.aliases == list("abcde")
