"""What torch compiles of a step learns as it is written, and runs as written where it cannot be compiled."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from surrogate_zoo import SurrogateLoss, load_loss
from tests.workers import tiny
from workers.datasets.layouts.registry import open_dataset
from workers.learning import compiled
from workers.learning.batches import Batches
from workers.learning.image_stack import stack_by_size
from workers.learning.learner import Learner, initial_network
from workers.learning.loop import train
from workers.networks.upsampling import BilinearUpsampling, replace_upsampling
from workers.tasks.networks import NetworkSpec
from workers.tasks.training import TrainingSpec

CPU = torch.device("cpu")
CLASSES = 6
DEEPLAB = NetworkSpec(
    encoder="tu-test_resnet", options={"decoder_channels": 16, "decoder_atrous_rates": (1, 12, 36)}
)


def chosen(monkeypatch: pytest.MonkeyPatch, *switches: str) -> None:
    """As on a GPU of a worker with these switches."""
    monkeypatch.setattr(compiled, "wanted", lambda switch, _: switch in switches)


def learner_of(spec: NetworkSpec, training: TrainingSpec) -> Learner:
    loss = load_loss("asl-miou-voc", num_classes=CLASSES)
    return Learner(initial_network(spec, CLASSES, seed=0), loss, training, CPU)


def trained(*learners: Learner, training: TrainingSpec) -> None:
    samples = open_dataset(tiny.SOURCE).read("train")
    batches = Batches(stack_by_size(samples, CPU, range(len(samples))), training, 0)
    train(learners, batches, training, seed=0, device=CPU)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # the compiler looks at it
def test_compiled_networks_learn_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Auxiliary head, dropout and counts of batches included; a second one compiles nothing anew."""
    graphs: list[Any] = []

    def noted(graph: Any, _: list[Tensor]) -> Any:
        graphs.append(graph)
        return graph.forward

    training = tiny.training(batch_size=2, auxiliary_weight=0.4)
    written = learner_of(DEEPLAB, training)
    chosen(monkeypatch, compiled.NETWORKS)
    torch.compiler.reset()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=noted))
    first, second = learner_of(DEEPLAB, training), learner_of(DEEPLAB, training)
    assert first.way == "graph, compiled network"
    trained(written, training=training)
    trained(first, training=training)
    parts = len(graphs)
    assert parts == 4  # encoder, decoder, head, auxiliary head
    trained(second, training=training)
    assert len(graphs) == parts
    assert first.failure is written.failure is None
    for one, other in zip(_tensors(written), _tensors(first), strict=True):
        torch.testing.assert_close(one, other)
    first.network.eval()(torch.rand(1, 3, 64, 96))
    assert len(graphs) == parts  # as it is written where it is scored


def _tensors(learner: Learner) -> list[Tensor]:
    return list(learner.state()["network"].values())


def test_a_compiler_takes_upsampling_whole() -> None:
    network = nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear"))
    replace_upsampling(network)
    assert isinstance(network[0], BilinearUpsampling)
    maps = torch.rand(1, 2, 5, 7)
    fast = torch.compile(network, fullgraph=True, dynamic=False, backend="aot_eager")
    torch.testing.assert_close(fast(maps), network(maps))


@pytest.mark.parametrize("switch", [compiled.LOSSES, compiled.NETWORKS])
def test_what_torch_cannot_compile_runs_as_written(
    monkeypatch: pytest.MonkeyPatch, switch: str
) -> None:
    chosen(monkeypatch, switch)

    def failing(*_: object, **__: object) -> Any:
        raise RuntimeError("no compiler here")

    def compile_badly(self: nn.Module, **_: object) -> None:
        self._compiled_call_impl = failing

    monkeypatch.setattr(nn.Module, "compile", compile_badly)
    monkeypatch.setattr(torch, "compile", lambda *_, **__: failing)
    broken = learner_of(tiny.NETWORK, tiny.training())
    assert "compiled" in broken.way
    trained(broken, training=tiny.training())
    assert broken.failure is None
    assert (broken.way, broken.steps) == ("graph", 4)


def test_on_a_gpu_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for switch, other in [
        (compiled.LOSSES, compiled.NETWORKS),
        (compiled.NETWORKS, compiled.LOSSES),
    ]:
        assert not compiled.wanted(switch, torch.device("cuda"))
        with monkeypatch.context() as patch:
            patch.setenv(switch, "1")
            assert compiled.wanted(switch, torch.device("cuda"))
            assert not compiled.wanted(other, torch.device("cuda"))
            assert not compiled.wanted(switch, CPU)


def test_losses_do_without_their_kernels_where_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loss = load_loss("0.5*cross-entropy+asl-miou-voc", num_classes=3)
    surrogates = [module for module in loss.modules() if isinstance(module, SurrogateLoss)]
    compiled.choose_kernels(loss)
    assert [surrogate.fused for surrogate in surrogates] == [True]
    monkeypatch.setenv(compiled.FUSED, "0")
    compiled.choose_kernels(loss)
    assert [surrogate.fused for surrogate in surrogates] == [False]
