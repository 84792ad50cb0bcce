"""Scales: a scaled loss has the gradient of cross entropy, and the built-in ones are what they say."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from surrogate_zoo import LOSSES, SurrogateLoss, load_loss
from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.document import signed, surrogate_document
from surrogate_zoo.losses.parameter_space import ParameterSpace
from surrogate_zoo.losses.scale import (
    CLASSES,
    VOID,
    gradient_scale,
    measure_built_in,
    reference_batch,
    scale_for,
    states,
)
from surrogate_zoo.losses.scales import SCALES, UNMEASURED
from tests.surrogate_zoo.batches import labels


@pytest.mark.parametrize("name", [name for name in SCALES if name not in UNMEASURED])
def test_the_table_says_what_is_measured(name: str) -> None:
    scale = measure_built_in(name)
    assert SCALES[name] == pytest.approx(scale, rel=0.01), (
        f"{name} has the scale {scale}: run python -m surrogate_zoo.losses.scale for the table"
    )


def test_every_built_in_loss_has_a_scale() -> None:
    assert list(SCALES) == list(LOSSES)
    assert all(SCALES[name] == 1 for name in UNMEASURED)
    assert all(LOSSES[name].document()["scale"] == SCALES[name] for name in LOSSES)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0.02, 0.98), min_size=12, max_size=12), st.floats(0.1, 50))
def test_a_scaled_loss_has_the_norm_of_cross_entropy(theta: list[float], factor: float) -> None:
    space = ParameterSpace("miou")
    points = space.control_points(theta[: space.dimension])
    target = labels(1, size=(2, 24, 24))
    logits = states(target, 4, seed=0)

    def scale_with(own: float) -> float:
        document = surrogate_document("x", "miou", points, scale=own)
        return gradient_scale(load_loss(document, num_classes=4), logits, target)

    measured = scale_with(1.0)
    assert scale_with(measured) == pytest.approx(1, rel=0.011)
    assert scale_with(factor) == pytest.approx(measured / factor, rel=0.011)


@pytest.mark.parametrize("classes", [1, 2, 5, 40])
@pytest.mark.parametrize("name", ["dice", "lovasz", "asl-bf1-voc", "0.2*dice+jaccard-metric"])
def test_a_measured_scale_is_that_of_the_number_of_classes(name: str, classes: int) -> None:
    target, logits = reference_batch(classes)
    with torch.no_grad():
        scale = scale_for(name, num_classes=classes)
    loss = load_loss(name, num_classes=classes, scale=scale)
    assert gradient_scale(loss, logits, target) == pytest.approx(1, rel=0.011)


def test_a_measured_scale_knows_mode_void_and_facts() -> None:
    target, logits = reference_batch(3, "multilabel")
    document = signed({**LOSSES["dice"].document(), "mode": "multilabel"})
    found = scale_for("dice", num_classes=3, mode="multilabel")
    assert scale_for(document, num_classes=3) == found
    loss = load_loss(document, num_classes=3, scale=found)
    assert gradient_scale(loss, logits, target) == pytest.approx(1, rel=0.011)
    plain = scale_for("dice", num_classes=3)
    assert scale_for("dice", num_classes=3, ignore_index=7) == plain != found
    name, facts = "inverse-frequency-cross-entropy", {"class_pixels": [1000, 10]}
    assert scale_for(name, num_classes=2, facts=facts) != scale_for(name, num_classes=2)
    assert scale_for("boundary", num_classes=2) > 0  # with distance maps
    assert scale_for("semeda", num_classes=2) == 1
    assert scale_for(LOSSES["discriminative"].document(), num_classes=2) == 1
    with pytest.raises(InputError, match="for 255 classes at most, not for 300"):
        scale_for("dice", num_classes=300, ignore_index=-1)
    with pytest.raises(InputError, match="takes no such parameter"):
        scale_for("dice", num_classes=2, colour=1)


def test_neither_void_nor_the_order_of_images_matters() -> None:
    target, logits = reference_batch()
    loss = load_loss("asl-miou-voc", num_classes=CLASSES)
    void = (target == VOID)[:, None]
    filled = [torch.where(void, torch.tensor(50.0), one) for one in logits]
    expected = gradient_scale(loss, logits, target)
    assert gradient_scale(loss, filled, target) == expected
    assert gradient_scale(loss, [one.flip(0) for one in logits], target.flip(0)) == expected


def test_a_loss_without_a_gradient_is_refused() -> None:
    target = torch.full((1, 8, 8), VOID)
    with pytest.raises(InputError, match="The loss has no scale"):
        gradient_scale(
            SurrogateLoss("miou", None, num_classes=3), states(target, 3, seed=0), target
        )


def test_a_scale_can_be_replaced() -> None:
    target = labels(2)
    logits = torch.randn(2, 4, 9, 11)

    def value(source: object, **overrides: object) -> float:
        loss = load_loss(source, num_classes=4, **overrides)  # type: ignore[arg-type]
        return float(loss(logits, target))

    own = value("asl-miou-voc", scale=1.0)
    assert value("asl-miou-voc") == pytest.approx(SCALES["asl-miou-voc"] * own)
    assert value("asl-miou-voc", as_released=True) == value(
        "asl-miou-voc", as_released=True, scale=1.0
    )
    document = LOSSES["asl-miou-voc"].document()
    old = signed({key: kept for key, kept in document.items() if key != "scale"})
    assert value(old) == own
    assert value("dice+cross-entropy-dice") == pytest.approx(
        value("dice") + value("cross-entropy-dice")
    )
    assert value("cross-entropy-dice", scale=1.0) == pytest.approx(
        value("cross-entropy") + value("dice", scale=1.0)
    )
    with pytest.raises(InputError, match="scale must be a number above 0"):
        value("dice", scale=0)
