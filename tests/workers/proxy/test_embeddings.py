"""Candidates whose networks have embeddings of their own width, and objects with a radius of their own."""

from pathlib import Path

import pytest
import torch

from surrogate_zoo.errors import InputError
from surrogate_zoo.labelling import labelling_of
from surrogate_zoo.losses.registry import LOSSES
from tests.workers import tiny
from workers.proxy.networks import InitialNetworks
from workers.proxy.proxy import evaluate_pack
from workers.tasks.datasets import ShapesSource
from workers.tasks.instances import ClusteringSpec
from workers.tasks.proxy import Candidate, Outcome, ProxyTask, state_path

CPU, SIX = torch.device("cpu"), labelling_of(6)
LOSS = LOSSES["cross-entropy-discriminative"].document()
LARGE = ShapesSource(height=64, width=64, train=12, val=2, test=2)
TIGHT, LOOSE = (ClusteringSpec(radius=radius, within="components") for radius in (0.2, 2.0))
SCORING = tiny.SCORING.model_copy(update={"clustering": TIGHT})


def task(embedding: int | None = 4, **changes: object) -> ProxyTask:
    network = tiny.NETWORK.model_copy(update={"embedding": embedding})
    return tiny.proxy_task(**{"dataset": LARGE, "network": network, "scoring": SCORING} | changes)


def candidates() -> list[Candidate]:
    return [
        Candidate(0, LOSS, embedding=4, clustering=TIGHT),
        Candidate(1, LOSS, embedding=8, clustering=TIGHT),
        Candidate(2, LOSS, embedding=8, clustering=LOOSE),
    ]


def told(outcome: Outcome) -> tuple[object, ...]:
    return outcome.metrics, outcome.curve, outcome.error


def test_a_candidate_is_trained_with_its_own_network_whoever_is_beside_it() -> None:
    pack = candidates()
    outcomes = evaluate_pack(task(), pack, device="cpu")
    for candidate, outcome in zip(pack, outcomes, strict=True):
        [alone] = evaluate_pack(task(), [candidate], device="cpu")
        assert told(outcome) == told(alone)
        own = SCORING.model_copy(update={"clustering": candidate.clustering})
        [said] = evaluate_pack(
            task(candidate.embedding, scoring=own), [Candidate(9, LOSS)], device="cpu"
        )
        assert told(outcome) == told(said)
    narrow, wide, loose = outcomes
    assert narrow.curve != wide.curve
    assert wide.curve == loose.curve
    assert wide.metrics["miou"] == loose.metrics["miou"]
    assert wide.metrics["sbd"] != loose.metrics["sbd"]


def test_objects_may_be_the_candidates_own_matter() -> None:
    plain = task(None, scoring=tiny.SCORING)
    without, found = evaluate_pack(plain, [tiny.candidate(0), candidates()[1]], device="cpu")
    assert "sbd" not in without.metrics
    assert (
        found.metrics["sbd"]
        == evaluate_pack(task(8), [Candidate(1, LOSS)], device="cpu")[0].metrics["sbd"]
    )


def test_a_loss_of_embeddings_needs_them() -> None:
    [outcome] = evaluate_pack(task(None, scoring=tiny.SCORING), [Candidate(0, LOSS)], device="cpu")
    assert "set network.embedding" in str(outcome.error)


def test_all_weights_but_those_of_the_head_are_the_same_and_a_frozen_encoder_is_shared() -> None:
    built = InitialNetworks(task(), SIX, CPU)
    networks = [built.of(candidate) for candidate in candidates()]
    assert networks[1] is networks[2]
    first, second = (network.state_dict() for network in networks[:2])
    differing = [name for name, value in first.items() if not torch.equal(value, second[name])]
    assert differing == ["own_heads.embeddings.weight", "own_heads.embeddings.bias"]
    frozen = ProxyTask.model_construct(**dict(task()) | {"frozen_encoder": True})
    shared = InitialNetworks(frozen, SIX, CPU)
    one, other = (shared.of(candidate) for candidate in candidates()[:2])
    assert one is not other
    assert one.encoder is other.encoder


def test_a_warm_start_leaves_a_head_of_another_width_as_it_was(tmp_path: Path) -> None:
    kept = task(stop_after=2, states=str(tmp_path))
    evaluate_pack(kept, [tiny.candidate(0)], device="cpu")
    warm = task(warm_start=str(state_path(tmp_path, 0)))
    cold, started = InitialNetworks(task(), SIX, CPU), InitialNetworks(warm, SIX, CPU)
    for candidate in candidates()[:2]:
        before, after = cold.of(candidate).state_dict(), started.of(candidate).state_dict()
        assert before["own_heads.embeddings.weight"].equal(after["own_heads.embeddings.weight"])
        assert not before["segmentation_head.0.weight"].equal(after["segmentation_head.0.weight"])
    outcomes = evaluate_pack(warm, candidates(), device="cpu")
    assert [outcome.error for outcome in outcomes] == [None] * 3


def test_a_training_in_stages_ends_as_one_in_a_piece(tmp_path: Path) -> None:
    whole, states = evaluate_pack(task(), candidates(), device="cpu"), str(tmp_path)
    evaluate_pack(task(stop_after=2, states=states), candidates(), device="cpu")
    again = evaluate_pack(task(states=states), candidates(), device="cpu")
    assert [told(outcome) for outcome in again] == [told(outcome) for outcome in whole]


def test_a_clustering_that_does_not_fit_is_refused_before_the_training() -> None:
    border = Candidate(0, LOSS, embedding=4, clustering=ClusteringSpec(method="border"))
    with pytest.raises(InputError, match="border needs one thing class"):
        evaluate_pack(task(), [border], device="cpu")
