"""Drafts: documents of losses whose scales are still to be measured. Needs no torch.

A draft is the body of a loss document without a checksum. ``"scale": null`` stands where a scale is to
be measured: in the draft, and where it is a sum, in its terms too. A term that is a sum itself is taken
apart as in :func:`surrogate_zoo.losses.document.sum_document`, once its own scale is known.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from surrogate_zoo.errors import InputError, LossFileError
from surrogate_zoo.losses.document import SCHEMA, Document, check_document, signed, sum_document
from surrogate_zoo.modes import MULTICLASS


def draft_of(document: Mapping[str, Any]) -> Document:
    """The draft of a document or draft, whose own scale is to be measured; its terms stay as they are."""
    body = {key: value for key, value in document.items() if key != "sha256"}
    return {**body, "scale": None}


def sum_draft(
    name: str,
    terms: Sequence[tuple[float, Mapping[str, Any]]],
    *,
    title: str = "",
    provenance: Mapping[str, Any] | None = None,
) -> Document:
    """The draft of a weighted sum; arguments as of ``sum_document``, but terms may be drafts."""
    return {
        "schema": SCHEMA,
        "kind": "sum",
        "name": name,
        "title": title,
        "terms": [{"weight": weight, "loss": dict(loss)} for weight, loss in terms],
        "scale": None,
        "provenance": dict(provenance or {}),
    }


def in_mode(loss: Mapping[str, Any], mode: str) -> Document:
    """A document or draft that says its mode; multiclass, which goes without saying, is as it is."""
    if mode == MULTICLASS:
        return dict(loss)
    body = {**loss, "mode": mode}
    return signed(body) if "sha256" in loss else body


def missing(draft: Mapping[str, Any]) -> int:
    """How many scales are to be measured; 0 of a document."""
    terms = [loss for _, loss in _terms(draft)] if draft.get("kind") == "sum" else []
    own = "scale" in draft and draft["scale"] is None
    return sum(missing(loss) for loss in terms) + own


def measured(
    draft: Mapping[str, Any], measure: Callable[[Document], float]
) -> tuple[Document, list[float]]:
    """Measure the scales of a draft, depth first: terms in their order, then the sum itself.

    Args:
        draft: A draft, or a document.
        measure: Checked document, of scale 1 but with its terms' own -> its scale.

    Returns:
        The checked document, and the scales that were measured, in their order.

    Raises:
        LossFileError: The draft makes no document.
    """
    scales: list[float] = []

    def keep(document: Document) -> float:
        scales.append(measure(document))
        return scales[-1]

    return _filled(draft, keep), scales


def filled(draft: Mapping[str, Any], scales: Sequence[float]) -> Document:
    """The document of a draft, with scales in the order of :func:`measured`.

    Raises:
        InputError: There are more or fewer scales than the draft misses.
        LossFileError: The draft makes no document.
    """
    if len(scales) != missing(draft):
        raise InputError(
            f"The draft misses {missing(draft)} scales; {len(scales)} are given: measure it anew."
        )
    rest = iter(scales)
    return _filled(draft, lambda _: next(rest))


def _filled(draft: Mapping[str, Any], scale: Callable[[Document], float]) -> Document:
    """Fill in the terms, then what holds them; ``scale`` is called once for each that is null."""
    body: Document = dict(draft)
    if draft.get("kind") == "sum":
        terms = [(weight, _filled(loss, scale)) for weight, loss in _terms(draft)]
        body["terms"] = sum_document("terms", terms)["terms"]
    if "scale" in body and body["scale"] is None:
        body["scale"] = scale(check_document(signed({**body, "scale": 1.0})))
    return check_document(signed(body))


def _terms(draft: Mapping[str, Any]) -> list[tuple[float, Mapping[str, Any]]]:
    """Weight and loss of every term."""
    try:
        terms = [(term["weight"], term["loss"]) for term in draft["terms"]]
    except (KeyError, TypeError) as error:
        raise LossFileError("terms must be a list of objects with weight and loss.") from error
    if not all(isinstance(loss, Mapping) for _, loss in terms):
        raise LossFileError("The loss of each of terms must be an object.")
    return terms
