import numpy as np
import pytest
import torch
from scipy import stats

from search_service.samplers.policy import sample_truncated_normal, truncated_normal_log_prob

MEANS = [1e-6, 0.05, 0.5, 0.93, 1 - 1e-6]


def reference(mean: float, sigma: float) -> "stats.rv_continuous":
    return stats.truncnorm(-mean / sigma, (1 - mean) / sigma, loc=mean, scale=sigma)


@pytest.mark.parametrize("sigma", [0.05, 0.2, 1.0])
@pytest.mark.parametrize("mean", MEANS)
def test_log_prob_is_the_truncated_normals(mean: float, sigma: float) -> None:
    theta = np.linspace(0, 1, 41)
    found = truncated_normal_log_prob(
        torch.tensor(theta)[:, None], torch.tensor([mean]).double(), sigma
    )
    assert np.allclose(found[:, 0].numpy(), reference(mean, sigma).logpdf(theta), atol=1e-9)
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
    truncated_normal_log_prob(theta, torch.sigmoid(logit), 0.2).sum().backward()
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
