"""What a document tells of a loss and multi-labels is what building the loss says."""

from contextlib import suppress

import pytest

from surrogate_zoo import LOSSES, load_loss
from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.drafts import in_mode
from surrogate_zoo.losses.mode_fit import check_mode
from surrogate_zoo.losses.registry import needs_of, weighted_sum

COUNTS = {"class_pixels": [5, 3, 2], "class_image_pixels": [9, 9, 9]}


def refusal(name: str) -> str:
    with suppress(InputError):
        check_mode(LOSSES[name].document(), "multilabel")
        return ""
    return "refused"


@pytest.mark.parametrize("name", LOSSES)
def test_the_document_tells_what_building_the_loss_says(name: str) -> None:
    check_mode(LOSSES[name].document(), "multiclass")
    built = "refused"
    with suppress(InputError):
        if not needs_of(name).loss_networks:  # a network would have to be there first
            load_loss(name, num_classes=3, mode="multilabel", facts=COUNTS)
            built = ""
    assert refusal(name) == built


def test_a_sum_is_as_its_terms_and_a_loss_of_multilabels_is_of_them_alone() -> None:
    check_mode(weighted_sum("dice+0.5*cross-entropy"), "multilabel")
    with pytest.raises(InputError, match="takes no multi-labels: what it learns"):
        check_mode(weighted_sum("dice+0.5*inverse-form"), "multilabel")
    with pytest.raises(InputError, match="is of multi-labels, and the dataset"):
        check_mode(in_mode(LOSSES["dice"].document(), "multilabel"), "multiclass")
