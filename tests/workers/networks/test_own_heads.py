"""Heads of a network's own: on every network, beside the same weights, and in what is saved."""

from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file
from torch import Tensor, nn

from surrogate_zoo.errors import InputError
from surrogate_zoo.needs import BOUNDARY_LOGITS, EMBEDDINGS, SEEDINESS
from tests.workers import tiny
from tests.workers.networks.rows import ROWS, spec_of
from tests.workers.networks.test_heads import Plain
from workers.learning.learner import initial_network
from workers.networks.build import build_network
from workers.networks.frozen import freeze_encoder
from workers.networks.heads import WithHeads, parameter_groups
from workers.networks.own_heads import add_own_heads
from workers.networks.trained import load_network
from workers.retraining.retraining import retrain
from workers.tasks.networks import NetworkSpec

CLASSES = 3
CPU = torch.device("cpu")
BOTH = {"embedding": 4, "seediness": True}
EMBEDDED = tiny.NETWORK.model_copy(update=BOTH)


@pytest.mark.parametrize("name", ROWS)
def test_every_network_takes_them_and_is_what_it_was(name: str) -> None:
    spec = spec_of(name)
    network = initial_network(spec.model_copy(update=BOTH), CLASSES, seed=0).eval()
    without = initial_network(spec, CLASSES, seed=0).eval()
    state = network.state_dict()
    assert all(torch.equal(value, state.pop(key)) for key, value in without.state_dict().items())
    assert {key.split(".")[0] for key in state} == {"own_heads"}
    images = torch.randn(1, 3, 130, 128, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        logits, heads = WithHeads(network, [EMBEDDINGS, SEEDINESS])(images)
        plain, _ = WithHeads(without)(images)
    assert torch.equal(logits, plain)
    assert heads[EMBEDDINGS].shape == (1, 4, 130, 128)
    assert heads[SEEDINESS].shape == (1, 3 * (CLASSES + 1), 130, 128)
    assert float(heads[EMBEDDINGS].std()) > 0


def test_an_embedding_is_linear_in_what_the_segmentation_head_sees() -> None:
    network = initial_network(EMBEDDED, CLASSES, seed=0).eval()
    seen: list[Tensor] = []
    network.get_submodule("segmentation_head").register_forward_pre_hook(
        lambda _, inputs: seen.append(inputs[0])
    )
    _, heads = WithHeads(network, [EMBEDDINGS])(torch.randn(2, 3, 32, 32))
    [head] = [network.get_submodule("own_heads.embeddings")]
    assert isinstance(head, nn.Conv2d)
    expected = torch.einsum("nchw,ec->nehw", seen[0], head.weight[:, :, 0, 0])
    assert head.bias is not None
    expected = nn.functional.interpolate(
        expected + head.bias[:, None, None], (32, 32), mode="bilinear"
    )
    torch.testing.assert_close(heads[EMBEDDINGS], expected, rtol=1e-4, atol=1e-5)
    assert float(heads[EMBEDDINGS].detach().min()) < 0


def test_embeddings_are_not_rounded_to_half_precision() -> None:
    network = initial_network(EMBEDDED, CLASSES, seed=0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        _, heads = WithHeads(network, [EMBEDDINGS, BOUNDARY_LOGITS])(torch.randn(2, 3, 32, 32))
    assert heads[BOUNDARY_LOGITS].dtype == torch.bfloat16
    assert heads[EMBEDDINGS].dtype == torch.float32
    assert not torch.equal(heads[EMBEDDINGS], heads[EMBEDDINGS].bfloat16().float())


def test_they_learn_as_fast_as_heads_and_are_in_the_network_alone() -> None:
    network = initial_network(EMBEDDED, CLASSES, seed=0)
    freeze_encoder(network, CPU)
    carrying = WithHeads(network, [EMBEDDINGS, SEEDINESS, BOUNDARY_LOGITS])
    own = {key for key in carrying.state_dict() if "embeddings" in key or "seediness" in key}
    assert own == {
        f"network.own_heads.{name}.{part}"
        for name in (EMBEDDINGS, SEEDINESS)
        for part in ("weight", "bias")
    }
    assert list(carrying.heads) == [BOUNDARY_LOGITS]
    _, head = parameter_groups(carrying, tiny.training(head_factor=7))
    inside = {id(parameter) for parameter in head["params"]}
    own_weights = network.get_submodule("own_heads").parameters()
    assert head["factor"] == 7
    assert {id(parameter) for parameter in own_weights} <= inside


@pytest.mark.parametrize("ema_decay", [None, 0.5])
def test_they_survive_save_and_load(ema_decay: float | None, tmp_path: Path) -> None:
    training = {"ema_decay": ema_decay}
    task = tiny.retraining_task("cross-entropy-discriminative", network=EMBEDDED, training=training)
    retrain(task, tmp_path, device="cpu")
    saved = load_file(tmp_path / "weights.safetensors")
    network, classes = load_network(tmp_path / "weights.safetensors")
    start = initial_network(EMBEDDED, len(classes), task.seed).state_dict()
    for name, channels in (("embeddings", 4), ("seediness", 3 * (len(classes) + 1))):
        key = f"own_heads.{name}.weight"
        assert torch.equal(network.state_dict()[key], saved[key])
        assert len(saved[key]) == channels
        # Weight decay alone does not move what has no gradient.
        assert torch.equal(saved[key], start[key]) == (name == "seediness")
    _, heads = WithHeads(network, [EMBEDDINGS])(torch.randn(1, 3, 32, 32))
    assert heads[EMBEDDINGS].shape == (1, 4, 32, 32)


def test_what_cannot_be_is_refused() -> None:
    for wrong in ({"embedding": 0}, {"embedding": 65}, {"seediness": True}):
        with pytest.raises(ValidationError, match="embedding"):
            NetworkSpec.model_validate(wrong)
    with pytest.raises(InputError, match=r"Plain has no submodule .* network\.embedding null"):
        add_own_heads(Plain(), EMBEDDED, CLASSES)
    for name, remedy in ((EMBEDDINGS, "embedding, to 16 say"), (SEEDINESS, "seediness to true")):
        with pytest.raises(InputError, match=rf"no head for {name}: set network\.{remedy}"):
            WithHeads(build_network(tiny.NETWORK, CLASSES), [name])
