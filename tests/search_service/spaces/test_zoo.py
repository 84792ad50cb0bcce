"""The zoo as a space: every start makes a loss, and what lies outside is refused."""

import pytest
import torch

from search_service.spaces.zoo import ZooSpace, called, handmade_losses
from surrogate_zoo import load_loss, needs_of
from surrogate_zoo.errors import InputError, UnknownNameError
from surrogate_zoo.losses.document import Document
from surrogate_zoo.losses.drafts import filled

SPACE = ZooSpace(("miou", "bf1"), options={"tolerance": 2})
KINDS = {kind.name: (float(number), kind) for number, kind in enumerate(SPACE.singles)}
FACTS = {"class_pixels": torch.ones(3), "class_image_pixels": torch.ones(3)}


def lacking(draft: Document) -> int:
    """How many scales a draft lacks."""
    inner = sum(lacking(term["loss"]) for term in draft.get("terms", ()))
    return int(inner + ("scale" in draft and draft["scale"] is None))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_every_start_of_every_kind_makes_a_loss(name: str, share: float) -> None:
    number, kind = KINDS[name]
    for start in kind.starts:
        own = (*start[:-1], share) if kind.mixes else start
        draft = SPACE.candidate((number, 2.0, *own))
        assert draft.rate == 2.0
        document = filled(draft.loss, [1.5] * lacking(draft.loss))
        assert document["kind"] == ("sum" if share and kind.mixes else draft.loss["kind"])
        assert load_loss(document, num_classes=3, facts=FACTS) is not None


def test_kinds_begin_with_cross_entropy_and_end_with_the_surrogates() -> None:
    names = list(KINDS)
    assert names[: len(handmade_losses())] == list(handmade_losses())
    assert names[0] == "cross-entropy"
    assert {"surrogate-miou", "surrogate-bf1", "asl-macc-voc"} <= set(names)
    assert "asl-miou-voc" not in names  # a start of its surrogate
    assert len(KINDS["surrogate-miou"][1].starts) == 2
    few = ZooSpace(("miou",), losses=("dice",), mixtures=False)
    assert [kind.name for kind in few.kinds][:3] == ["cross-entropy", "dice", "surrogate-miou"]
    assert not any(kind.mixes for kind in few.kinds)
    assert few.kinds == few.singles


def test_the_power_of_class_weights_is_searched_where_it_is_asked_for() -> None:
    space = ZooSpace(("miou", "kappa"), losses=("dice", "lovasz"), weights=True)
    kinds = {kind.name: kind for kind in space.kinds}
    weighed = {name for name, kind in kinds.items() if "class_power" in kind.names}
    assert weighed == {"cross-entropy", "dice", "lovasz", "surrogate-miou"}
    for name in weighed:
        kind = kinds[name]
        own = dict(zip(kind.names, kind.start, strict=True)) | {"class_power": 0.5}
        loss = kind.candidate([own[each] for each in kind.names]).loss
        assert loss["options" if "options" in loss else "parameters"]["class_power"] == 0.5
        document = filled(loss, [1.5] * lacking(loss))
        assert "class_pixels" in needs_of(document).facts
        assert load_loss(document, num_classes=3, facts=FACTS) is not None


def test_the_portfolio_has_every_start_at_every_rate() -> None:
    portfolio = SPACE.portfolio((0.5, 2.0))
    assert len(portfolio) == len(set(portfolio)) == 2 * sum(len(k.starts) for k in SPACE.singles)
    assert portfolio[:2] == [(0.0, 0.5), (0.0, 2.0)]


def test_rates_outside_of_the_box_are_its_ends() -> None:
    space = ZooSpace(("miou",), losses=("lovasz",), rates=(0.5, 2.0))
    portfolio = space.portfolio((0.1, 1.0, 3.0, 5.0))
    assert [theta[1] for theta in portfolio[:3]] == [0.5, 1.0, 2.0]
    assert len(portfolio) == 3 * sum(len(kind.starts) for kind in space.singles)
    for theta in (*portfolio, *space.couples(portfolio)):
        space.candidate(theta)


