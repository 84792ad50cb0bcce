"""The contract of every loss of the registry: a new entry is tested the moment it is registered.

Losses that take the logits of a head as well are tested on both together: see ``supplies``.
"""

import warnings

import pytest
import torch
from torch import Tensor, nn

from surrogate_zoo import LOSSES, load_loss, needs_of
from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.distance_maps import maps_of
from surrogate_zoo.losses.weighted_sum import of_logits
from surrogate_zoo.needs import EDGE_NETWORK, INSTANCES, INVERSE_NETWORK
from tests.surrogate_zoo.batches import VOID, labels
from tests.surrogate_zoo.losses.supplies import (
    CLASSES,
    WIDTHS,
    call,
    further,
    heads,
    loss_networks,
    loss_with_slope,
    loss_with_zero,
    maps,
    perfect,
    supplied_loss,
)

every_loss = pytest.mark.parametrize("name", LOSSES)

MEANS_OVER_PIXELS = {
    *("cross-entropy", "focal", "unet-border-cross-entropy", "dpce", "boundary"),
    *("semeda", "edge-cross-entropy", "naive-gacc", "asl-gacc-voc"),
}
"""Losses whose value is a mean over valid pixels of what each adds, so that a batch may be split.

In the others sums over the whole batch come before a ratio or a choice.
"""


