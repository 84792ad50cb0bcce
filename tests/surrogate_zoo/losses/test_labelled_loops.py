"""What loops do with losses of one channel, of multi-labels, of volumes and with soft targets."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from surrogate_zoo import LOSSES, load_loss
from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.mode_fit import check_mode
from surrogate_zoo.losses.registry import needs_of
from tests.surrogate_zoo.losses.supplies import heads, maps

VOID = 255


@dataclass(frozen=True)
class Case:
    """Logits and a target of one way to label pixels.

    Attributes:
        channels: C of the logits.
        size: Of an image or a volume.
        mode: Of the logits.
        soft: Whether the target is probabilities.
    """

    channels: int
    size: tuple[int, ...] = (7, 9)
    mode: str = "multiclass"
    soft: bool = False

    def loss(self, name: str) -> nn.Module:
        return load_loss(name, num_classes=self.channels, mode=self.mode)

    def batch(self, images: int = 2) -> tuple[Tensor, Tensor]:
        random = torch.Generator().manual_seed(1)
        shape = (images, self.channels, *self.size)
        logits = 2 * torch.randn(shape, generator=random)
        if self.soft and self.mode == "multiclass" and self.channels > 1:
            return logits, torch.randn(shape, generator=random).softmax(1)
        several = self.mode == "multilabel"
        target = torch.rand(shape if several else (images, *self.size), generator=random)
        if self.soft:
            return logits, target
        labels = (target * (2 if several else max(self.channels, 2))).long()
        labels[..., 0] = VOID
        return logits, labels


CASES = {
    "binary": Case(1),
    "multilabel": Case(3, mode="multilabel"),
    "volume": Case(3, size=(3, 5, 6)),
    "soft": Case(3, soft=True),
    "soft binary": Case(1, soft=True),
}
COMPILED = [
    ("lovasz", "binary"),
    ("naive-bf1", "multilabel"),
    ("focal", "volume"),
    ("cross-entropy", "soft"),
    ("dice-squared", "soft binary"),
    ("asl-miou-voc", "binary"),
]


def plain(case: Case) -> Iterator[str]:
    """Losses that take logits and target of a case alone."""
    for name in LOSSES:
        needs = needs_of(name)
        if heads(name) or needs.loss_networks or needs.facts or maps(name):
            continue
        try:
            check_mode(LOSSES[name].document(), case.mode)
            loss = case.loss(name)
            loss(*case.batch())
        except InputError:
            continue
        yield name


@pytest.fixture(scope="module")
def losses() -> dict[str, list[str]]:
    return {name: list(plain(case)) for name, case in CASES.items()}


def value_and_gradient(
    loss: Callable[..., Tensor], logits: Tensor, target: Tensor
) -> tuple[float, Tensor]:
    leaf = logits.clone().requires_grad_()
    value = loss(leaf, target)
    (gradient,) = torch.autograd.grad(value, leaf)
    return value.item(), gradient


@pytest.mark.parametrize(("name", "of"), COMPILED)
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # the tracer looks at it
def test_it_is_traced_as_one_graph(name: str, of: str) -> None:
    torch.compiler.reset()
    loss = CASES[of].loss(name)
    logits, target = CASES[of].batch()
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    value, gradient = value_and_gradient(loss, logits, target)
    found, slope = value_and_gradient(compiled, logits, target)
    assert found == pytest.approx(value, rel=1e-5)
    assert bool((slope - gradient).abs().max() <= 1e-5 * gradient.abs().max())
    torch.compiler.reset()


@pytest.mark.parametrize("of", CASES)
def test_inference_mode_changes_no_value(of: str, losses: dict[str, list[str]]) -> None:
    logits, target = CASES[of].batch()
    assert len(losses[of]) > (2 if CASES[of].soft else 20)
    for name in losses[of]:
        loss = CASES[of].loss(name)
        with torch.inference_mode():
            inside = loss(logits.clone(), target.clone())
        assert inside.item() == pytest.approx(loss(logits, target).item(), rel=1e-6), name


@pytest.mark.parametrize("of", CASES)
@pytest.mark.parametrize("empty", ["no image", "no pixel"])
def test_a_batch_of_nothing_is_worth_nothing(
    of: str, empty: str, losses: dict[str, list[str]]
) -> None:
    logits, target = CASES[of].batch()
    if empty == "no image":
        logits, target = logits[:0], target[:0]
    else:
        logits, target = logits[..., :0], target[..., :0]
    for name in losses[of]:
        value, gradient = value_and_gradient(CASES[of].loss(name), logits, target)
        assert (value, gradient.shape) == (0, logits.shape), name
