"""Two processes that hold a batch together have the value and the gradient of the whole batch."""

from pathlib import Path
from runpy import run_path

import pytest
import torch
from torch import Tensor, distributed, nn
from torch.multiprocessing.spawn import spawn
from torch.nn.parallel import DistributedDataParallel

from surrogate_zoo import LOSSES, SurrogateLoss
from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.export import python_source
from tests.surrogate_zoo.batches import VOID, labels
from tests.surrogate_zoo.losses.supplies import CLASSES, call, heads, supplied_loss

WORLD = 2
Part = tuple[Tensor, Tensor]


def _batch() -> Part:
    """Images (4, 3, 9, 11) and their masks."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(4, 3, 9, 11, generator=generator, dtype=torch.float64)
    return images, labels(0, size=(4, 9, 11))


def _cut(at: int) -> list[Part]:
    images, target = _batch()
    return [(images[:at], target[:at]), (images[at:], target[at:])]


def _half_void() -> list[Part]:
    first, (images, target) = _cut(2)
    return [first, (images, torch.full_like(target, VOID))]


SHARES = {"equal": _cut(2), "unequal": _cut(3), "one all void": _half_void(), "one empty": _cut(4)}


def _network(name: str) -> nn.Module:
    torch.manual_seed(1)
    return nn.Conv2d(3, CLASSES + heads(name), 3, padding=1).double()


def _step(name: str, network: nn.Module, part: Part, group: str | None) -> tuple[Tensor, Tensor]:
    """Value, and the gradients of all weights in a row."""
    loss = supplied_loss(name, process_group=group)
    images, target = part
    value = call(name, loss, network(images), target)
    torch.autograd.backward(value)
    return value.detach(), nn.utils.parameters_to_vector(
        p.grad for p in network.parameters() if p.grad is not None
    )


def _meet(rank: int, folder: str) -> None:
    meeting = (Path(folder) / "meeting").as_uri()
    distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=WORLD)


def _every_loss(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    _meet(rank, folder)
    found = {
        (name, case): _step(name, DistributedDataParallel(_network(name)), parts[rank], "world")
        for name in LOSSES
        for case, parts in SHARES.items()
    }
    torch.save(found, Path(folder) / f"{rank}.pt")
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict[tuple[str, str], Part]]:
    """What each of the processes found, by loss and case."""
    folder = tmp_path_factory.mktemp("processes")
    spawn(_every_loss, (str(folder),), nprocs=WORLD)  # type: ignore[no-untyped-call]
    return [torch.load(folder / f"{rank}.pt") for rank in range(WORLD)]


@pytest.mark.parametrize("case", SHARES)
@pytest.mark.parametrize("name", LOSSES)
def test_value_and_gradient_are_those_of_the_whole_batch(
    name: str, case: str, found: list[dict[tuple[str, str], Part]]
) -> None:
    images, target = (torch.cat(parts) for parts in zip(*SHARES[case], strict=True))
    value, gradient = _step(name, _network(name), (images, target), None)
    for of_process in found:
        their_value, their_gradient = of_process[name, case]
        assert their_value.item() == pytest.approx(value.item(), rel=1e-9, abs=1e-12)
        assert torch.allclose(their_gradient, gradient, rtol=1e-7, atol=1e-10)


def _sizes_that_differ(rank: int, folder: str) -> None:
    _meet(rank, folder)
    loss = supplied_loss("lovasz", process_group="world")
    target = labels(0, size=(1, 9, 9 + rank))
    with pytest.raises(InputError, match="images must have one size"):
        loss(torch.zeros(1, CLASSES, 9, 9 + rank), target)
    sums = supplied_loss("dice", process_group="world")
    assert sums(torch.zeros(1, CLASSES, 9, 9 + rank), target) > 0
    distributed.destroy_process_group()


def test_images_of_several_sizes_are_refused_where_pixels_are_compared(tmp_path: Path) -> None:
    spawn(_sizes_that_differ, (str(tmp_path),), nprocs=WORLD)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("name", LOSSES)
def test_where_there_is_no_other_process_the_world_is_this_one(name: str) -> None:
    network = _network(name)
    alone, world = (_step(name, network, _batch(), group)[0] for group in (None, "world"))
    assert alone == world


def test_the_group_reaches_all_parts_of_a_loss() -> None:
    loss = supplied_loss("cross-entropy+asl-miou-voc", process_group="world")
    parts = [part for part in loss.modules() if hasattr(part, "process_group")]
    assert len(parts) == 4  # the sum, its two terms, and the loss that one of them scales
    assert all(part.process_group == "world" for part in parts)
    assert SurrogateLoss("miou", None, num_classes=CLASSES).process_group is None


def test_an_exported_loss_takes_a_group(tmp_path: Path) -> None:
    path = tmp_path / "exported.py"
    path.write_text(python_source(LOSSES["asl-miou-voc"].document()))
    loss = run_path(str(path))["load"](num_classes=CLASSES, process_group="world")
    assert loss.process_group == "world"
