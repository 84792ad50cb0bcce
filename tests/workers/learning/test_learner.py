"""A training: repeatable, resumable, alone or in a pack, and failing with its reason."""

import math

import pytest
import torch
from torch import Tensor, nn

from surrogate_zoo import load_loss, needs_of
from surrogate_zoo.errors import InputError
from surrogate_zoo.needs import BOUNDARY_LOGITS
from tests.workers import tiny
from workers.datasets.layouts.registry import open_dataset
from workers.learning.batches import Batches
from workers.learning.image_stack import stack_by_size
from workers.learning.learner import Learner, initial_network
from workers.learning.loop import train
from workers.learning.rates import learning_rate
from workers.tasks.networks import NetworkSpec
from workers.tasks.training import TrainingSpec

CPU = torch.device("cpu")
CLASSES = 6


class Spoiled(nn.Module):
    """Cross entropy that returns ``value`` from the third step on."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value, self.calls = value, 0

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        self.calls += 1
        loss = nn.functional.cross_entropy(logits, target, ignore_index=255)
        return loss * self.value if self.calls > 2 else loss


class Refusing(nn.Module):
    def forward(self, *_: Tensor) -> Tensor:
        raise InputError("no such class")


class InfinitelySteep(nn.Module):
    """Is 0 with a gradient of NaN."""

    def forward(self, logits: Tensor, _: Tensor) -> Tensor:
        return (logits - logits.detach()).abs().sum().sqrt()


def cross_entropy() -> nn.Module:
    return load_loss("cross-entropy", num_classes=CLASSES)


def batches(training: TrainingSpec, seed: int = 0, device: torch.device = CPU) -> Batches:
    samples = open_dataset(tiny.SOURCE).read("train")
    return Batches(stack_by_size(samples, device, range(len(samples))), training, seed)


def learners(
    training: TrainingSpec, *losses: nn.Module, spec: NetworkSpec = tiny.NETWORK
) -> list[Learner]:
    network = initial_network(spec, CLASSES, seed=0)
    return [Learner(network, loss, training, CPU) for loss in losses]


def run(
    training: TrainingSpec, *losses: nn.Module, spec: NetworkSpec = tiny.NETWORK
) -> list[Learner]:
    pack = learners(training, *losses, spec=spec)
    train(pack, batches(training), training, seed=0, device=CPU)
    return pack


def same_weights(one: Learner, other: Learner) -> bool:
    first, second = one.network.state_dict(), other.network.state_dict()
    return all(torch.equal(first[name], second[name]) for name in first)


def test_initial_weights_follow_from_the_seed_alone() -> None:
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first, same, other = (initial_network(tiny.NETWORK, 3, seed) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    weights = [next(network.parameters()) for network in (first, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_frozen_statistics_stay_as_they_came_and_scales_learn() -> None:
    training = tiny.training(iterations=3, frozen_statistics=True)
    learned = run(training, cross_entropy())[0].network.state_dict()
    first = initial_network(tiny.NETWORK, CLASSES, seed=0).state_dict()
    changed = {name for name, weight in learned.items() if not torch.equal(weight, first[name])}
    of_encoder = {name for name in first if name.startswith("encoder.")}
    statistics = {name for name in first if "running_" in name or "num_batches" in name}
    assert not changed & of_encoder & statistics
    assert changed >= statistics - of_encoder != set()
    assert changed >= {name for name in of_encoder if name.endswith("bn1.weight")}
    with pytest.raises(InputError, match=r"no encoder whose batch statistics.*frozen_statistics"):
        Learner(nn.Conv2d(3, CLASSES, 1), cross_entropy(), training, CPU)


def test_learning_rate_warms_up_and_decays_to_its_floor() -> None:
    training = tiny.training(
        iterations=100, warmup=4, learning_rate=0.2, minimum_learning_rate=0.01, power=0.9
    )
    rates = [learning_rate(training, step) for step in range(100)]
    assert rates[:5] == sorted(rates[:5])
    assert rates[0] == pytest.approx(0.2 / 5)
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert rates[50] == pytest.approx(0.19 * 0.5**0.9 + 0.01)
    assert 0.01 < rates[99] < 0.02
    assert learning_rate(training, 50, factor=10) == pytest.approx(1.99 * 0.5**0.9 + 0.01)


def test_cross_entropy_falls() -> None:
    [learner] = run(tiny.training(iterations=60, batch_size=8), cross_entropy())
    assert learner.failure is None
    curve = learner.curve()
    assert [step for step, _ in curve] == list(range(1, 61))
    assert sum(loss for _, loss in curve[-10:]) < 0.7 * sum(loss for _, loss in curve[:10])


def test_training_repeats_bit_for_bit() -> None:
    dropping = NetworkSpec(options={"decoder_channels": 16, "decoder_atrous_rates": (1, 2, 3)})
    training = tiny.training(iterations=3)
    [first] = run(training, cross_entropy(), spec=dropping)
    torch.rand(17)  # what the process drew before does not matter
    [other] = run(training, cross_entropy(), spec=dropping)
    assert same_weights(first, other)
    assert first.curve() == other.curve()


def test_the_pack_does_not_change_a_member() -> None:
    dropping = NetworkSpec(options={"decoder_channels": 16, "decoder_atrous_rates": (1, 2, 3)})
    training = tiny.training(iterations=3)
    losses = [load_loss(name, num_classes=CLASSES) for name in ("dice", "asl-macc-voc")]
    *_, packed = run(training, *losses, cross_entropy(), spec=dropping)
    [alone] = run(training, cross_entropy(), spec=dropping)
    assert same_weights(packed, alone)


def test_training_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(3)
    state = torch.get_rng_state()
    run(tiny.training(), cross_entropy())
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_turns_non_finite_fails_alone(value: float) -> None:
    training = tiny.training(iterations=6)
    sick, well = run(training, Spoiled(value), cross_entropy())
    assert sick.failure == f"The loss became {value} at iteration 2."
    assert len(sick.curve()) == 2
    assert well.failure is None
    assert same_weights(well, run(training, cross_entropy())[0])


def test_weights_that_overflow_fail() -> None:
    [learner] = run(tiny.training(iterations=1), InfinitelySteep())
    assert learner.failure == "Weights became infinite or NaN before iteration 1."


def test_a_loss_that_refuses_the_batch_fails() -> None:
    sick, well = run(tiny.training(), Refusing(), cross_entropy())
    assert sick.failure == "The loss failed at iteration 0: no such class"
    assert well.failure is None


def test_training_ends_when_all_have_failed() -> None:
    taken: list[int] = []
    training = tiny.training(iterations=50)
    pack = learners(training, Refusing())
    train(pack, batches(training), training, seed=0, device=CPU, after_step=taken.append)
    assert taken == [1]


def test_resuming_ends_with_the_same_weights() -> None:
    training = tiny.training(iterations=6)
    [whole] = run(training, cross_entropy())
    state = {}

    class Killed(Exception):  # noqa: N818 - not an error of anything
        pass

    def kill(steps: int) -> None:
        if steps == 3:
            state.update(first.state())
            raise Killed

    [first] = learners(training, cross_entropy())
    with pytest.raises(Killed):
        train([first], batches(training), training, seed=0, device=CPU, after_step=kill)
    [second] = learners(training, cross_entropy())
    second.load(state)
    train([second], batches(training), training, seed=0, device=CPU)
    assert same_weights(whole, second)
    assert whole.curve() == second.curve()


def test_a_network_of_another_output_size_says_what_to_do() -> None:
    small = tiny.NETWORK.model_copy(update={"architecture": "FPN", "options": {"upsampling": 1}})
    with pytest.raises(InputError, match=r"maps \(32, 32\) pixels to .*option 'upsampling'"):
        run(tiny.training(), cross_entropy(), spec=small)


def test_encoder_and_head_learn_at_their_own_rates() -> None:
    training = tiny.training(iterations=2, learning_rate=0.01, head_factor=3.0)
    [learner] = run(training, cross_entropy())
    encoder, head = learner.state()["optimiser"]["param_groups"]
    assert head["lr"] == pytest.approx(learning_rate(training, 1, 3.0))
    assert encoder["lr"] == pytest.approx(learning_rate(training, 1))


def carrying(training: TrainingSpec, loss: str) -> Learner:
    """A learner whose loss takes further inputs."""
    network = initial_network(tiny.NETWORK, CLASSES, seed=0)
    built = load_loss(loss, num_classes=CLASSES)
    return Learner(network, built, training, CPU, inputs=needs_of(loss).inputs)


def test_a_boundary_head_trains_the_network_along_and_is_left_behind() -> None:
    training = tiny.training(iterations=60, batch_size=8)
    [alone] = learners(training, cross_entropy())
    headed = carrying(training, "boundary-cross-entropy")
    train([alone, headed], batches(training), training, seed=0, device=CPU)
    assert headed.failure is None
    curve = headed.curve()
    assert sum(loss for _, loss in curve[-10:]) < 0.7 * sum(loss for _, loss in curve[:10])
    assert headed.network.state_dict().keys() == alone.network.state_dict().keys()
    assert not same_weights(headed, alone)
    assert same_weights(alone, run(training, cross_entropy())[0])  # the pack did not notice


def test_heads_start_from_the_seed() -> None:
    network, loss = initial_network(tiny.NETWORK, CLASSES, 0), cross_entropy()
    first, same, other = (
        Learner(network, loss, tiny.training(), CPU, inputs=[BOUNDARY_LOGITS], seed=seed)
        for seed in (0, 0, 1)
    )
    weights = [
        learner.state()["network"]["heads.boundary_logits.0.weight"]
        for learner in (first, same, other)
    ]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_mixed_precision_follows_full_precision() -> None:
    training = tiny.training(iterations=30, batch_size=8)
    network = initial_network(tiny.NETWORK, CLASSES, 0)
    gpu = torch.device("cuda")
    pack = [Learner(network, cross_entropy(), training, gpu)]
    train(pack, batches(training, device=gpu), training, seed=0, device=gpu)
    [on_cpu] = run(training, cross_entropy())
    assert pack[0].failure is None
    assert pack[0].recent_loss(10) == pytest.approx(on_cpu.recent_loss(10), rel=0.1)