def _scores(
    name: str,
    seed: int,
    size: tuple[int, int, int] = (2, 9, 11),
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    n, h, w = size
    shape = (n, CLASSES + heads(name), h, w)
    return 2 * torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def _value(name: str, scores: Tensor, target: Tensor, loss: nn.Module | None = None) -> float:
    return call(name, loss or supplied_loss(name), scores, target).item()


def _gradient(
    name: str, scores: Tensor, target: Tensor, loss: nn.Module | None = None
) -> tuple[float, Tensor]:
    leaf = scores.clone().requires_grad_()
    value = call(name, loss or supplied_loss(name), leaf, target)
    torch.autograd.backward(value)
    assert leaf.grad is not None
    return value.item(), leaf.grad


@every_loss
def test_value_is_a_finite_scalar_and_the_gradient_is_not_zero(name: str) -> None:
    value, gradient = _gradient(name, _scores(name, 1), labels(1))
    assert value > 0
    assert torch.isfinite(gradient).all()
    assert gradient.abs().sum() > 0


@every_loss
def test_an_all_void_batch_has_value_and_gradient_zero(name: str) -> None:
    value, gradient = _gradient(name, _scores(name, 1), torch.full((2, 9, 11), VOID))
    assert value == 0
    assert (gradient == 0).all()


@every_loss
def test_void_logits_change_neither_value_nor_gradient(name: str) -> None:
    target, scores = labels(3), _scores(name, 3)
    void = (target == VOID)[:, None]
    value, gradient = _gradient(name, scores, target)
    assert (gradient.movedim(1, -1)[target == VOID] == 0).all()
    for filling in (_scores(name, 4) * 100, torch.full_like(scores, torch.nan)):
        other, other_gradient = _gradient(name, torch.where(void, filling, scores), target)
        assert other == value
        assert torch.equal(other_gradient, gradient)


@every_loss
def test_a_perfect_prediction_is_the_minimum(name: str) -> None:
    target, loss = labels(5, size=(1, 20, 20)), loss_with_zero(name)
    best = _value(name, perfect(name, target), target, loss)
    assert best == pytest.approx(0, abs=1e-9)
    # Other classes and other boundaries: the active boundary loss sees only these.
    moved = (target % VOID).roll(1, -1)
    wrong = perfect(name, (moved + 1) % CLASSES, target != VOID)
    assert _value(name, wrong, target, loss) > best


@every_loss
def test_one_class_present(name: str) -> None:
    target = torch.full((2, 9, 11), 2)
    value, gradient = _gradient(name, _scores(name, 6), target)
    assert value >= 0
    assert torch.isfinite(gradient).all()
    best = _value(name, perfect(name, target), target, loss_with_zero(name))
    assert best == pytest.approx(0, abs=1e-9)


@every_loss
@pytest.mark.parametrize(("dtype", "bound"), [(torch.float16, 2e-3), (torch.bfloat16, 2e-2)])
def test_half_precision_agrees_with_float32(name: str, dtype: torch.dtype, bound: float) -> None:
    # More than 65,504 pixels, where sums in float16 overflow.
    target, scores = labels(7, size=(1, 260, 260)), _scores(name, 7, (1, 260, 260))
    half, half_gradient = _gradient(name, scores.to(dtype), target)
    full, full_gradient = _gradient(name, scores.to(dtype).float(), target)
    assert half == pytest.approx(full, rel=1e-6)
    relative = (half_gradient.float() - full_gradient).norm() / full_gradient.norm()
    # A gradient of float16 logits is rounded to float16; small ones fall below its least number.
    assert relative <= (bound if dtype == torch.bfloat16 else 0.5)
    assert half == pytest.approx(_value(name, scores, target), rel=bound)


@every_loss
def test_the_gradient_agrees_with_finite_differences(name: str) -> None:
    target, scores = labels(8, size=(1, 6, 6)), _scores(name, 8, (1, 6, 6), torch.float64)
    loss = loss_with_slope(name)
    _, gradient = _gradient(name, scores, target, loss)
    generator = torch.Generator().manual_seed(0)
    step = 1e-6
    for _ in range(20):
        direction = torch.randn(scores.shape, generator=generator, dtype=torch.float64)
        above = _value(name, scores + step * direction, target, loss)
        rise = above - _value(name, scores - step * direction, target, loss)
        assert rise / (2 * step) == pytest.approx(
            (gradient * direction).sum().item(), rel=2e-3, abs=1e-6
        )


@every_loss
def test_descent_reaches_a_better_prediction(name: str) -> None:
    target = labels(9, size=(1, 16, 16), void=0)
    loss = loss_with_slope(name)
    scores = nn.Parameter(0.5 * _scores(name, 9, (1, 16, 16)))
    optimiser = torch.optim.Adam([scores], lr=0.1)
    first = call(name, loss, scores, target).item()
    for _ in range(60):
        optimiser.zero_grad()
        torch.autograd.backward(call(name, loss, scores, target))
        optimiser.step()
    assert call(name, loss, scores, target).item() < 0.7 * first


@every_loss
def test_the_order_of_images_does_not_matter(name: str) -> None:
    target, scores = labels(14, size=(3, 9, 11)), _scores(name, 14, (3, 9, 11), torch.float64)
    value = _value(name, scores, target)
    assert _value(name, scores.flip(0), target.flip(0)) == pytest.approx(value, rel=1e-9)


@every_loss
def test_a_batch_may_be_split_where_the_loss_is_a_mean_over_pixels(name: str) -> None:
    target, scores = labels(15, size=(3, 9, 11)), _scores(name, 15, (3, 9, 11), torch.float64)
    target[0, :6] = VOID  # so that the parts weigh differently
    parts = [(scores[:1], target[:1]), (scores[1:], target[1:])]
    pixels = [(target != VOID).sum().item() for _, target in parts]
    values = [_value(name, *part) for part in parts]
    mean = sum(n * value for n, value in zip(pixels, values, strict=True)) / sum(pixels)
    same = mean == pytest.approx(_value(name, scores, target), rel=1e-9)
    assert same == (name in MEANS_OVER_PIXELS)


@every_loss
def test_autocast_does_not_reach_inside(name: str) -> None:
    target, scores, loss = labels(10), _scores(name, 10), supplied_loss(name)
    outside = call(name, loss, scores, target)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = call(name, loss, scores, target)
    assert inside.dtype == torch.float32
    assert inside.item() == outside.item()


@every_loss
def test_documents_build_the_same_loss(name: str) -> None:
    document = LOSSES[name].document()
    target, scores = labels(11), _scores(name, 11)
    facts = loss_networks() if needs_of(name).loss_networks else {}
    rebuilt = load_loss(document, num_classes=CLASSES, facts=facts)
    assert call(name, rebuilt, scores, target).item() == _value(name, scores, target)
    assert document["title"]
    assert LOSSES[name].summary.endswith(".")
    assert LOSSES[name].source


_GOOD, _TARGET = torch.zeros(1, CLASSES, 4, 4), torch.zeros(1, 4, 4, dtype=torch.int64)
_BAD = {
    "classes": (torch.zeros(1, 3, 4, 4), _TARGET, r"logits must have shape \(N, 4, H, W\)"),
    "dimensions": (torch.zeros(CLASSES, 4, 4), _TARGET, "logits must have shape"),
    "integer logits": (_GOOD.long(), _TARGET, "logits must be floating point"),
    "target size": (_GOOD, torch.zeros(1, 4, 5).long(), "target must have shape"),
    "target dtype": (_GOOD, _TARGET.float(), "target must be integer labels"),
    "label too large": (_GOOD, _TARGET + 4, "target holds the label 4"),
    "negative label": (_GOOD, _TARGET - 1, "target holds the label -1"),
    "nan": (torch.full_like(_GOOD, torch.nan), _TARGET, "logits hold NaN"),
    "infinity": (torch.full_like(_GOOD, torch.inf), _TARGET, "logits hold NaN or infinite"),
}


@every_loss
@pytest.mark.parametrize("case", _BAD)
def test_bad_input_is_refused_by_name(name: str, case: str) -> None:
    logits, target, message = _BAD[case]
    loss = supplied_loss(name)
    inputs = further(name, torch.zeros(1, CLASSES + heads(name), 4, 4), _TARGET)
    if message.startswith("logits hold") and of_logits(loss) is None:
        loss(logits, target, **inputs)  # it does not look at them
        return
    with pytest.raises(InputError, match=message):
        loss(logits, target, **inputs)


@every_loss
def test_another_void_label_can_be_chosen(name: str) -> None:
    target = labels(12)
    zero_void = torch.where(target == VOID, CLASSES + 7, target)
    scores, loss = _scores(name, 12), supplied_loss(name, ignore_index=CLASSES + 7)
    assert call(name, loss, scores, zero_void).item() == _value(name, scores, target)


with_maps = pytest.mark.parametrize("name", [name for name in LOSSES if maps(name)])
with_heads = pytest.mark.parametrize(
    ("name", "head"),
    [(name, head) for name in LOSSES for head in needs_of(name).inputs if head in WIDTHS],
)
with_objects = pytest.mark.parametrize(
    "name", [name for name in LOSSES if INSTANCES in needs_of(name).inputs]
)
with_networks = pytest.mark.parametrize(
    "name", [name for name in LOSSES if needs_of(name).loss_networks]
)


@with_maps
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_maps_handed_over_give_the_value_of_maps_computed(name: str, dtype: torch.dtype) -> None:
    target, scores, loss = labels(13), _scores(name, 13), supplied_loss(name)
    supplied = {kind: maps_of(kind, target, CLASSES).to(dtype) for kind in maps(name)}
    inputs = further(name, scores, target)
    value = loss(scores[:, :CLASSES], target, **supplied, **inputs).item()
    assert value == pytest.approx(_value(name, scores, target), rel=2e-3)
    # And they are what it looks at.
    other = {kind: torch.zeros_like(kept) for kind, kept in supplied.items()}
    assert loss(scores[:, :CLASSES], target, **other, **inputs).item() != value


@with_maps
def test_maps_of_another_shape_are_refused(name: str) -> None:
    supplied = {kind: torch.zeros(2, 1, 9, 12) for kind in maps(name)}
    with pytest.raises(InputError, match=f"{maps(name)[0]} must be floating point of shape"):
        supplied_loss(name)(_scores(name, 1)[:, :CLASSES], labels(1), **supplied)


@with_heads
def test_a_head_that_is_missing_or_of_another_shape_is_refused(name: str, head: str) -> None:
    target, scores, loss = labels(1), _scores(name, 1), supplied_loss(name)
    logits, inputs = scores[:, :CLASSES], further(name, scores, labels(1))
    given = inputs.pop(head)
    with pytest.raises(InputError, match=f"needs {head}"):
        loss(logits, target, **inputs)
    with pytest.raises(InputError, match=rf"{head} must .* shape \(2, {WIDTHS[head]}, 9, 11\)"):
        loss(logits, target, **inputs, **{head: given[..., 1:]})
    with pytest.raises(InputError, match=f"{head} must be floating point"):
        loss(logits, target, **inputs, **{head: given.long()})
    with pytest.raises(InputError, match=rf"{head}.* hold NaN"):
        loss(logits, target, **inputs, **{head: torch.full_like(given, torch.nan)})


@with_objects
def test_objects_that_are_missing_or_no_numbers_are_refused(name: str) -> None:
    target, scores, loss = labels(1), _scores(name, 1), supplied_loss(name)
    logits, inputs = scores[:, :CLASSES], further(name, scores, labels(1))
    given = inputs.pop(INSTANCES)
    with pytest.raises(InputError, match="needs instances"):
        loss(logits, target, **inputs)
    for other in (given.int(), given[..., 1:], given[:, None]):
        with pytest.raises(InputError, match=r"instances must be int64 of shape \(2, 9, 11\)"):
            loss(logits, target, **inputs, instances=other)
    with pytest.raises(InputError, match="instances holds the number -1"):
        loss(logits, target, **inputs, instances=given - 1)


@with_objects
def test_the_numbers_of_objects_are_names(name: str) -> None:
    target, scores, loss = labels(16), _scores(name, 16, dtype=torch.float64), supplied_loss(name)
    inputs = further(name, scores, target)
    names = torch.tensor([0, 1_000_007, 3, 70, 2])
    other = inputs | {INSTANCES: names[inputs[INSTANCES]]}
    value = loss(scores[:, :CLASSES], target, **inputs).item()
    assert loss(scores[:, :CLASSES], target, **other).item() == pytest.approx(value, rel=1e-12)


@with_objects
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_same_value_and_waits_as_often_for_more_objects(name: str) -> None:
    target = torch.ones(2, 48, 48, dtype=torch.int64)
    scores, loss = _scores(name, 17, (2, 48, 48)), supplied_loss(name)
    tiles = torch.arange(48) // 4
    waits = []
    for instances in (1 + (tiles[:, None] > 5).long() + 0 * tiles, 1 + 12 * tiles[:, None] + tiles):
        inputs = further(name, scores, target) | {INSTANCES: instances.repeat(2, 1, 1)}
        here = loss(scores[:, :CLASSES], target, **inputs).item()
        there = {kind: tensor.cuda() for kind, tensor in inputs.items()}
        logits, labels_there = scores[:, :CLASSES].cuda(), target.cuda()
        torch.cuda.set_sync_debug_mode("warn")
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                value = loss(logits, labels_there, **there)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        waits.append(len(caught))
        assert value.item() == pytest.approx(here, rel=1e-4)
    assert waits[0] == waits[1]


@with_networks
def test_a_loss_network_that_is_missing_or_does_not_fit_is_refused(name: str) -> None:
    [kind] = needs_of(name).loss_networks
    with pytest.raises(InputError, match="lossfit loss-networks train"):
        load_loss(name, num_classes=CLASSES)
    [other] = {EDGE_NETWORK, INVERSE_NETWORK} - {kind}
    with pytest.raises(InputError, match=kind):
        load_loss(name, num_classes=CLASSES, facts={kind: loss_networks()[other]})


@with_networks
def test_loss_networks_stay_frozen(name: str) -> None:
    loss = supplied_loss(name).train()
    assert not any(parameter.requires_grad for parameter in loss.parameters())
    before = {key: tensor.clone() for key, tensor in loss.state_dict().items()}
    torch.autograd.backward(call(name, loss, _scores(name, 1).requires_grad_(), labels(1)))
    assert all(torch.equal(tensor, before[key]) for key, tensor in loss.state_dict().items())


def test_an_input_that_no_loss_takes_is_refused() -> None:
    with pytest.raises(InputError, match="takes no input 'depth'"):
        supplied_loss("cross-entropy")(
            _scores("cross-entropy", 1), labels(1), depth=torch.zeros(2, 1, 9, 11)
        )
