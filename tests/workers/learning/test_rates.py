"""The optimiser's rates, of states from whatever device."""

import pytest
import torch
from torch import nn

from tests.workers import tiny
from workers.learning.rates import Rates, learning_rate, optimiser_of

CPU = torch.device("cpu")


def test_a_number_on_the_device_sets_the_same_rates() -> None:
    training = tiny.training(iterations=10, warmup=2)
    groups = [
        {"params": [nn.Parameter(torch.zeros(2))], "factor": factor} for factor in (1.0, 10.0)
    ]
    optimiser = optimiser_of(groups, training, CPU)
    rates = Rates(optimiser, training, CPU)
    for step in range(10):
        for at in (step, torch.tensor([step])):
            rates.set(at)
            assert [group["lr"] for group in optimiser.param_groups] == [
                learning_rate(training, step, 1.0),
                learning_rate(training, step, 10.0),
            ]


def test_a_table_holds_the_rates_of_every_step() -> None:
    training = tiny.training(iterations=10, warmup=2)
    groups = [{"params": [nn.Parameter(torch.zeros(2))], "factor": 3.0}]
    rows = Rates(optimiser_of(groups, training, CPU), training, CPU)._rows()
    assert rows.shape == (10, 1)
    for step in range(10):
        assert rows[step, 0] == pytest.approx(learning_rate(training, step, 3.0), rel=1e-12)


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_a_state_of_a_gpu_is_taken_over_as_a_cpu_computes(name: str) -> None:
    training = tiny.training(optimiser=name)
    weight = nn.Parameter(torch.ones(2))
    optimiser = optimiser_of([{"params": [weight], "factor": 1.0}], training, CPU)
    weight.grad = torch.ones(2)
    optimiser.step()
    state = optimiser.state_dict()
    for group in state["param_groups"]:
        group.update(fused=True, lr=torch.tensor(0.5))
        if name == "adamw":
            group["capturable"] = True
    rates = Rates(optimiser, training, CPU)
    rates.load(state)
    rates.set(0)
    [group] = optimiser.param_groups
    assert not group["fused"]
    assert not group.get("capturable", False)
    assert group["lr"] == learning_rate(training, 0)
    optimiser.step()
