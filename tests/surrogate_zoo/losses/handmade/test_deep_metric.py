"""Deep metric learning: values worked out by hand, pairs in loops, the draw, and masks from seeds."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from surrogate_zoo import load_loss
from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.handmade.batch import Batch
from surrogate_zoo.losses.handmade.deep_metric import NEAR, drawn_pixels
from surrogate_zoo.losses.handmade.grown_masks import classes_of_masks
from surrogate_zoo.losses.handmade.objects import objects_of
from surrogate_zoo.needs import SIMILARITIES
from tests.surrogate_zoo.losses.handmade.scenes import CLASSES, VOID, Scene, row, scene

KINDS = len(SIMILARITIES)
ALL = 10_000  # samples: no object has more pixels


def loss_with(**parameters: Any) -> nn.Module:
    return load_loss("deep-metric", num_classes=CLASSES, **parameters)


def inputs_of(case: Scene) -> dict[str, Tensor]:
    """Embeddings, instances, and seediness that is drawn."""
    generator = torch.Generator().manual_seed(1)
    n, h, w = case.target.shape
    shape = (n, KINDS * (CLASSES + 1), h, w)
    seediness = torch.randn(shape, generator=generator, dtype=torch.float64)
    return {
        "embeddings": case.embeddings,
        "instances": case.instances,
        "seediness": seediness,
    }


def alikeness(case: Scene, samples: int = ALL, **parameters: Any) -> float:
    """L_e alone, for which no seediness is needed."""
    loss = loss_with(samples=samples, classification=0, **parameters)
    inputs = inputs_of(case)
    del inputs["seediness"]
    return float(loss(case.logits, case.target, **inputs))


def batch_of(case: Scene) -> Batch:
    valid = case.target != VOID
    inputs = inputs_of(case) | {"instances": case.instances * valid}
    return Batch(case.logits, case.target, valid, VOID, inputs)


def pixels_of(case: Scene, *, by_class: bool) -> dict[Any, list[tuple[Any, tuple[int, int, int]]]]:
    """Unit -> its objects' pixels, each with its object."""
    units: dict[Any, list[tuple[Any, tuple[int, int, int]]]] = {}
    for n, y, x in np.ndindex(case.target.shape):
        label, number = int(case.target[n, y, x]), int(case.instances[n, y, x])
        if label != VOID and number > 0:
            unit = (n, label) if by_class else (n,)
            units.setdefault(unit, []).append(((label, number), (n, y, x)))
    return units


def cost_of(squared: float, *, same: bool) -> float:
    """-log sigma, or -log(1 - sigma) with its slope held."""
    held = squared if same else max(squared, NEAR)
    sigma = 2 / (1 + math.exp(held))
    return -math.log(sigma if same else 1 - sigma) + (held - squared) / math.sinh(NEAR)


def by_pairs(case: Scene, *, by_class: bool = True) -> float:
    """L_e from its definition over all pixels, with weights of the objects' sizes."""
    units = pixels_of(case, by_class=by_class)
    vectors = case.embeddings.movedim(1, -1).detach().numpy()
    total = 0.0
    for pixels in units.values():
        sizes: dict[Any, int] = {}
        for own, _ in pixels:
            sizes[own] = sizes.get(own, 0) + 1
        weighed = weight = 0.0
        for first, here in pixels:
            for second, there in pixels:
                squared = float(((vectors[here] - vectors[there]) ** 2).sum())
                own = 1 / (sizes[first] * sizes[second])
                weighed += own * cost_of(squared, same=first == second)
                weight += own
        total += weighed / weight / len(units)
    return total


def test_values_worked_out_by_hand() -> None:
    apart = math.sqrt(math.log(3))  # sigma = 1/2
    assert alikeness(row([1.0, 1.0])) == 0
    assert alikeness(row([0.0, apart])) == pytest.approx(math.log(2) / 2)  # and 0 of equal pixels
    assert alikeness(row([0.0], [apart])) == pytest.approx(math.log(2) / 2)
    assert alikeness(row([0.0, 0.0], [apart] * 5)) == pytest.approx(math.log(2) / 2)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    objects=st.integers(1, 5),
    width=st.integers(1, 4),
    by_class=st.booleans(),
)
def test_it_agrees_with_loops_over_all_pairs_of_pixels(
    seed: int, objects: int, width: int, by_class: bool
) -> None:
    case = scene(seed, objects=objects, size=(2, 4, 5), width=width)
    found = alikeness(case, across_classes=not by_class)
    assert found == pytest.approx(by_pairs(case, by_class=by_class), rel=1e-6, abs=1e-9)


def test_a_sample_estimates_all_pairs() -> None:
    case = scene(2, objects=3, size=(1, 60, 60))
    target = torch.ones_like(case.target)
    whole = case._replace(target=target, embeddings=case.embeddings / 2)
    assert alikeness(whole, samples=300) == pytest.approx(alikeness(whole), rel=0.05)


