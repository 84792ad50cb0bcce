"""The search's policy: a normal whose mean alone is learned, truncated where theta is bounded."""

import math
from abc import abstractmethod
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import Tensor


def truncated_normal_log_prob(theta: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """Log density of a normal truncated to [0, 1], coordinate by coordinate.

    With the mean in [0, 1] the mass between the bounds is at least Phi(1 / sigma) - 1/2 (0.34 for
    sigma 1), so its logarithm is tame. Updates cross the clip's kink many times and amplify
    rounding, so the order of these operations matters: it is the released one.

    Args:
        theta: (M, d) float32 in [0, 1].
        mean: (d,) float32 in [0, 1].
        sigma: Standard deviation before truncation.

    Returns:
        (M, d).
    """
    mass: Tensor = _normal_cdf((1 - mean) / sigma) - _normal_cdf((0 - mean) / sigma)
    deviation = (theta - mean) / sigma
    log_normal = -0.5 * deviation**2 - 0.5 * math.log(2 * math.pi)
    return log_normal - math.log(sigma) - torch.log(mass)


def sample_truncated_normal(
    mean: Tensor, sigma: float, samples: int, generator: torch.Generator
) -> Tensor:
    """Draw (samples, d) float32 by the inverse CDF, one uniform number of ``generator`` each."""
    centre = mean.double()
    low, high = torch.special.ndtr(-centre / sigma), torch.special.ndtr((1 - centre) / sigma)
    uniform = torch.rand(samples, len(mean), dtype=torch.float64, generator=generator)
    theta = centre + sigma * torch.special.ndtri(low + uniform * (high - low))
    inside: Tensor = theta.clamp(0.0, 1.0)
    return inside.float()


def _normal_cdf(x: Tensor) -> Tensor:
    return 0.5 * (1 + torch.erf(x / math.sqrt(2)))


MARGIN = 1e-3
"""A start's distance from 0 and 1 in the unit cube: the mean is a sigmoid and reaches neither."""


class MeanPolicy(ActorCriticPolicy):
    """Policy without observations: a learned mean, fixed sigma, no value network.

    Values are zero here; the baseline takes their place once the rewards are known, in
    :class:`search_service.samplers.environment.GenerationBuffer`.

    Args:
        observation_space: Of the environments; carries nothing.
        action_space: Where theta lies, shape (d,).
        lr_schedule: Adam's learning rate.
        start: Initial mean, d values.
        sigma: Standard deviation, see the subclasses.
        joint: Sum log probabilities over the coordinates, so that one ratio is clipped.
        mean_first: The first action of every batch is the mean itself.
        seed: Seeds the policy's own generator; no global one is read or moved.

    Attributes:
        parameter: What is learned, shape (d,); the mean is a function of it.
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Box,
        lr_schedule: Schedule,
        *,
        start: list[float],
        sigma: float,
        joint: bool,
        mean_first: bool,
        seed: int,
        **unused: Any,
    ) -> None:
        """Keep the options that :meth:`_build` needs, then let the base class call it."""
        self._start, self._sigma, self._joint = start, sigma, joint
        self._mean_first = mean_first
        self._generator = torch.Generator().manual_seed(seed)
        super().__init__(observation_space, action_space, lr_schedule, **unused)

    def _build(self, lr_schedule: Schedule) -> None:
        start = torch.tensor(self._start, dtype=torch.float32)
        self.parameter = torch.nn.Parameter(self._parameter_of(start))
        self.optimizer = torch.optim.Adam([self.parameter], lr=lr_schedule(1))

    @property
    @abstractmethod
    def mean(self) -> Tensor:
        """The policy's mean mu, shape (d,)."""

    @abstractmethod
    def _parameter_of(self, start: Tensor) -> Tensor:
        """Return the parameter whose mean is ``start``, shape (d,)."""

    @abstractmethod
    def _sample(self, mean: Tensor, samples: int) -> Tensor:
        """Draw (samples, d) float32."""

    @abstractmethod
    def _log_density(self, theta: Tensor) -> Tensor:
        """Log density of (M, d), coordinate by coordinate."""

    def forward(self, obs: Tensor, deterministic: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """Return actions (M, d), values (M, 1) and log probabilities of M environments."""
        mean = self.mean
        theta = mean.expand(len(obs), -1) if deterministic else self._sample(mean, len(obs))
        if self._mean_first:
            theta[0] = mean
        return theta, self.predict_values(obs), self._log_prob(theta)

    def evaluate_actions(self, obs: PyTorchObs, actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return values, log probabilities and a zero entropy of (M, d) actions."""
        return self.predict_values(obs), self._log_prob(actions), torch.zeros(len(actions))

    def predict_values(self, obs: PyTorchObs) -> Tensor:
        """Return zeros, shape (M, 1): see the class."""
        return torch.zeros(len(obs), 1)

    def _predict(self, observation: PyTorchObs, deterministic: bool = False) -> Tensor:
        return self.forward(torch.as_tensor(observation), deterministic)[0]

    def _log_prob(self, theta: Tensor) -> Tensor:
        log_prob = self._log_density(theta)
        return log_prob.sum(dim=1) if self._joint else log_prob


class TruncatedNormalPolicy(MeanPolicy):
    """Over the unit cube: mean = sigmoid(parameter), sigma as it is before truncation.

    A start on the cube's faces is moved inside by :data:`MARGIN`.
    """

    @property
    def mean(self) -> Tensor:
        """The policy's mean mu, shape (d,), in [0, 1]."""
        return torch.sigmoid(self.parameter)

    def _parameter_of(self, start: Tensor) -> Tensor:
        mean = start.clamp(MARGIN, 1 - MARGIN)
        return torch.log(mean) - torch.log(1 - mean)

    def _sample(self, mean: Tensor, samples: int) -> Tensor:
        return sample_truncated_normal(mean, self._sigma, samples, self._generator)

    def _log_density(self, theta: Tensor) -> Tensor:
        return truncated_normal_log_prob(theta, self.mean, self._sigma)


class NormalPolicy(MeanPolicy):
    """Over all real theta, without truncation: mean = start + widths / 4 * parameter.

    So that learning rate and sigma mean what they mean in the unit cube, both are relative to the
    box that the space calls its own: theta's standard deviation is ``sigma * widths``, and a step of
    the parameter moves the mean as it does at the middle of the cube, where a sigmoid's slope is 1/4.

    Args:
        *args: As the base class's.
        widths: Widths of the box, d values.
        **options: As the base class's.
    """

    def __init__(self, *args: Any, widths: list[float], **options: Any) -> None:
        """Keep the widths, then let the base class build."""
        self._widths = widths
        super().__init__(*args, **options)

    def _build(self, lr_schedule: Schedule) -> None:
        self._origin = torch.tensor(self._start, dtype=torch.float32)
        self._scale = torch.tensor(self._widths, dtype=torch.float32)
        super()._build(lr_schedule)

    @property
    def mean(self) -> Tensor:
        """The policy's mean mu, shape (d,)."""
        return self._origin + self._scale / 4 * self.parameter

    def _parameter_of(self, start: Tensor) -> Tensor:
        return torch.zeros_like(start)

    def _sample(self, mean: Tensor, samples: int) -> Tensor:
        noise = torch.randn(samples, len(mean), dtype=torch.float64, generator=self._generator)
        return (mean.double() + self._sigma * self._scale.double() * noise).float()

    def _log_density(self, theta: Tensor) -> Tensor:
        deviation = self._sigma * self._scale
        log_normal = -0.5 * ((theta - self.mean) / deviation) ** 2 - 0.5 * math.log(2 * math.pi)
        return log_normal - torch.log(deviation)
