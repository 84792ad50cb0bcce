"""Packs on a frozen encoder: candidates stay apart, features are shared, states leave the encoder out."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file

from surrogate_zoo.errors import StorageError
from tests.workers import tiny
from workers.networks import frozen
from workers.networks.build import build_network
from workers.proxy import kept, networks
from workers.proxy.proxy import evaluate_pack
from workers.tasks.proxy import ProxyTask

NAMES = ("cross-entropy", "asl-macc-voc", "dice")
PACK = [tiny.candidate(number, name) for number, name in enumerate(NAMES)]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file with an encoder's weights."""
    torch.manual_seed(5)
    encoder = build_network(tiny.NETWORK, 6).get_submodule("encoder.model")
    path = tmp_path_factory.mktemp("weights") / "encoder.safetensors"
    save_file({key: value.contiguous() for key, value in encoder.state_dict().items()}, path)
    return str(path)


def task(weights: str, **changes: Any) -> ProxyTask:
    network = tiny.NETWORK.model_copy(update={"weights_file": weights})
    return tiny.proxy_task(**{"network": network, "frozen_encoder": True} | changes)


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Sizes of the batches whose features are computed."""
    seen: list[int] = []

    def freeze(network: Any, device: torch.device) -> frozen.FrozenEncoder:
        network.encoder.register_forward_hook(lambda _, inputs, __: seen.append(len(inputs[0])))
        return frozen.freeze_encoder(network, device)

    kept.forget()  # no encoder of an earlier pack
    with monkeypatch.context() as patch:
        patch.setattr(networks, "freeze_encoder", freeze)
        yield seen


@pytest.mark.parametrize(
    "training",
    [
        {},
        {"accumulate": 2, "ema_decay": 0.5, "precision": "bfloat16"},
        {"crop": (30, 36), "auxiliary_weight": 0.4},
    ],
    ids=["plain", "parts, averages and half precision", "padded crops and auxiliary logits"],
)
def test_a_candidate_scores_the_same_in_any_pack(weights: str, training: dict[str, Any]) -> None:
    given = task(weights, training=training)
    together = evaluate_pack(given, PACK, device="cpu")
    turned = evaluate_pack(given, PACK[::-1], device="cpu")[::-1]
    alone = [evaluate_pack(given, [candidate], device="cpu")[0] for candidate in PACK]
    for outcome, other, single in zip(together, turned, alone, strict=True):
        assert outcome.error is None
        assert outcome.metrics == other.metrics == single.metrics
        assert outcome.curve == other.curve == single.curve
    assert len({outcome.curve for outcome in together}) == len(PACK)


def test_features_are_computed_once_for_the_pack(
    weights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with counted(monkeypatch) as one:
        evaluate_pack(task(weights), PACK[:1], device="cpu")
    with counted(monkeypatch) as three:
        evaluate_pack(task(weights), PACK, device="cpu")
    assert one == three
    assert one[:4] == [4] * 4  # steps of four images; the hold-out set comes after
    assert sum(one[4:]) == 5


def test_it_is_another_training_than_that_of_the_whole(weights: str) -> None:
    [part] = evaluate_pack(task(weights), PACK[:1], device="cpu")
    [whole] = evaluate_pack(task(weights, frozen_encoder=False), PACK[:1], device="cpu")
    assert part.curve != whole.curve


def test_a_training_in_stages_ends_as_one_in_a_piece(weights: str, tmp_path: Path) -> None:
    whole = evaluate_pack(task(weights), PACK, device="cpu")
    evaluate_pack(task(weights, stop_after=2, states=str(tmp_path)), PACK, device="cpu")
    last = evaluate_pack(task(weights, states=str(tmp_path)), PACK, device="cpu")
    assert [(one.metrics, one.curve) for one in last] == [(one.metrics, one.curve) for one in whole]
    kept = torch.load(tmp_path / "0.pt", weights_only=True)["network"]
    assert kept
    assert not [name for name in kept if name.startswith("network.encoder")]


def test_candidates_start_from_a_warm_up_on_the_same_encoder(weights: str, tmp_path: Path) -> None:
    evaluate_pack(task(weights, stop_after=4, states=str(tmp_path)), PACK[:1], device="cpu")
    path = str(tmp_path / "0.pt")
    [warm] = evaluate_pack(task(weights, warm_start=path), PACK[:1], device="cpu")
    [cold] = evaluate_pack(task(weights), PACK[:1], device="cpu")
    assert warm.error is None
    assert warm.curve != cold.curve
    with pytest.raises(StorageError, match="holds the weights of another network"):
        evaluate_pack(task(weights, warm_start=path, frozen_encoder=False), PACK[:1], device="cpu")


def test_a_pack_carries_heads_of_its_networks_own(weights: str, tmp_path: Path) -> None:
    network = task(weights).network.model_copy(update={"embedding": 4, "seediness": True})
    changes: dict[str, Any] = {"network": network, "training": {"ema_decay": 0.5}}
    losses = ("cross-entropy-discriminative", "cross-entropy", "deep-metric")
    pack = [tiny.candidate(number, name) for number, name in enumerate(losses)]
    together = evaluate_pack(task(weights, **changes), pack, device="cpu")
    alone = [evaluate_pack(task(weights, **changes), [one], device="cpu")[0] for one in pack]
    states = {"states": str(tmp_path)}
    evaluate_pack(task(weights, stop_after=2, **states, **changes), pack, device="cpu")
    staged = evaluate_pack(task(weights, **states, **changes), pack, device="cpu")
    for outcome, single, other in zip(together, alone, staged, strict=True):
        assert outcome.error is None
        assert outcome.metrics == single.metrics == other.metrics
        assert outcome.curve == single.curve == other.curve
    kept = torch.load(tmp_path / "0.pt", weights_only=True)
    for part, prefix in (("network", "network."), ("average", "")):
        assert f"{prefix}own_heads.embeddings.weight" in kept[part]
    bare = task(weights, training=changes["training"])
    [plain] = evaluate_pack(bare, pack[1:2], device="cpu")
    assert plain.curve == together[1].curve  # heads that a loss does not ask for change nothing
    [lacking] = evaluate_pack(bare, pack[:1], device="cpu")
    assert str(lacking.error).startswith(
        "The loss cannot be loaded: The loss needs embeddings (set"
    )


def test_one_that_fails_leaves_the_others_as_they_are(weights: str) -> None:
    wild = task(weights, training=tiny.OVERFLOWING)
    outcomes = evaluate_pack(wild, PACK, device="cpu")
    assert {outcome.score for outcome in outcomes} == {None}
    assert all(str(outcome.error).startswith("The loss became") for outcome in outcomes)


def test_features_that_nobody_learned_are_refused() -> None:
    with pytest.raises(ValidationError, match="frozen_encoder needs a pretrained encoder"):
        tiny.proxy_task(frozen_encoder=True)
