"""Drafts: scales are measured from the inside out, and put where they are missing."""

from typing import Any

import pytest

from surrogate_zoo import LOSSES
from surrogate_zoo.errors import InputError, LossFileError
from surrogate_zoo.losses.document import check_document, scale_of
from surrogate_zoo.losses.drafts import draft_of, filled, measured, missing, sum_draft

ENTROPY = LOSSES["cross-entropy"].document()
INNER = draft_of(LOSSES["naive-miou"].document())


def mixture(loss: dict[str, Any]) -> dict[str, Any]:
    return sum_draft("mixture", [(0.75, loss), (0.25, ENTROPY)])


def test_terms_are_measured_before_their_sum() -> None:
    seen = []

    def measure(document: dict[str, Any]) -> float:
        seen.append((document["name"], [scale_of(t["loss"]) for t in document.get("terms", [])]))
        return 2.0 * len(seen)

    document, scales = measured(mixture(INNER), measure)
    assert seen == [("naive-miou", []), ("mixture", [2.0, 1.0])]
    assert scales == [2.0, 4.0]
    assert document == filled(mixture(INNER), scales) == check_document(document)
    assert missing(document) == 0


def test_a_sum_within_a_draft_is_taken_apart() -> None:
    document = filled(mixture(sum_draft("both", [(2.0, INNER), (1.0, ENTROPY)])), [3, 5, 7])
    assert [term["weight"] for term in document["terms"]] == [0.75 * 5 * 2, 0.75 * 5, 0.25]
    assert [scale_of(term["loss"]) for term in document["terms"]] == [3, 1, 1]
    assert document["scale"] == 7


def test_the_wrong_number_of_scales_is_refused() -> None:
    with pytest.raises(InputError, match="misses 2 scales; 1 are given"):
        filled(mixture(INNER), [1.0])


@pytest.mark.parametrize("terms", [None, [3], [{"weight": 1, "loss": 3}]])
def test_a_draft_without_terms_is_refused(terms: object) -> None:
    with pytest.raises(LossFileError, match="terms"):
        missing({"kind": "sum", "terms": terms, "scale": None})
