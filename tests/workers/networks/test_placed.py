"""Embeddings with places: what is added where, and that all else stays as it is without."""

from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from surrogate_zoo.errors import InputError
from surrogate_zoo.needs import EMBEDDINGS, SEEDINESS
from tests.workers import tiny
from workers.learning.learner import initial_network
from workers.networks.heads import WithHeads
from workers.networks.placed import PlacedConvolution
from workers.networks.trained import load_network
from workers.retraining.retraining import retrain
from workers.tasks.networks import NetworkSpec

PLAIN = tiny.NETWORK.model_copy(update={"embedding": 3, "seediness": True})
PLACED = PLAIN.model_copy(update={"coordinates": 4.0})


def places(height: int, width: int) -> torch.Tensor:
    rows = [[[row / 4 for _ in range(width)] for row in range(height)]]
    columns = [[[column / 4 for column in range(width)] for _ in range(height)]]
    return torch.tensor([*rows, *columns, [[0.0] * width] * height])


def test_each_pixel_adds_its_row_and_column_and_all_else_stays() -> None:
    networks = [initial_network(spec, 2, seed=0).eval() for spec in (PLAIN, PLACED)]
    states = [network.state_dict() for network in networks]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    images = torch.randn(2, 3, 40, 52, generator=torch.Generator().manual_seed(0))  # is padded
    with torch.inference_mode():
        (logits, heads), (placed_logits, placed) = (
            WithHeads(network, [EMBEDDINGS, SEEDINESS])(images) for network in networks
        )
    assert torch.equal(logits, placed_logits)
    assert torch.equal(heads[SEEDINESS], placed[SEEDINESS])
    expected = heads[EMBEDDINGS] + places(40, 52)
    torch.testing.assert_close(placed[EMBEDDINGS], expected, rtol=0, atol=1e-5)


def test_places_are_not_rounded_to_half_precision() -> None:
    network = initial_network(PLACED, 2, seed=0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        _, heads = WithHeads(network, [EMBEDDINGS])(torch.randn(1, 3, 32, 32))
    assert heads[EMBEDDINGS].dtype == torch.float32


def test_they_are_trained_saved_and_loaded(tmp_path: Path) -> None:
    task = tiny.retraining_task("cross-entropy-discriminative", network=PLACED)
    retrain(task, tmp_path, device="cpu")
    network, _ = load_network(tmp_path / "weights.safetensors")
    head = network.get_submodule("own_heads.embeddings")
    assert isinstance(head, PlacedConvolution)
    assert head.pixels == 4.0


def test_what_cannot_be_is_refused() -> None:
    for wrong in ({"coordinates": 4.0}, {"coordinates": 4.0, "embedding": 1}):
        with pytest.raises(ValidationError, match="two channels of embeddings"):
            NetworkSpec.model_validate(wrong)
    with pytest.raises(ValidationError, match="coordinates"):
        NetworkSpec.model_validate({"coordinates": 0, "embedding": 8})
    with pytest.raises(InputError, match="two channels of embeddings"):
        PlacedConvolution(16, 1, 4.0)
