"""The policies of PPO2, their densities and samples against SciPy's."""

from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from scipy import stats

from search_service.samplers.policy import (
    MeanPolicy,
    NormalPolicy,
    TruncatedNormalPolicy,
    sample_truncated_normal,
    truncated_normal_log_prob,
)

MEANS = [1e-6, 0.05, 0.5, 0.93, 1 - 1e-6]


def reference(mean: float, sigma: float) -> Any:
    """SciPy's frozen truncated normal."""
    return stats.truncnorm(-mean / sigma, (1 - mean) / sigma, loc=mean, scale=sigma)


@pytest.mark.parametrize("sigma", [0.05, 0.2, 1.0])
@pytest.mark.parametrize("mean", MEANS)
def test_log_prob_is_the_truncated_normals(mean: float, sigma: float) -> None:
    theta = np.linspace(0, 1, 41)
    double = truncated_normal_log_prob(
        torch.tensor(theta)[:, None], torch.tensor([mean]).double(), sigma
    )
    assert np.allclose(double[:, 0].numpy(), reference(mean, sigma).logpdf(theta), atol=1e-9)
    single = truncated_normal_log_prob(
        torch.tensor(theta).float()[:, None], torch.tensor([mean]), sigma
    )
    assert np.allclose(
        single[:, 0].numpy(), reference(mean, sigma).logpdf(theta), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("mean", MEANS)
def test_its_gradient_stays_finite_at_the_edges(mean: float) -> None:
    logit = torch.logit(torch.tensor([mean], dtype=torch.float64)).requires_grad_()
    theta = torch.linspace(0, 1, 11, dtype=torch.float64)[:, None]
    torch.autograd.backward(truncated_normal_log_prob(theta, torch.sigmoid(logit), 0.2).sum())
    assert logit.grad is not None
    assert torch.isfinite(logit.grad).all()


@pytest.mark.parametrize("mean", MEANS)
def test_samples_are_distributed_as_the_truncated_normal(mean: float) -> None:
    generator = torch.Generator().manual_seed(3)
    theta = sample_truncated_normal(torch.tensor([mean]), 0.2, 4000, generator)[:, 0].numpy()
    assert theta.dtype == np.float32
    assert theta.min() >= 0
    assert theta.max() <= 1
    assert stats.kstest(theta, reference(mean, 0.2).cdf).pvalue > 1e-3


def test_samples_follow_from_the_generator_alone() -> None:
    mean = torch.full((6,), 0.4)
    first, again = (
        sample_truncated_normal(mean, 0.2, 5, torch.Generator().manual_seed(9)) for _ in range(2)
    )
    assert torch.equal(first, again)


def policy(kind: type[MeanPolicy], start: list[float], **options: Any) -> MeanPolicy:
    nothing = spaces.Box(0.0, 0.0, (1,), np.float32)
    actions = spaces.Box(-1e9, 1e9, (len(start),), np.float32)
    common: dict[str, Any] = {"sigma": 0.2, "joint": False, "mean_first": False, "seed": 4}
    return kind(nothing, actions, lambda _: 0.2, start=start, **common, **options)


def test_a_plain_normal_lies_around_its_start_with_a_deviation_of_the_boxs_width() -> None:
    normal = policy(NormalPolicy, [0.0, 5.0], widths=[6.0, 1.0])
    with torch.no_grad():
        theta, _, log_prob = normal(torch.zeros(4000, 1))
    for column, (mean, sigma) in enumerate([(0.0, 1.2), (5.0, 0.2)]):
        reference = stats.norm(mean, sigma)
        drawn = theta[:, column].numpy()
        assert drawn.dtype == np.float32
        assert stats.kstest(drawn, reference.cdf).pvalue > 1e-3
        assert np.allclose(log_prob[:, column].numpy(), reference.logpdf(drawn), atol=1e-4)


def test_a_step_moves_a_plain_normal_as_it_moves_the_middle_of_the_cube() -> None:
    plain = policy(NormalPolicy, [0.5], widths=[1.0])
    truncated = policy(TruncatedNormalPolicy, [0.5])
    for normal in (plain, truncated):
        (gradient,) = torch.autograd.grad(normal.mean.sum(), normal.parameter)
        assert gradient.item() == pytest.approx(0.25)
        assert normal.mean.item() == 0.5


def test_a_start_on_a_face_of_the_cube_can_move() -> None:
    mean = policy(TruncatedNormalPolicy, [0.0, 1.0]).mean
    assert ((mean > 0) & (mean < 1)).all()
    assert np.allclose(mean.detach().numpy(), [0, 1], atol=2e-3)
