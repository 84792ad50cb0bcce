"""What training loops do with a loss beside calling it: the contract of every loss of the registry."""

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, grad

from surrogate_zoo import LOSSES, load_loss
from surrogate_zoo.losses.distance_maps import maps_of
from tests.surrogate_zoo.batches import VOID, labels
from tests.surrogate_zoo.losses.supplies import (
    CLASSES,
    call,
    further,
    heads,
    loss_with_slope,
    maps,
    objects,
    supplied_loss,
)

every_loss = pytest.mark.parametrize("name", LOSSES)
without_maps = pytest.mark.parametrize("name", [name for name in LOSSES if not maps(name)])

TARGET = labels(1)


def _scores(name: str, dtype: torch.dtype = torch.float32, images: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    shape = (images, CLASSES + heads(name), 9, 11)
    return 2 * torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def _value_and_gradient(
    run: Callable[[Tensor, Tensor], Tensor], scores: Tensor, target: Tensor = TARGET
) -> tuple[float, Tensor]:
    leaf = scores.clone().requires_grad_()
    value = run(leaf, target)
    torch.autograd.backward(value)
    assert leaf.grad is not None
    return value.item(), leaf.grad


def _caller(name: str, loss: Any) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda scores, target: call(name, loss, scores, target)


def _agree(found: Tensor, expected: Tensor, relative: float = 1e-5) -> bool:
    return bool((found - expected).abs().max() <= relative * expected.abs().max())


@pytest.fixture
def compiler() -> Iterator[None]:
    """Nothing that an earlier test has compiled."""
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def _compiled_as_eager(name: str, backend: str) -> None:
    loss = supplied_loss(name)
    run = _caller(name, loss)
    compiled = _caller(name, torch.compile(loss, fullgraph=True, backend=backend))
    for target in (TARGET, torch.full_like(TARGET, VOID)):
        value, gradient = _value_and_gradient(run, _scores(name), target)
        found, found_gradient = _value_and_gradient(compiled, _scores(name), target)
        assert found == pytest.approx(value, rel=1e-5, abs=1e-7)
        assert _agree(found_gradient, gradient)


@without_maps
@pytest.mark.usefixtures("compiler")
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # the tracer looks at it
def test_it_is_traced_as_one_graph(name: str) -> None:
    _compiled_as_eager(name, "aot_eager")


@every_loss
def test_without_gradients_the_value_is_the_same(name: str) -> None:
    scores, loss = _scores(name), supplied_loss(name)
    value = call(name, loss, scores.clone().requires_grad_(), TARGET).item()
    for mode in (torch.no_grad(), torch.inference_mode()):
        with mode:
            assert call(name, loss, scores.clone(), TARGET.clone()).item() == pytest.approx(
                value, rel=1e-6
            )


@every_loss
def test_functional_transforms_give_the_gradient(name: str) -> None:
    loss, scores = supplied_loss(name), _scores(name)
    distances = {kind: maps_of(kind, TARGET, CLASSES) for kind in maps(name)}
    tensors = {**dict(loss.named_parameters()), **dict(loss.named_buffers())}

    def value(varied: Tensor) -> Tensor:
        given = further(name, varied, TARGET) | distances
        found: Tensor = functional_call(loss, tensors, (varied[:, :CLASSES], TARGET), given)
        return found

    _, gradient = _value_and_gradient(_caller(name, loss), scores)
    assert _agree(grad(value)(scores), gradient, 1e-4)


@every_loss
def test_the_gradient_can_be_differentiated(name: str) -> None:
    loss, scores = loss_with_slope(name), _scores(name, torch.float64)
    generator = torch.Generator().manual_seed(2)
    direction = torch.randn(scores.shape, generator=generator, dtype=torch.float64)

    def slope(at: Tensor) -> tuple[Tensor, Tensor]:
        leaf = at.clone().requires_grad_()
        value = call(name, loss, leaf, TARGET)
        (gradient,) = torch.autograd.grad(value, leaf, create_graph=True)
        return leaf, gradient

    leaf, gradient = slope(scores)
    _, once = _value_and_gradient(_caller(name, loss), scores)
    assert _agree(gradient.detach(), once, 1e-9)
    (curvature,) = torch.autograd.grad((gradient * direction).sum(), leaf)
    step = 1e-5
    above, below = (slope(scores + sign * step * direction)[1] for sign in (1, -1))
    assert _agree(curvature, ((above - below) / (2 * step)).detach(), 1e-3)


@every_loss
def test_autocast_changes_nothing(name: str) -> None:
    run, scores = _caller(name, supplied_loss(name)), _scores(name)
    value, gradient = _value_and_gradient(run, scores)

    def under_autocast(varied: Tensor, target: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return run(varied, target)

    found, found_gradient = _value_and_gradient(under_autocast, scores)
    assert found == value
    assert torch.equal(found_gradient, gradient)


@every_loss
def test_deterministic_algorithms_are_enough(name: str) -> None:
    run, scores = _caller(name, supplied_loss(name)), _scores(name)
    value, gradient = _value_and_gradient(run, scores)
    torch.use_deterministic_algorithms(True)
    try:
        found, found_gradient = _value_and_gradient(run, scores)
    finally:
        torch.use_deterministic_algorithms(False)
    assert found == value
    assert torch.equal(found_gradient, gradient)


@every_loss
def test_an_empty_batch_has_value_0_and_a_gradient(name: str) -> None:
    target = torch.zeros(0, 9, 11, dtype=torch.int64)
    run = _caller(name, supplied_loss(name))
    value, gradient = _value_and_gradient(run, _scores(name, images=0), target)
    assert value == 0
    assert gradient.shape == (0, CLASSES + heads(name), 9, 11)


@every_loss
def test_a_copy_is_the_same_loss(name: str) -> None:
    loss, scores = supplied_loss(name, process_group="world"), _scores(name)
    value = call(name, loss, scores, TARGET).item()
    for other in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):  # noqa: S301  (own)
        assert call(name, other, scores, TARGET).item() == value
    fresh = supplied_loss(name)
    assert fresh.load_state_dict(loss.state_dict()) == ([], [])
    assert call(name, fresh, scores, TARGET).item() == value


@pytest.mark.usefixtures("compiler")
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # the tracer looks at it
def test_a_copy_of_a_loss_of_objects_is_compiled_as_itself() -> None:
    name = "discriminative"
    loss = load_loss(name, num_classes=CLASSES)
    other = copy.deepcopy(loss)
    setattr(other, "delta_v", 0.1)  # noqa: B010
    value = call(name, other, _scores(name), TARGET).item()
    assert call(name, loss, _scores(name), TARGET).item() != value
    graph = torch.compile(other, fullgraph=True, backend="aot_eager")
    compiled = _caller(name, graph)
    assert compiled(_scores(name), TARGET).item() == pytest.approx(value)


def test_the_operation_of_a_loss_of_objects_is_as_the_compiler_is_told() -> None:
    loss, scores = load_loss("discriminative", num_classes=CLASSES), _scores("discriminative")
    turned = scores[:, CLASSES:].mT.contiguous().mT
    names = "scores embeddings target instances"
    arguments = (loss.number, names, [scores[:, :CLASSES], turned], [TARGET, objects(TARGET)])
    operation = torch.ops.lossfit.surrogate_zoo_losses_handmade_opaque.default
    torch.library.opcheck(operation, arguments, test_utils=["test_schema", "test_faketensor"])