def test_the_gradient_is_the_slope() -> None:
    case = scene(3, size=(2, 4, 5))
    loss, inputs = loss_with(samples=3), inputs_of(case)
    heads = [inputs.pop(name).requires_grad_() for name in ("embeddings", "seediness")]
    assert torch.autograd.gradcheck(
        lambda vectors, seeds: loss(
            case.logits, case.target, embeddings=vectors, seediness=seeds, **inputs
        ),
        heads,
    )


def test_two_objects_that_are_close_still_part() -> None:
    values = []
    for gap in (0.0, 1e-3, 2e-3):
        case = row([0.0], [gap])
        leaf = case.embeddings.requires_grad_()
        value = loss_with(samples=1, classification=0)(
            case.logits, case.target, embeddings=leaf, instances=case.instances
        )
        torch.autograd.backward(value)
        assert leaf.grad is not None
        # Both orders of the pair have a quarter of the weight each, and a slope of 2 gap / sinh(NEAR).
        assert leaf.grad.flatten()[0].item() == pytest.approx(gap / math.sinh(NEAR), rel=1e-6)
        values.append(value.item())
    assert values == sorted(values, reverse=True)
    assert all(math.isfinite(value) for value in values)


def test_void_and_undrawn_pixels_touch_nothing() -> None:
    case = scene(5)
    loss, inputs = loss_with(samples=2), inputs_of(case)
    leaves = {name: inputs[name].requires_grad_() for name in ("embeddings", "seediness")}
    value = loss(case.logits, case.target, **inputs)
    torch.autograd.backward(value)
    nothing = (case.target == VOID) | (case.instances == 0)
    for leaf in leaves.values():
        assert leaf.grad is not None
        moved = (leaf.grad != 0).any(1)
        assert not moved[nothing].any()
        assert 0 < moved.sum() <= 2 * len(objects_of(batch_of(case)).sizes)
    void = (case.target == VOID)[:, None]
    filled = {name: torch.where(void, torch.nan, leaf.detach()) for name, leaf in leaves.items()}
    assert loss(case.logits, case.target, **inputs | filled).item() == value.item()


@pytest.mark.parametrize("objects", [0, 1])
def test_no_object_and_one_pixel(objects: int) -> None:
    case = row([0.5], [1.0])
    case.instances[case.instances > objects] = 0
    inputs = inputs_of(case)
    leaf = inputs["embeddings"].requires_grad_()
    value = loss_with()(case.logits, case.target, **inputs)
    torch.autograd.backward(value)
    assert (value.item() == 0) == (objects == 0)  # a seed is to be classified
    assert leaf.grad is not None
    assert (leaf.grad == 0).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype: torch.dtype) -> None:
    case = scene(4)
    halves = {
        name: kept.to(dtype) if kept.is_floating_point() else kept
        for name, kept in inputs_of(case).items()
    }
    exact = {
        name: kept.double() if kept.is_floating_point() else kept for name, kept in halves.items()
    }
    value = loss_with()(case.logits.to(dtype), case.target, **halves)
    assert value.dtype == torch.float32
    expected = loss_with()(case.logits, case.target, **exact).item()
    assert value.item() == pytest.approx(expected, rel=1e-4)


def test_151_objects_of_an_image() -> None:
    case = scene(7, objects=151, size=(1, 96, 96), width=16)
    case = case._replace(target=torch.ones_like(case.target))
    single = Scene(case.logits.float(), case.target, case.instances, case.embeddings.float())
    inputs = inputs_of(single)
    leaf = inputs["embeddings"].requires_grad_()
    value = loss_with()(single.logits, single.target, **inputs)
    torch.autograd.backward(value)
    assert leaf.grad is not None
    assert torch.isfinite(leaf.grad).all()
    assert value.item() == pytest.approx(
        loss_with()(case.logits, case.target, **inputs_of(case)).item(), rel=1e-4
    )


