"""Splits that losses were chosen by, so that no result may be judged on them."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from sqlalchemy.orm import Session

from search_service.catalogue import datasets
from surrogate_zoo.errors import InputError, NotFoundError
from surrogate_zoo.losses.document import Document
from surrogate_zoo.store import zoo

ORIGINS: Final = ("start", "start_version", "companion_versions")
"""Fields of a loss's provenance that tell which losses it was searched from or beside."""


def check_unseen(session: Session, dataset: str, split: str, versions: Mapping[str, int]) -> None:
    """Refuse to score on a split that a loss was found by.

    A loss counts as found by what its search scored candidates on (``hold_out``), and by what the losses
    were found by that the search started from or trained beside.

    Args:
        session: A session.
        dataset: Name of the registered dataset that is scored on; another name with the same files is
            the same dataset.
        split: The split that is scored on.
        versions: Versions of the losses of the zoo that are trained with, by name.

    Raises:
        InputError: One of them was found by scores on that split.
    """
    fingerprint = datasets.requested(session, dataset).report["fingerprint"]
    for name, version in versions.items():
        for facts in _origins(session, zoo.get(session, name, version).document):
            seen = facts.get("hold_out")
            chosen_by = seen.get("split") if isinstance(seen, Mapping) else None
            on = facts.get("dataset")
            same = isinstance(on, Mapping) and on.get("fingerprint") == fingerprint
            if chosen_by == split and same:
                other = "test" if split == "val" else "val"
                raise InputError(
                    f"{name!r} was found by scores on the split {split} of dataset {dataset!r}, which "
                    f"would flatter it there: score on the split {other}, or on another dataset."
                )


def _origins(session: Session, document: Document) -> Iterator[Mapping[str, Any]]:
    """Provenance of a loss, of its terms, and of what it was searched from, as far as this zoo has it."""
    waiting, seen = [document], set[tuple[str, int]]()
    while waiting:
        loss = waiting.pop()
        facts: Mapping[str, Any] = loss.get("provenance", {})
        yield facts
        waiting += [term["loss"] for term in loss.get("terms", ())]
        for origin in origins_of(facts).items() - seen:
            seen.add(origin)
            with suppress(NotFoundError):  # a loss file from elsewhere names losses from there
                waiting.append(zoo.get(session, *origin).document)


def origins_of(facts: object) -> dict[str, int]:
    """Losses that a loss was searched from or beside, and their versions, as its provenance tells.

    Anybody may write a provenance: what tells of none is left out.
    """
    if not isinstance(facts, Mapping):
        return {}
    beside = facts.get("companion_versions")
    told = list(beside.items()) if isinstance(beside, Mapping) else []
    told.append((facts.get("start"), facts.get("start_version")))
    return {
        name: version
        for name, version in told
        if isinstance(name, str) and type(version) is int and 0 < version < 2**31
    }