@pytest.mark.parametrize(
    ("theta", "why"),
    [
        ((), "number of a kind"),
        ((0.5, 1.0), "number of a kind"),
        ((-1.0, 1.0), "number of a kind"),
        ((float(len(SPACE.kinds)), 1.0), "number of a kind"),
        ((0.0,), "has 1 parameters, not 0"),
        ((0.0, 11.0), r"rate of cross-entropy must lie in \[0.1, 10\]"),
        ((0.0, float("nan")), "rate of cross-entropy"),
        ((KINDS["focal"][0], 1.0, 9.0, 0.0), "gamma of focal"),
        ((KINDS["focal"][0], 1.0, 2.0, 0.95), "cross-entropy of focal"),
    ],
)
def test_what_lies_outside_is_refused(theta: tuple[float, ...], why: str) -> None:
    with pytest.raises(InputError, match=why):
        SPACE.candidate(theta)


def test_parameters_have_names_and_a_plain_loss_is_known() -> None:
    number, kind = KINDS["focal"]
    theta = (number, 2.0, *kind.starts[0])
    assert SPACE.named(theta) == {"loss": "focal", "rate": 2.0, "gamma": 2.0, "cross-entropy": 0.0}
    assert SPACE.plain(theta)
    assert not SPACE.plain((number, 2.0, 3.0, 0.0))
    assert not SPACE.plain((number, 2.0, 2.0, 0.5))
    surrogate, own = KINDS["surrogate-miou"]
    assert not SPACE.plain((surrogate, 1.0, *own.starts[0]))


def point(name: str, rate: float, place: int = 0) -> tuple[float, ...]:
    number, kind = KINDS[name]
    return (number, rate, *kind.starts[place])


def test_two_points_make_an_even_sum_at_the_mean_of_their_rates() -> None:
    lovasz, surrogate = point("lovasz", 1.0), point("surrogate-bf1", 4.0, 1)
    [theta] = SPACE.couples([lovasz, surrogate])
    assert SPACE.couples([surrogate, lovasz]) == [theta]
    named = {"loss": "lovasz + published surrogate-bf1", "rate": 2.0, "second": 0.5}
    assert SPACE.named(theta) == named
    assert called(named | {"second": 0.3}) == "0.7 lovasz + 0.3 published surrogate-bf1"
    assert not SPACE.handmade(theta)
    assert not SPACE.plain(theta)
    draft = SPACE.candidate((*theta[:-1], 0.25)).loss
    document = filled(draft, [1.5] * lacking(draft))
    assert [term["weight"] for term in document["terms"]] == [0.75, 0.25]
    assert [term["loss"].get("metric") for term in document["terms"]] == [None, "bf1"]
    assert load_loss(document, num_classes=3) is not None


def test_cross_entropy_stands_beside_a_loss_in_one_way_only() -> None:
    [theta] = SPACE.couples([point("cross-entropy", 1.0), point("focal", 1.0)])
    assert SPACE.named(theta) == {"loss": "focal", "rate": 1.0, "gamma": 2.0, "cross-entropy": 0.5}
    assert called(SPACE.named(theta)) == "focal with 0.5 of cross entropy"
    assert not any(kind.name.startswith("cross-entropy +") for kind in SPACE.kinds)


def test_what_cannot_be_added_makes_no_couple() -> None:
    starts = [point("surrogate-miou", 1.0), point("surrogate-miou", 1.0, 1)]
    assert SPACE.couples(starts) == []  # two curves of one surrogate
    assert SPACE.couples([point("cross-entropy-dice", 1.0), point("lovasz", 1.0)]) == []
    bent = (*point("focal", 1.0)[:2], 3.0, 0.0)
    assert SPACE.couples([bent, point("lovasz", 1.0)]) == []
    order = [point(name, 1.0) for name in ("lovasz", "dice", "focal")]
    names = [SPACE.named(theta)["loss"] for theta in SPACE.couples(order)]
    assert [set(name.split(" + ")) for name in names] == [
        {"lovasz", "dice"},
        {"lovasz", "focal"},
        {"dice", "focal"},
    ]
    assert ZooSpace(("miou",), mixtures=False).couples(order) == []


def test_a_loss_that_needs_more_than_logits_and_target_takes_no_part() -> None:
    with pytest.raises(UnknownNameError, match="boundary"):
        ZooSpace(("miou",), losses=("boundary",))
