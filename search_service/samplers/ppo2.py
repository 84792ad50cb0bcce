"""PPO2 over a truncated normal policy, the search of Auto Seg-Loss, on stable-baselines3.

Li et al., "Auto Seg-Loss: Searching Metric Surrogates for Semantic Segmentation", ICLR 2021,
section 3.3 and appendix; defaults and the update's details follow the released code.
"""

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import VecEnv

from search_service.samplers.contract import Evaluate, SamplerResult
from search_service.samplers.environment import GenerationBuffer, GenerationEnv
from search_service.samplers.policy import MeanPolicy, NormalPolicy, TruncatedNormalPolicy
from search_service.samplers.results import best_mean
from search_service.samplers.specs import PPO2Spec
from search_service.spaces.space import Box, Theta


class PPO2(PPO):
    """PPO whose ratio may be clipped coordinate by coordinate.

    Built without ``seed``: stable-baselines3 would seed Python's, NumPy's and torch's global
    generators with it. The policy carries its own.

    Attributes:
        path: The policy's mean before every generation's update.
    """

    policy: MeanPolicy

    def __init__(
        self,
        env: GenerationEnv,
        start: list[float],
        spec: PPO2Spec,
        seed: int,
        *,
        widths: list[float] | None = None,
    ) -> None:
        """Set PPO up for generations of one step: one batch, no value network, no entropy bonus.

        Args:
            env: The generations.
            start: The policy's first mean.
            spec: Options.
            seed: Of the policy's generator.
            widths: Of the box of a space without bounds, for a plain normal; None takes the normal
                truncated to the unit cube.
        """
        joint = spec.ratio == "joint"
        super().__init__(
            TruncatedNormalPolicy if widths is None else NormalPolicy,
            env,
            learning_rate=spec.learning_rate,
            n_steps=1,
            batch_size=env.num_envs,
            n_epochs=spec.updates,
            gamma=1.0,
            gae_lambda=1.0,
            clip_range=spec.clip,
            normalize_advantage=False,
            rollout_buffer_class=GenerationBuffer,
            rollout_buffer_kwargs={"baseline": spec.baseline, "per_dimension": not joint},
            policy_kwargs={
                "start": start,
                "sigma": spec.sigma,
                "joint": joint,
                "mean_first": spec.baseline == "mu",
                "seed": seed,
                **({} if widths is None else {"widths": widths}),
            },
            device="cpu",
        )
        self.set_logger(Logger(folder=None, output_formats=[]))
        self.path: list[tuple[float, ...]] = []

    def collect_rollouts(
        self,
        env: VecEnv,
        callback: BaseCallback,
        rollout_buffer: RolloutBuffer,
        n_rollout_steps: int,
    ) -> bool:
        """Note the mean, then have one generation proposed and scored."""
        self.path.append(tuple(self.policy.mean.tolist()))
        return super().collect_rollouts(env, callback, rollout_buffer, n_rollout_steps)

    def train(self) -> None:
        """Take ``n_epochs`` steps on the clipped objective: a mean over samples of sums over theta.

        Replaces the base class's, whose ratio is one number a sample. Its other terms have no part:
        there is no value network, the entropy has weight 0, and gradients are not clipped.
        """
        clip = float(self.clip_range(self._current_progress_remaining))  # type: ignore[operator]
        batch = next(self.rollout_buffer.get())
        shape = (-1, 1) if batch.old_log_prob.ndim == 2 else (-1,)
        advantages = batch.advantages.reshape(shape)
        for _ in range(self.n_epochs):
            _, log_prob, _ = self.policy.evaluate_actions(batch.observations, batch.actions)
            ratio = torch.exp(log_prob - batch.old_log_prob)
            clipped = torch.clamp(ratio, 1 - clip, 1 + clip)
            objective = torch.min(advantages * ratio, advantages * clipped)
            loss = -objective.sum() / len(batch.actions)
            self.policy.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.policy.optimizer.step()
        self._n_updates += self.n_epochs


def run(
    space: Box,
    spec: PPO2Spec,
    evaluate: Evaluate,
    seed: int,
    start: Theta | None = None,
) -> SamplerResult:
    """Search from the start; publish the mean whose generation scored highest on average.

    See :class:`search_service.samplers.contract.Sampler`. The mean after the last update is not a
    candidate: nothing was sampled around it.
    """
    mean_first, bounded = spec.baseline == "mu", space.bounded
    env = GenerationEnv(space.dimension, spec.samples, evaluate, mean_first, bounded=bounded)
    first = space.start.tolist() if start is None else list(start)
    widths = None if bounded else (space.high - space.low).tolist()
    search = PPO2(env, first, spec, seed, widths=widths)
    search.learn(spec.trials, log_interval=None)  # type: ignore[arg-type]
    return best_mean(search.path, env.mean_scores, of=spec.steps)
