"""PPO2 against recorded updates of the released implementation, and on a known optimum."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from search_service.requests import PPO2Spec
from search_service.samplers import Proposal
from search_service.samplers.environment import GenerationEnv
from search_service.samplers.ppo2 import PPO2

RECORDED = json.loads((Path(__file__).parents[1] / "fixtures/ppo2_reference.json").read_text())


class Replayed(PPO2):
    """PPO2 whose proposals are the recorded ones; rewards, baseline and update are its own."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.steps = iter(case["steps"])
        self.case = case
        spec = PPO2Spec(
            steps=len(case["steps"]),
            samples=case["samples"],
            updates=case["updates"],
            sigma=case["sigma"],
            learning_rate=case["lr"],
            clip=case["clip_eps"],
            ratio=case["ratio"],
            baseline=case["baseline"],
        )
        self.spec = spec
        env = GenerationEnv(case["dim"], case["samples"], self.score, case["baseline"] == "mu")
        super().__init__(env, [case["mu_init"]] * case["dim"], spec, seed=0)
        self.policy.forward = self.propose  # type: ignore[method-assign]
        self.log_prob_errors: list[float] = []

    def propose(self, obs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        self.step = next(self.steps)
        theta = torch.tensor(self.step["theta"])
        _, log_prob, _ = self.policy.evaluate_actions(obs, theta)
        recorded = torch.tensor(self.step["log_prob_before"])
        self.log_prob_errors.append(float((log_prob - recorded).abs().max()))
        return theta, self.policy.predict_values(obs), log_prob

    def score(self, batch: list[Proposal]) -> list[float]:
        assert np.allclose([p.theta for p in batch], self.step["theta"], atol=1e-7)
        return list(self.step["reward"])


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: f"baseline-{case['baseline']}")
def test_updates_equal_the_released_ones(case: dict[str, Any]) -> None:
    search = Replayed(case)
    search.learn(search.spec.trials, log_interval=None)
    after = [*search.path[1:], tuple(search.policy.mean.tolist())]
    assert len(after) == len(case["steps"])
    for step, mean in zip(case["steps"], after, strict=True):
        assert np.abs(np.array(mean) - step["mu_after"]).max() <= 1e-4
    assert max(search.log_prob_errors) <= 1e-5
