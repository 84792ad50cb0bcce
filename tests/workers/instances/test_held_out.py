"""Predictions for held-out images come in the order of their positions, kept or predicted again."""

import pytest
import torch

from tests.workers.instances.test_prediction import ByColour
from tests.workers.instances.test_scoring import CPU, SIZES, coloured
from workers.instances import held_out
from workers.instances.held_out import HeldOut
from workers.instances.prediction import predict_image
from workers.learning.image_stack import stack_by_size


@pytest.mark.parametrize("room", [0, 100_000, held_out.MOST_BYTES])
def test_images_come_in_their_order_however_much_is_kept(
    room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_out, "MOST_BYTES", room)
    network, samples = ByColour().eval(), coloured()
    held = HeldOut(network, stack_by_size(samples, CPU, range(len(SIZES))))
    assert len(held) == len(SIZES)
    for _ in range(2):
        for index, (one, image) in enumerate(zip(held, held.images(), strict=True)):
            pixels = torch.from_numpy(samples.images[index])
            prediction, probabilities = predict_image(network, pixels, embedded=True)
            assert prediction.embeddings is not None
            assert one.embeddings is not None
            assert torch.equal(one.embeddings, prediction.embeddings)
            assert torch.equal(image.prediction.classes, prediction.classes)
            assert torch.equal(image.probabilities, probabilities)
            assert samples.instances is not None
            assert torch.equal(image.truth.instances, torch.from_numpy(samples.instances[index]))
    assert torch.equal(held[-1].classes, held[3].classes)
    assert [one.classes.shape for one in held[1:3]] == [*SIZES[1:3]]
    with pytest.raises(IndexError):
        held[len(SIZES)]
