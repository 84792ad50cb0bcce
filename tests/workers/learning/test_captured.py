"""Steps as graphs: on a GPU they are the loop's; elsewhere who goes where, with graphs that run again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from surrogate_zoo import load_loss
from tests.workers import tiny
from workers.datasets.layouts.registry import open_dataset
from workers.learning import captured
from workers.learning.batches import AHEAD, Batches
from workers.learning.captured import SWITCH
from workers.learning.image_stack import stack_by_size
from workers.learning.learner import Learner, initial_network
from workers.learning.loop import train
from workers.networks.frozen import freeze_encoder
from workers.tasks.networks import NetworkSpec
from workers.tasks.training import TrainingSpec

CPU = torch.device("cpu")
CLASSES = 6
GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
DROPPING = NetworkSpec(options={"decoder_channels": 16, "decoder_atrous_rates": (1, 2, 3)})


class Rerun:
    """Stands for a graph where there is no GPU: a replay runs the work again, into the same place."""

    def __init__(self, work: Callable[[], Any], result: Any) -> None:
        self._work, self._result = work, result

    def replay(self) -> None:
        for kept, new in zip(tensors(self._result), tensors(self._work()), strict=True):
            kept.copy_(new)


def tensors(result: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]


def rerun(work: Callable[[], Any]) -> tuple[Rerun, Any]:
    # The batch is looked at before the first replay; a step must not be taken by capturing it.
    result = work() if work.__name__ == "_assembled" else None
    return Rerun(work, result), result


class NoStream:
    def __init__(self, *_: object) -> None:
        pass

    def wait_stream(self, _: object) -> None:
        pass


@contextmanager
def waiting_nowhere() -> Iterator[list[str]]:
    yield []


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets a CPU take the way of graphs."""
    monkeypatch.setattr(captured, "capture", rerun)
    monkeypatch.setattr(captured, "switched_off", lambda _: None)
    monkeypatch.setattr(captured, "waits_noted", waiting_nowhere)
    monkeypatch.setattr(torch.cuda, "Stream", NoStream)
    monkeypatch.setattr(torch.cuda, "stream", lambda _: nullcontext())
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: NoStream())


class Own(nn.Module):
    """A loss that nobody knows."""

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return nn.functional.cross_entropy(logits, target, ignore_index=255)


def pack(
    training: TrainingSpec, device: torch.device, *losses: nn.Module, spec: NetworkSpec
) -> list[Learner]:
    network = initial_network(spec, CLASSES, seed=0)
    return [Learner(network, loss, training, device) for loss in losses]


def run(
    training: TrainingSpec,
    device: torch.device,
    *losses: nn.Module,
    spec: NetworkSpec = tiny.NETWORK,
) -> list[Learner]:
    learners = pack(training, device, *losses, spec=spec)
    samples = open_dataset(tiny.SOURCE).read("train")
    batches = Batches(stack_by_size(samples, device, range(len(samples))), training, 0)
    train(learners, batches, training, seed=0, device=device)
    return learners


def loss(name: str = "asl-miou-voc") -> nn.Module:
    return load_loss(name, num_classes=CLASSES)


def weights(learner: Learner) -> Tensor:
    return torch.cat([weight.detach().flatten().cpu() for weight in learner.network.parameters()])


@pytest.mark.usefixtures("graphs")
def test_a_pack_of_graphs_and_loops_ends_as_loops_alone() -> None:
    """Beyond the first plan of batches, with a loss that is looped and one that fails."""
    training = tiny.training(iterations=AHEAD + 4, batch_size=2)
    first, own, second = run(training, CPU, loss(), Own(), loss("dice"))
    assert (first.ran, second.ran) == ("graph", "graph")
    assert own.ran == "loop: the loss is code of its own (Own)"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(captured, "switched_off", lambda _: "")
        looped = run(training, CPU, loss(), Own(), loss("dice"))
    assert [learner.ran for learner in looped] == ["loop"] * 3
    for one, other in zip((first, own, second), looped, strict=True):
        assert torch.equal(weights(one), weights(other))
        assert one.curve() == other.curve()
        assert one.steps == other.steps == training.iterations


