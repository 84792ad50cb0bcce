"""Softmax probabilities and those of the true class, against softmax and a look-up."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from surrogate_zoo.metrics.probabilities import probabilities

LABELS = torch.randint(0, 4, (2, 5, 6), generator=torch.Generator().manual_seed(1))
VOID = torch.rand(2, 5, 6, generator=torch.Generator().manual_seed(2)) < 0.3


def _scores() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 4, 5, 6, generator=generator, dtype=torch.float64).requires_grad_()


def _plain(scores: Tensor, void: Tensor | None) -> tuple[Tensor, Tensor]:
    softmax = scores.softmax(1) * (1 if void is None else ~void[:, None])
    return softmax, softmax.gather(1, LABELS[:, None])[:, 0]


def _every(found: tuple[Tensor, Tensor]) -> Tensor:
    return (found[0] * torch.arange(4.0)[:, None, None]).square().sum()


def _true(found: tuple[Tensor, Tensor]) -> Tensor:
    return (found[1] + found[1].square()).sum()


@pytest.mark.parametrize("void", [None, VOID])
@pytest.mark.parametrize(
    "used", [_every, _true, lambda found: _every(found) * _true(found)], ids=["all", "true", "both"]
)
def test_values_and_gradients_are_those_of_softmax(
    void: Tensor | None, used: Callable[[tuple[Tensor, Tensor]], Tensor]
) -> None:
    scores = _scores()
    found, expected = probabilities(scores, LABELS, void), _plain(scores, void)
    torch.testing.assert_close(found, expected)
    gradients = [torch.autograd.grad(used(each), scores)[0] for each in (found, expected)]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("void", [None, VOID])
def test_the_gradient_can_be_differentiated(void: Tensor | None) -> None:
    scores = _scores()

    def loss(scores: Tensor) -> Tensor:
        every, true = probabilities(scores, LABELS, void)
        return every.square().sum() * true.square().sum()

    assert torch.autograd.gradgradcheck(loss, scores)
    with torch.no_grad():
        assert loss(scores) == loss(scores.clone().requires_grad_())


def test_whatever_stands_at_void_pixels_reaches_nothing() -> None:
    scores = _scores()
    spoiled = scores.detach().masked_fill(VOID[:, None], torch.nan).requires_grad_()
    for each in (scores, spoiled):
        torch.autograd.backward(_every(probabilities(each, LABELS, VOID)))
    assert spoiled.grad is not None
    assert scores.grad is not None
    assert torch.equal(spoiled.grad, scores.grad)
    assert (spoiled.grad.movedim(1, -1)[VOID] == 0).all()
