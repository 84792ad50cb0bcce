"""The discriminative loss: values worked out by hand, loops over its equations, and its edges."""

from itertools import permutations
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn

from surrogate_zoo import load_loss
from surrogate_zoo.errors import InputError
from tests.surrogate_zoo.losses.handmade.scenes import CLASSES, VOID, Scene, row, scene

DELTA_V, DELTA_D, WEIGHTS = 0.5, 1.5, (1.0, 1.0, 0.001)


def loss_with(**parameters: Any) -> nn.Module:
    return load_loss("discriminative", num_classes=CLASSES, **parameters)


def value_of(given: Scene, **parameters: Any) -> Tensor:
    value: Tensor = loss_with(**parameters)(
        given.logits, given.target, embeddings=given.embeddings, instances=given.instances
    )
    return value


def terms_of(given: Scene, **parameters: Any) -> list[float]:
    """L_var, L_dist and L_reg, each by itself."""
    return [
        value_of(given, alpha=a, beta=b, gamma=c, **parameters).item()
        for a, b, c in ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    ]


def by_loops(given: Scene, order: int, delta_v: float, delta_d: float) -> list[float]:
    """The three terms from their equations, pixel by pixel and pair by pair."""
    units: dict[tuple[int, int], dict[int, list[NDArray[np.float64]]]] = {}
    for n, y, x in np.ndindex(given.target.shape):
        label, number = int(given.target[n, y, x]), int(given.instances[n, y, x])
        if label != VOID and number > 0:
            own = units.setdefault((n, label), {}).setdefault(number, [])
            own.append(given.embeddings[n, :, y, x].detach().numpy())
    sums = np.zeros(3)
    for objects in units.values():
        means = [sum(own) / len(own) for own in objects.values()]
        for mean, own in zip(means, objects.values(), strict=True):
            hinges = [
                max(0, float(np.linalg.norm(mean - each, order)) - delta_v) ** 2 for each in own
            ]
            sums[0] += sum(hinges) / len(own) / len(objects) / len(units)
            sums[2] += np.linalg.norm(mean, order) / len(objects) / len(units)
        for first, second in permutations(means, 2):
            hinge = max(0, 2 * delta_d - float(np.linalg.norm(first - second, order))) ** 2
            sums[1] += hinge / (len(means) * (len(means) - 1)) / len(units)
    return [float(value) for value in sums]


@pytest.mark.parametrize(
    ("objects", "terms"),
    [
        (([0.0, 1.0], [4.0, 4.0]), (0, 0, 2.25)),
        (([0.0, 2.0], [2.0] * 4), (0.125, 4, 1.5)),  # each object counts alike, whatever its size
        (([0.0], [1.0], [10.0]), (0, 4 / 3, 11 / 3)),  # both orders of a pair, over K (K - 1)
        (([0.0, 2.0],), (0.25, 0, 1)),
    ],
)
def test_values_worked_out_by_hand(
    objects: tuple[list[float], ...], terms: tuple[float, ...]
) -> None:
    assert terms_of(row(*objects)) == pytest.approx(terms, rel=1e-12)
    whole = terms[0] + terms[1] + 0.001 * terms[2]
    assert value_of(row(*objects)).item() == pytest.approx(whole, rel=1e-12)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    objects=st.integers(0, 6),
    width=st.integers(1, 4),
    norm=st.sampled_from(["l1", "l2"]),
    margins=st.tuples(st.floats(0, 1), st.floats(1.01, 3)),
)
def test_it_agrees_with_loops_over_the_equations(
    seed: int, objects: int, width: int, norm: str, margins: tuple[float, float]
) -> None:
    given = scene(seed, objects=objects, size=(2, 5, 6), width=width)
    delta_v, delta_d = margins
    expected = by_loops(given, int(norm[1]), delta_v, delta_d)
    found = terms_of(given, norm=norm, delta_v=delta_v, delta_d=delta_d)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_the_gradient_is_the_slope(norm: str) -> None:
    given = scene(3, size=(2, 4, 5))
    leaf = given.embeddings.requires_grad_()
    loss = loss_with(norm=norm, gamma=0.3)
    assert torch.autograd.gradcheck(
        lambda vectors: loss(
            given.logits, given.target, embeddings=vectors, instances=given.instances
        ),
        leaf,
    )


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(1, 8)), st.integers(0, 100))
def test_the_numbers_of_objects_may_be_exchanged(numbers: list[int], seed: int) -> None:
    given = scene(seed, objects=7)
    names = torch.tensor([0, *numbers])
    other = given._replace(instances=names[given.instances])
    assert value_of(other).item() == pytest.approx(value_of(given).item(), rel=1e-12)


def test_void_and_the_background_touch_nothing() -> None:
    given = scene(5)
    nothing = (given.target == VOID) | (given.instances == 0)
    filled = torch.where(nothing[:, None], torch.nan, given.embeddings)
    for embeddings in (given.embeddings, filled):
        leaf = embeddings.clone().requires_grad_()
        value = value_of(given._replace(embeddings=leaf))
        torch.autograd.backward(value)
        assert leaf.grad is not None
        assert value.item() == value_of(given).item()
        moved = (leaf.grad != 0).any(1)
        assert not moved[nothing].any()
        assert moved.any()