@pytest.mark.usefixtures("graphs")
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ema_decay": 0.9}, "loop: an average of the weights is kept"),
        ({"accumulate": 2}, "graph"),
        ({"optimiser": "adamw"}, "graph"),
    ],
)
def test_how_a_learner_ran_is_told(changes: dict[str, Any], reason: str) -> None:
    [learner] = run(tiny.training(**changes), CPU, loss())
    assert learner.ran == reason
    assert learner.steps == 4


@pytest.mark.usefixtures("graphs")
def test_a_step_that_cannot_be_captured_is_looped(monkeypatch: pytest.MonkeyPatch) -> None:
    def capture(work: Callable[[], Any]) -> tuple[Rerun, Any]:
        if work.__name__ != "_assembled":
            raise RuntimeError("operation not permitted when stream is capturing\nmore")
        return rerun(work)

    monkeypatch.setattr(captured, "capture", capture)
    [learner] = run(tiny.training(), CPU, loss())
    assert learner.ran.startswith("loop: a step cannot be captured, operation not permitted")
    assert learner.failure is None
    assert learner.steps == 4


def test_a_cpu_loops_and_a_switch_turns_graphs_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert captured.switched_off(CPU) == ""
    assert captured.switched_off(torch.device("cuda")) is None
    monkeypatch.setenv(SWITCH, "0")
    assert captured.switched_off(torch.device("cuda")) == f"{SWITCH} is 0"


@pytest.mark.usefixtures("graphs")
def test_a_graph_is_not_captured_into_the_last_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    reserved = iter(range(0, 100 * 2**30, 2**30))  # every look finds a gibibyte more
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: next(reserved))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (2 * 2**30, 80 * 2**30))
    first, second = run(tiny.training(), CPU, loss(), loss("dice"))
    assert first.ran == "graph"
    assert "its graph would take 1.0 GiB of the last memory" in second.ran
    assert (first.steps, second.steps, second.failure) == (4, 4, None)


@pytest.mark.usefixtures("graphs")
def test_learners_on_a_frozen_encoder_share_its_features(monkeypatch: pytest.MonkeyPatch) -> None:
    training = tiny.training(iterations=5)
    calls: list[int] = []

    def trained() -> list[Learner]:
        network = initial_network(tiny.NETWORK, CLASSES, seed=0)
        frozen = freeze_encoder(network, CPU)
        frozen.register_forward_hook(lambda *_: calls.append(len(frozen._seen)))
        learners = [Learner(network, loss(name), training, CPU) for name in ("dice", "lovasz")]
        samples = open_dataset(tiny.SOURCE).read("train")
        batches = Batches(stack_by_size(samples, CPU, range(len(samples))), training, 0)
        train(learners, batches, training, seed=0, device=CPU)
        assert not frozen._seen
        return learners

    graphs = trained()
    assert {learner.ran for learner in graphs} == {"graph"}
    assert set(calls) == {1}  # whoever asks finds the features of one batch
    monkeypatch.setattr(captured, "switched_off", lambda _: "")
    for one, other in zip(graphs, trained(), strict=True):
        assert torch.equal(weights(one), weights(other))


@GPU
def test_a_graph_ends_where_the_loop_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """In float32 to the end: convolutions would round their inputs to 11 bits otherwise."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    training = tiny.training(iterations=AHEAD + 4, batch_size=8, precision="float32")
    gpu = torch.device("cuda")
    one, other = run(training, gpu, loss(), loss("dice"), spec=DROPPING)
    assert (one.ran, other.ran) == ("graph", "graph")
    monkeypatch.setenv(SWITCH, "0")
    looped = run(training, gpu, loss(), loss("dice"), spec=DROPPING)
    for graph, loop in zip((one, other), looped, strict=True):
        states = graph.state(), loop.state()
        losses = [state["losses"].cpu() for state in states]
        # Sums on a GPU differ by rounding from run to run, and steps let the difference grow.
        torch.testing.assert_close(losses[0][:8], losses[1][:8], rtol=1e-3, atol=0)
        torch.testing.assert_close(losses[0], losses[1], rtol=0.1, atol=0)
        counts = [
            [int(value) for name, value in state["network"].items() if "tracked" in name]
            for state in states
        ]
        assert counts[0] == counts[1]
