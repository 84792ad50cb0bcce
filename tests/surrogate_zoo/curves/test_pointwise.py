"""Pieces and blocks of maps: each element is in one of them, whatever the device."""

import pytest
import torch

from surrogate_zoo.curves.pointwise import PIECE, blocks, pieces


@pytest.mark.parametrize("shape", [(3, 4), (2, PIECE // 2 + 1), (PIECE + 7,), (0, 5)])
def test_pieces_cover_the_first_dimension_once(shape: tuple[int, ...]) -> None:
    seen = torch.zeros(shape)
    for part in pieces(seen):
        seen[part] += 1
    assert (seen == 1).all()


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(
    "shape", [(2, 3, 10), (1, 5, PIECE), (2, 2, 2 * PIECE + 3), (0, 3, 4), (2, 3, 0)]
)
def test_blocks_cover_maps_once_and_hold_all_classes_if_so_asked(
    shape: tuple[int, ...], whole: bool
) -> None:
    seen = torch.zeros(shape)
    for images, classes, pixels in blocks(seen, whole=whole):
        part = seen[images, classes, pixels]
        part += 1
        assert part.numel() <= PIECE
        assert not whole or part.shape[1] == shape[1]
    assert (seen == 1).all()
    assert len(list(blocks(torch.empty(shape, device="meta"), whole=whole))) == 1