def test_the_mean_is_over_images_and_classes_that_have_objects() -> None:
    first, second = row([0.0, 2.0]), row([0.0, 2.0], [2.0, 2.0])
    two = Scene(*(torch.cat(pair, -1) for pair in zip(first, second, strict=True)))
    two.target[..., 2:] = 2  # so the object 1 of class 1 is another one than object 1 of class 2
    mean = (value_of(first).item() + value_of(second).item()) / 2
    assert value_of(two).item() == pytest.approx(mean, rel=1e-12)
    empty = first._replace(instances=torch.zeros_like(first.instances))
    both = Scene(*(torch.cat(pair) for pair in zip(first, empty, strict=True)))
    assert value_of(both).item() == pytest.approx(value_of(first).item(), rel=1e-12)


def test_parts_of_a_batch_weigh_by_their_units() -> None:
    given = scene(6, size=(3, 8, 9))
    parts = [Scene(*(kept[part] for kept in given)) for part in (slice(1), slice(1, 3))]
    counted = given.target.where(given.instances > 0, VOID)
    units = [len({*map(int, image.unique())} - {VOID}) for image in counted]
    shares = [units[0], sum(units[1:])]
    values = [value_of(part).item() for part in parts]
    mean = sum(n * value for n, value in zip(shares, values, strict=True)) / sum(shares)
    assert value_of(given).item() == pytest.approx(mean, rel=1e-12)


@pytest.mark.parametrize("objects", [0, 1, 2])
def test_no_object_one_and_one_pixel(objects: int) -> None:
    given = row([0.0], [1.0], [5.0])
    given.instances[given.instances > objects] = 0
    leaf = given.embeddings.requires_grad_()
    value = value_of(given)
    torch.autograd.backward(value)
    expected = {0: 0.0, 1: 0.0, 2: 4 + 0.001 * 0.5}[objects]
    assert value.item() == pytest.approx(expected, rel=1e-12)
    assert leaf.grad is not None
    assert torch.isfinite(leaf.grad).all()
    if objects < 2:
        assert (leaf.grad == 0).all()


def test_means_that_coincide_have_a_gradient_of_zero_and_not_nan() -> None:
    given = row([1.0, 1.0], [1.0])
    leaf = given.embeddings.requires_grad_()
    value = value_of(given, gamma=0)
    torch.autograd.backward(value)
    assert value.item() == 9
    assert leaf.grad is not None
    assert (leaf.grad == 0).all()


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float16, 2e-3), (torch.bfloat16, 2e-2)])
def test_half_precision_is_computed_in_float32(dtype: torch.dtype, bound: float) -> None:
    # More than 65,504 pixels of one object, whose sum overflows float16 too.
    given = row([30.0] * 70_000, [33.5])
    half = Scene(given.logits.to(dtype), given.target, given.instances, given.embeddings.to(dtype))
    leaf = half.embeddings.requires_grad_()
    value = value_of(half)
    torch.autograd.backward(value)
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(value_of(given).item(), rel=bound)
    assert leaf.grad is not None
    assert leaf.grad.dtype == dtype
    assert torch.isfinite(leaf.grad).all()


def test_151_objects_of_an_image_take_no_tensor_of_pixels_by_objects() -> None:
    given = scene(7, objects=151, size=(1, 120, 120), width=16)
    target = torch.ones_like(given.target)
    leaf = given.embeddings.float().requires_grad_()
    largest = 0

    def noted(tensor: Tensor) -> Tensor:
        nonlocal largest
        largest = max(largest, tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(noted, lambda kept: kept):
        value = loss_with()(
            given.logits.float(), target, embeddings=leaf, instances=given.instances
        )
    torch.autograd.backward(value)
    pixels = target.numel()
    assert largest <= 16 * pixels  # as the embeddings; pixels x objects would be 151 times pixels
    expected = by_loops(given._replace(target=target), 2, DELTA_V, DELTA_D)
    whole = sum(weight * term for weight, term in zip(WEIGHTS, expected, strict=True))
    assert value.item() == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        (
            {"delta_d": 0.5, "delta_v": 1.5},
            r"delta_d must be above delta_v, but delta_v is 1\.5 and delta_d is 0\.5",
        ),
        ({"delta_d": 0.5, "delta_v": 0.5}, "delta_d must be above delta_v"),
        ({"delta_d": float("inf")}, "delta_d must be a number above 0, not inf"),
        ({"delta_v": -0.1}, r"delta_v must be a number of at least 0, not -0\.1"),
        ({"beta": float("nan")}, "beta must be a number of at least 0, not nan"),
        ({"norm": "max"}, "norm must be l2 or l1, not 'max'"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters: dict[str, object], why: str) -> None:
    with pytest.raises(InputError, match=why):
        loss_with(**parameters)


def test_beside_cross_entropy_each_reads_its_own_head() -> None:
    given = scene(8)
    logits = torch.randn(given.logits.shape, dtype=torch.float64)
    given = given._replace(logits=logits)
    inputs = {"embeddings": given.embeddings, "instances": given.instances}
    both = load_loss("cross-entropy+discriminative", num_classes=CLASSES)
    value = both(logits, given.target, **inputs).item()
    classes = load_loss("cross-entropy", num_classes=CLASSES)(logits, given.target).item()
    assert value == pytest.approx(classes + value_of(given).item(), rel=1e-12)
    named = load_loss("cross-entropy-discriminative", num_classes=CLASSES)
    assert named(logits, given.target, **inputs).item() == value
