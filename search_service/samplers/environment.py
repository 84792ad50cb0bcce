"""A generation as stable-baselines3 sees it: M one-step environments, and a buffer of scores."""

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.type_aliases import RolloutBufferSamples
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn
from torch import Tensor

from search_service.samplers.contract import Evaluate, Proposal, with_failures_filled


class GenerationEnv(VecEnv):
    """M environments of one step: an action is a proposal, its reward the proposal's score.

    A failed proposal gets the worst score of its generation; a generation that failed as a whole
    gets rewards of zero, hence no advantage, and leaves the policy's gradient zero.

    Attributes:
        mean_scores: Mean reward of every generation so far; None where all of it failed.
    """

    def __init__(
        self,
        dimension: int,
        samples: int,
        evaluate: Evaluate,
        mean_first: bool,
        *,
        bounded: bool = True,
    ) -> None:
        """Make ``samples`` environments over the unit cube of ``dimension``, or over all theta."""
        # stable-baselines3 asks for finite bounds, and cuts actions to them.
        most = float(np.finfo(np.float32).max)
        low, high = (0.0, 1.0) if bounded else (-most, most)
        actions = spaces.Box(low, high, (dimension,), np.float32)
        super().__init__(samples, spaces.Box(0.0, 0.0, (1,), np.float32), actions)
        self.mean_scores: list[float | None] = []
        self._evaluate, self._mean_first = evaluate, mean_first
        self._actions: NDArray[np.float32] = np.empty((0, dimension), np.float32)

    def reset(self) -> NDArray[np.float32]:
        """Return the observations, which carry nothing."""
        return np.zeros((self.num_envs, 1), np.float32)

    def step_async(self, actions: NDArray[np.float32]) -> None:
        """Take the generation's actions, shape (M, d)."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Have the proposals scored; every episode ends with its first step."""
        generation = len(self.mean_scores)
        proposals = [
            Proposal(
                number=generation * self.num_envs + index,
                generation=generation,
                theta=tuple(theta.tolist()),
                is_mean=self._mean_first and index == 0,
            )
            for index, theta in enumerate(self._actions)
        ]
        rewards = with_failures_filled(self._evaluate(proposals))
        self.mean_scores.append(float(np.mean(rewards)) if rewards else None)
        ends = np.ones(self.num_envs, dtype=bool)
        rewarded = np.asarray(rewards or [0.0] * self.num_envs, np.float32)
        return self.reset(), rewarded, ends, [{} for _ in range(self.num_envs)]

    def close(self) -> None:
        """Nothing is held."""

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """Return an attribute once for every environment asked for; they are all alike."""
        return [getattr(self, attr_name, None) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Refuse: the environments are one."""
        raise NotImplementedError(
            "The environments of a generation have no attributes of their own."
        )

    def env_method(
        self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any
    ) -> list[Any]:
        """Refuse: the environments are one."""
        raise NotImplementedError("The environments of a generation have no methods of their own.")

    def env_is_wrapped(
        self,
        wrapper_class: type[Any],  # noqa: ARG002
        indices: VecEnvIndices = None,
    ) -> list[bool]:
        """Tell that no environment is wrapped."""
        return [False for _ in self._get_indices(indices)]


class GenerationBuffer(RolloutBuffer):
    """One generation: its baseline stands in for the value estimate, its order is kept.

    Departs from the base class where that is made for long episodes: values come after the rewards
    (they are the baseline), log probabilities may be per coordinate, and samples are not shuffled
    (the base class shuffles with NumPy's global generator, which other searches use too).

    Args:
        baseline: ``mu`` takes the reward of the first sample, ``mean`` the mean reward.
        per_dimension: Keep one log probability per coordinate.
    """

    def __init__(self, *args: Any, baseline: str, per_dimension: bool, **kwargs: Any) -> None:
        """Take the base class's arguments and the two of this class."""
        self._baseline, self._per_dimension = baseline, per_dimension
        super().__init__(*args, **kwargs)

    def reset(self) -> None:
        """Empty the buffer; log probabilities get their own axis of coordinates if wanted."""
        super().reset()
        if self._per_dimension:
            shape = (self.buffer_size, self.n_envs, self.action_dim)
            self.log_probs = np.zeros(shape, np.float32)

    def compute_returns_and_advantage(self, last_values: Tensor, dones: NDArray[np.bool_]) -> None:
        """Put the baseline where values stand, then let the base class take the difference."""
        rewards = torch.from_numpy(self.rewards)
        baseline = rewards[:, :1] if self._baseline == "mu" else rewards.mean(dim=1, keepdim=True)
        self.values = baseline.expand_as(rewards).numpy().copy()
        super().compute_returns_and_advantage(last_values, dones)

    def get(
        self,
        batch_size: int | None = None,  # noqa: ARG002
    ) -> Generator[RolloutBufferSamples, None, None]:
        """Yield the generation as one batch, in its order."""
        columns: Sequence[NDArray[Any]] = (
            self.observations,
            self.actions,
            self.values,
            self.log_probs,
            self.advantages,
            self.returns,
        )
        yield RolloutBufferSamples(*(self.to_torch(column[0]) for column in columns))
