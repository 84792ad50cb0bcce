"""A loss on a drawn example: its value is the loss's own, its gradient points to the truth."""

import math

import pytest

from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.drawn import drawn
from surrogate_zoo.losses.registry import LOSSES, needs_of

TRUTH = [[int(2 <= row < 6 and 3 <= column < 7) for column in range(8)] for row in range(8)]
UNSURE = [[0.5 + 0.2 * (label - 0.5) for label in row] for row in TRUTH]


def test_cross_entropy_on_a_drawn_example_is_as_worked_out_by_hand() -> None:
    found = drawn(LOSSES["cross-entropy"].document(), TRUTH, UNSURE, steps=3)
    assert found.value == pytest.approx(-math.log(0.6), rel=1e-5)
    assert found.gradient[3][4] == pytest.approx(-0.4 / 64, rel=1e-4)  # (p - 1) / pixels
    assert found.gradient[0][0] == pytest.approx(0.4 / 64, rel=1e-4)
    assert found.levels == pytest.approx([0.02, 0.5, 0.98])
    assert found.surface[1][1] == pytest.approx(math.log(2), rel=1e-5)
    assert found.surface[2][0] == pytest.approx(-math.log(0.98), rel=1e-4)


@pytest.mark.parametrize("name", [name for name in LOSSES if not needs_of(name).loss_networks])
def test_every_loss_without_a_network_can_be_tried(name: str) -> None:
    found = drawn(LOSSES[name].document(), TRUTH, UNSURE)
    assert found.value is not None
    told = [pixel for row in found.gradient for pixel in row if pixel is not None]
    assert len(told) == 64


def test_what_cannot_be_tried_says_why() -> None:
    with pytest.raises(InputError, match="edge_network"):
        drawn(LOSSES["semeda"].document(), TRUTH, UNSURE)
    with pytest.raises(InputError, match="same height and width"):
        drawn(LOSSES["dice"].document(), TRUTH, UNSURE[1:])
