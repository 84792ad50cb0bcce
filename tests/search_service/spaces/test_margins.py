"""Margins of embeddings as a space: every theta makes a loss, its width and its radius."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from search_service.samplers import portfolio
from search_service.samplers.contract import Evaluate, Proposal, SamplerResult, Score
from search_service.samplers.registry import SAMPLERS
from search_service.samplers.specs import (
    CMAESSpec,
    GPSpec,
    PortfolioSpec,
    PPO2Spec,
    RandomSpec,
    SamplerOptions,
    TPESpec,
)
from search_service.spaces.margins import MARGINS, MarginSpace
from surrogate_zoo import load_loss
from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.document import check_document
from surrogate_zoo.losses.registry import LOSSES, needs_of
from workers.tasks.instances import ClusteringSpec

SPACE = MarginSpace(("sbd",))
ALONE = MarginSpace(("sbd", "ap50"), widths=(8,), rates=(0.5, 2.0))
THRESHOLD = MarginSpace(("sbd",), clustering=ClusteringSpec(method="threshold", min_pixels=5))
FIXED = MarginSpace(("sbd",), radius=0.7)
PAPER = {"delta_v": 0.5, "delta_d": 1.5, "beta": 1.0, "gamma": 0.001, "weight": 1.0}

SPECS: dict[str, SamplerOptions] = {
    "portfolio": PortfolioSpec(trials=16, batch=8, startup=2),
    "ppo2": PPO2Spec(steps=3, samples=6),
    "random": RandomSpec(trials=18, batch=6),
    "tpe": TPESpec(trials=18, batch=6, startup=4),
    "gp": GPSpec(trials=12, batch=6, startup=4),
    "cma-es": CMAESSpec(trials=18, batch=6),
}


def shares(space: MarginSpace) -> st.SearchStrategy[tuple[float, ...]]:
    return st.tuples(*[st.floats(0, 1)] * space.dimension)


def terms(document: dict[str, Any]) -> dict[str, tuple[float, dict[str, Any]]]:
    return {term["loss"]["loss"]: (term["weight"], term["loss"]) for term in document["terms"]}


@given(theta=shares(SPACE))
def test_every_theta_makes_a_loss_that_learns_embeddings(theta: tuple[float, ...]) -> None:
    draft, named = SPACE.candidate(theta), SPACE.named(theta)
    document = check_document(draft.loss)
    assert set(needs_of(document).inputs) == {"embeddings", "instances"}
    parts = terms(document)
    assert parts["cross-entropy"][0] == 1.0
    weight, loss = parts["discriminative"]
    assert weight == named["weight"]
    searched = {name: named[name] for name in ("delta_v", "delta_d", "beta", "gamma")}
    assert loss["parameters"] == {"alpha": 1.0, "norm": "l2", **searched}
    assert named["delta_d"] > named["delta_v"]
    assert (draft.embedding, draft.rate) == (named["width"], named["rate"])
    assert draft.clustering == ClusteringSpec(radius=named["delta_d"])
    assert SPACE.plain(theta) == all(named[name] == value for name, value in PAPER.items())
    load_loss(document, num_classes=3)


@given(theta=shares(SPACE))
def test_values_lie_in_their_ranges(theta: tuple[float, ...]) -> None:
    named = SPACE.named(theta)
    for margin in MARGINS:
        value = (
            named["delta_d"] / named["delta_v"] if margin.name == "ratio" else named[margin.name]
        )
        assert margin.low * (1 - 1e-5) <= value <= margin.high * (1 + 1e-5)
    assert 0.1 <= named["rate"] <= 10
    assert named["width"] in SPACE.widths


def test_ratios_that_make_clustering_exact_and_others_are_in_the_box() -> None:
    ratio = SPACE.names.index("ratio")
    ends = [SPACE.start.tolist() for _ in range(2)]
    ends[0][ratio], ends[1][ratio] = 0.0, 1.0
    least, most = (named["delta_d"] / named["delta_v"] for named in map(SPACE.named, ends))
    assert 1 < least < 2 < most


def test_the_paper_is_the_start_and_the_portfolio() -> None:
    draft = SPACE.candidate(SPACE.start.tolist())
    assert SPACE.named(SPACE.start.tolist()) == {"rate": 1.0, "width": 8, **PAPER, "radius": 1.5}
    built_in = LOSSES["cross-entropy-discriminative"].document()
    assert draft.loss["terms"] == built_in["terms"]
    tried = [SPACE.named(theta) for theta in SPACE.portfolio((1.0, 3.0))]
    assert [(each["width"], each["rate"]) for each in tried] == [
        (width, rate) for width in (4, 8, 16) for rate in (1.0, 3.0)
    ]
    assert all(PAPER.items() <= each.items() for each in tried)
    assert all(SPACE.plain(theta) for theta in SPACE.portfolio((0.3, 1.0)))
    assert tuple(SPACE.start.tolist()) in SPACE.portfolio((1.0,))


def test_a_rate_outside_of_the_box_is_taken_as_its_end() -> None:
    assert [ALONE.named(theta)["rate"] for theta in ALONE.portfolio((0.1, 1.0, 3.0))] == [
        0.5,
        1.0,
        2.0,
    ]


def test_a_single_width_is_no_parameter() -> None:
    assert "width" not in ALONE.names
    assert ALONE.dimension == SPACE.dimension - 1 == len(ALONE.low)
    assert ALONE.candidate(ALONE.start.tolist()).embedding == 8
    assert ALONE.target.metrics == ("sbd", "ap50")


def test_every_width_has_an_equal_part() -> None:
    places = np.linspace(0, 1, 300, endpoint=False)
    rest = SPACE.start.tolist()[1:]
    widths = [SPACE.named((place, *rest))["width"] for place in places.tolist()]
    assert [widths.count(width) for width in SPACE.widths] == [100] * 3
    assert SPACE.named((1.0, *rest))["width"] == 16


@given(theta=shares(SPACE))
def test_the_radius_follows_the_margins_unless_it_is_fixed(theta: tuple[float, ...]) -> None:
    margins = SPACE.named(theta)
    around = THRESHOLD.candidate(theta).clustering
    assert around is not None
    assert around.radius == pytest.approx(2 * margins["delta_v"], rel=1e-5)
    assert (around.method, around.min_pixels) == ("threshold", 5)
    assert FIXED.named(theta) == margins | {"radius": 0.7}
    assert FIXED.candidate(theta).clustering == ClusteringSpec(radius=0.7)


@pytest.mark.parametrize(
    ("theta", "why"),
    [
        ((0.5,) * 6, "must have 7 numbers, not 6"),
        ((0.5,) * 6 + (1.1,), r"weight must be a share of its range in \[0, 1\], not 1.1"),
        ((float("nan"),) + (0.5,) * 6, "width must be a share"),
    ],
)
def test_what_lies_outside_is_refused(theta: tuple[float, ...], why: str) -> None:
    with pytest.raises(InputError, match=why):
        SPACE.candidate(theta)


def test_groups_tell_the_paper_from_what_was_searched() -> None:
    start = SPACE.start.tolist()
    assert SPACE.group(start) == "paper's margins, width 8"
    assert SPACE.handmade(start)
    assert SPACE.group((*start[:-1], 0.9)) == "searched margins, width 8"
    assert not SPACE.handmade((*start[:-1], 0.9))


def test_a_candidate_says_what_it_was_found_with() -> None:
    draft = THRESHOLD.candidate(THRESHOLD.start.tolist())
    assert draft.changes["embedding"] == 8
    assert (draft.changes["clustering"]["method"], draft.changes["clustering"]["radius"]) == (
        "threshold",
        1.0,
    )
    candidate = draft.candidate(3, 0.02)
    assert (candidate.number, candidate.learning_rate, candidate.embedding) == (3, 0.02, 8)
    assert candidate.clustering == draft.clustering


class Recorded:
    """Scores by how near delta_v is to 0.3, and keeps what was proposed."""

    def __init__(self) -> None:
        self.proposals: list[Proposal] = []

    def __call__(self, batch: Any) -> list[Score | None]:
        self.proposals += batch
        found = [1 - abs(np.log(SPACE.named(p.theta)["delta_v"] / 0.3)) / 4 for p in batch]
        return [Score(score, {"sbd": score}) for score in map(float, found)]


def search(name: str, evaluate: Evaluate) -> SamplerResult:
    spec = SPECS[name]
    if isinstance(spec, PortfolioSpec):
        return portfolio.run(SPACE, spec, evaluate, 3)
    return SAMPLERS[name](SPACE, spec, evaluate, 3)


@pytest.mark.parametrize("name", SPECS)
def test_every_sampler_searches_it_from_the_paper_on(name: str) -> None:
    evaluate, again = Recorded(), Recorded()
    result = search(name, evaluate)
    assert search(name, again) == result
    assert again.proposals == evaluate.proposals
    assert SPACE.plain(evaluate.proposals[0].theta) or name == "ppo2"  # whose sigmoid is near it
    for proposal in evaluate.proposals:
        SPACE.candidate(proposal.theta)  # refuses what lies outside
    assert result.score > 1 - abs(np.log(0.5 / 0.3)) / 4 - 0.2


def test_the_loss_trains_embeddings_and_classes() -> None:
    loss = load_loss(SPACE.candidate(SPACE.start.tolist()).loss, num_classes=2)
    logits = torch.zeros(1, 2, 4, 4, requires_grad=True)
    embeddings = torch.randn(1, 8, 4, 4, requires_grad=True)
    instances = torch.tensor([[1, 1, 2, 2]] * 4)[None]
    target = torch.ones(1, 4, 4, dtype=torch.int64)
    loss(logits, target, embeddings=embeddings, instances=instances).backward()
    assert all(part.grad is not None and part.grad.abs().sum() > 0 for part in (logits, embeddings))