class TestDraw:
    """Which pixels are compared."""

    @staticmethod
    def drawn(case: Scene, samples: int) -> list[int]:
        batch = batch_of(case)
        objects = objects_of(batch)
        places: list[int] = objects.places[drawn_pixels(batch, objects, samples)].tolist()
        return places

    def test_so_many_of_each_object_or_all(self) -> None:
        case = scene(1)
        batch = batch_of(case)
        objects = objects_of(batch)
        drawn = drawn_pixels(batch, objects, 4)
        owners = objects.owners[drawn]
        assert owners.tolist() == sorted(owners.tolist())
        assert len(set(drawn.tolist())) == len(drawn)
        counts = owners.bincount(minlength=len(objects.sizes))
        assert torch.equal(counts, objects.sizes.clamp(max=4))

    def test_it_follows_from_where_objects_are_and_not_from_their_numbers(self) -> None:
        case = scene(1, objects=4)
        other = case._replace(
            instances=torch.tensor([0, 3, 1, 4, 2])[case.instances], embeddings=case.embeddings * 0
        )
        assert sorted(self.drawn(other, 3)) == sorted(self.drawn(case, 3))
        flipped = Scene(*(kept.flip(0) for kept in case))
        size = case.target[0].numel()
        turned = [(1 - place // size) * size + place % size for place in self.drawn(flipped, 3)]
        assert sorted(turned) == sorted(self.drawn(case, 3))

    def test_every_pixel_may_be_drawn(self) -> None:
        drawn = torch.zeros(64)
        for void in range(1, 64):  # another image each
            case = row([0.0] * 64)
            case.target[..., void] = VOID
            drawn[self.drawn(case, 8)] += 1
        assert drawn.sum() == 63 * 8
        # About 8 of 63 each; the chance of fewer than 1 or more than 20 is below 1 in 1,000.
        assert (drawn > 0).all()
        assert drawn.max() <= 20


class TestMasks:
    """What the masks that are grown from seeds are of."""

    @staticmethod
    def by_loops(case: Scene, places: list[int]) -> list[list[int]]:
        vectors = case.embeddings.movedim(1, -1).flatten(1, 2).numpy()
        valid = (case.target != VOID).flatten(1).numpy()
        labels, numbers = case.target.flatten(1).numpy(), case.instances.flatten(1).numpy()
        found = []
        for place in places:
            n, spot = divmod(place, valid.shape[1])
            squared = ((vectors[n] - vectors[n, spot]) ** 2).sum(1)
            sigma = 2 / (1 + np.exp(squared))
            own = []
            for similarity in SIMILARITIES:
                mask, met = (sigma > similarity) & valid[n], 0
                for label, number in {*zip(labels[n], numbers[n], strict=True)}:
                    body = (labels[n] == label) & (numbers[n] == number) & valid[n]
                    if number > 0 and label != VOID:
                        iou = (mask & body).sum() / (mask | body).sum()
                        met = int(label) + 1 if iou > 0.5 else met
                own.append(met)
            found.append(own)
        return found

    @settings(max_examples=25, deadline=None)
    @given(seed=st.integers(0, 10_000), objects=st.integers(0, 5), noise=st.floats(0, 1.2))
    def test_they_agree_with_loops_over_pixels(self, seed: int, objects: int, noise: float) -> None:
        case = scene(seed, objects=objects, size=(2, 5, 6))
        centres = torch.cat([case.instances[:, None], 2 * (case.target % VOID)[:, None]], 1)
        vectors = noise * case.embeddings
        vectors[:, :2] += 1.5 * centres  # of objects: so that masks meet some
        case = case._replace(embeddings=vectors)
        batch = batch_of(case)
        kept = objects_of(batch)
        seeds = drawn_pixels(batch, kept, 3)
        found = classes_of_masks(batch, kept, seeds)
        assert found.tolist() == self.by_loops(case, kept.places[seeds].tolist())

    def test_seediness_is_read_mask_by_mask(self) -> None:
        case = row([0.0, 0.0, 0.0], [9.0, 9.0, 9.9])  # 0.9 apart: more alike than 1/2, not than 3/4
        right = torch.zeros(1, 1, 6, KINDS, dtype=torch.int64) + 2
        right[..., 5, 2] = 0  # alone, a third of its object
        hot = nn.functional.one_hot(right, CLASSES + 1).double()
        seediness = 50 * hot.flatten(3).movedim(-1, 1)
        inputs = inputs_of(case) | {"seediness": seediness}
        parts = {weight: loss_with(classification=weight) for weight in (0.0, 0.2)}
        values = [loss(case.logits, case.target, **inputs).item() for loss in parts.values()]
        assert values[1] == pytest.approx(values[0], rel=1e-12)
        blank = inputs | {"seediness": seediness * 0}
        above = parts[0.2](case.logits, case.target, **blank).item() - values[0]
        assert above == pytest.approx(0.2 * math.log(CLASSES + 1), rel=1e-9)


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ({"samples": 0}, "samples must be a whole number of at least 1, not 0"),
        ({"samples": 2.5}, r"samples must be a whole number of at least 1, not 2\.5"),
        ({"classification": -1}, "classification must be a number of at least 0, not -1"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters: dict[str, object], why: str) -> None:
    with pytest.raises(InputError, match=why):
        loss_with(**parameters)


def test_seediness_is_asked_for_where_it_counts() -> None:
    case = scene(1)
    inputs = inputs_of(case)
    del inputs["seediness"]
    assert loss_with(classification=0)(case.logits, case.target, **inputs) > 0
    with pytest.raises(InputError, match="needs seediness"):
        loss_with()(case.logits, case.target, **inputs)
