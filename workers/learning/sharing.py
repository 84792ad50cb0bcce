"""One training in several processes, of one machine or of several: each takes its part of every batch.

It is the training of one process, cut. The batch is the one that a single process would see; losses are
those of the whole batch (:mod:`surrogate_zoo.processes`), also where they are ratios of sums over it, and
so are the statistics of batch normalisations; gradients are averaged. So all processes hold the same
weights after every step, those of a single process up to rounding. Dropout alone draws other numbers.

Rank 0 looks, stops and writes. The others hear from it after every step whether there is another one.
"""

import fcntl
import os
import socket
import struct
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.nn.modules._functions import SyncBatchNorm
from torch.overrides import TorchFunctionMode

from workers.learning.batches import TrainingBatch
from workers.tasks.shares import Share

MEETING = timedelta(minutes=5)
"""How long a process waits for the others at the beginning."""

PATIENCE = timedelta(days=1)
"""How long it waits for them at a step: whoever is lost or stuck is seen and ended by the pool."""

INTERFACE = "GLOO_SOCKET_IFNAME"
"""Environment variable by which gloo is told where to listen."""

SIOCGIFADDR = 0x8915  # Linux: the IPv4 address of an interface


def listening(host: str) -> socket.socket:
    """A socket that listens at an address of this machine, on a port that is free."""
    meeting = socket.create_server((host, 0))
    meeting.set_inheritable(False)
    return meeting


@contextmanager
def joined(share: Share, device: torch.device, meeting: socket.socket | None) -> Iterator[None]:
    """Be one of the processes of a shared training.

    Args:
        share: This process's part.
        device: Its device; every process has a GPU of its own, or the CPU.
        meeting: What rank 0 listens on, and closes; of no use to the others.

    Raises:
        RuntimeError: The others did not come, or one of them ended.
    """
    if INTERFACE not in os.environ and (interface := _interface_towards(share)) is not None:
        os.environ[INTERFACE] = interface
    store = distributed.TCPStore(  # type: ignore[attr-defined]
        share.host,
        share.port,
        share.world,
        is_master=share.rank == 0,
        timeout=MEETING,
        wait_for_workers=False,
        master_listen_fd=meeting.detach() if meeting is not None and share.rank == 0 else None,
    )
    distributed.init_process_group(
        "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo",
        store=store,
        rank=share.rank,
        world_size=share.world,
        timeout=PATIENCE,
    )
    try:
        yield
    finally:
        distributed.destroy_process_group()


def _interface_towards(share: Share) -> str | None:
    """The network interface by which this process reaches rank 0; None where the system does not tell.

    Left alone gloo takes that of the machine's name, which on many is the loopback: no other one reaches it.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.connect((share.host, share.port))  # sends nothing
        own = asking.getsockname()[0]
        for _, name in socket.if_nameindex():
            try:
                told = fcntl.ioctl(asking, SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
            except OSError:  # it has no address
                continue
            if socket.inet_ntoa(told[20:24]) == own:
                return name
    return None


def part_of(batch: TrainingBatch, share: Share) -> TrainingBatch:
    """The images of one process and all that belongs to them; the number of processes divides B."""
    return batch.split(share.world)[share.rank]


def average_gradients(parameters: Iterable[nn.Parameter], share: Share) -> None:
    """Take the mean of all processes' gradients, which is the gradient of the whole batch's loss."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    flat /= share.world
    start = 0
    for gradient in gradients:
        gradient.copy_(flat[start : start + gradient.numel()].view_as(gradient))
        start += gradient.numel()


def told_by_first(what: Any) -> Any:
    """What rank 0 calls this with, in every process; on the CPU, and picklable."""
    said = [what]
    distributed.broadcast_object_list(said)
    return said[0]


def is_over(over: bool = False) -> bool:
    """Whether rank 0 says that the training ends here. Does not wait for a GPU."""
    said = torch.tensor([over])
    distributed.broadcast(said, 0)
    return bool(said)


class WholeBatchStatistics(TorchFunctionMode):
    """While it is entered, batch normalisations that train take the statistics of all processes' images.

    It stands below the modules, so that it reaches those of timm too that are more than a normalisation.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Collection[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Stand for torch.nn.functional.batch_norm, and for nothing else."""
        if func is functional.batch_norm:
            return _batch_norm(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _batch_norm(  # noqa: PLR0917 - torch's signature
    images: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """torch.nn.functional.batch_norm over the parts (B, C, ...) of all processes, alike in size."""
    if not training:
        return functional.batch_norm(
            images, running_mean, running_var, weight, bias, training=False, eps=eps
        )
    world = distributed.get_world_size()
    if images.is_cuda:
        group = distributed.group.WORLD
        found: Tensor = SyncBatchNorm.apply(
            images, weight, bias, running_mean, running_var, eps, momentum, group, world
        )
        return found
    kept = [0, *range(2, images.ndim)]
    shape = (1, -1, *(1 for _ in kept[1:]))
    values = images.float() if images.dtype != torch.float64 else images
    mean: Tensor = _Mean.apply(values.mean(kept))
    centred = values - mean.view(shape)
    variance: Tensor = _Mean.apply(centred.square().mean(kept))
    if running_mean is not None and running_var is not None:
        count = world * values.numel() // values.shape[1]
        with torch.no_grad():
            running_mean.lerp_(mean.to(running_mean), momentum)
            running_var.lerp_(variance.to(running_var) * (count / (count - 1)), momentum)
    scale = (variance + eps).rsqrt()
    if weight is not None:
        scale = scale * weight
    normal = centred * scale.view(shape)
    return (normal if bias is None else normal + bias.view(shape)).to(images.dtype)


class _Mean(torch.autograd.Function):
    """The mean of all processes' tensors, in each; its gradient is the mean of theirs."""

    @staticmethod
    def forward(_: Any, part: Tensor) -> Tensor:
        return _mean_of(part)

    @staticmethod
    @once_differentiable
    def backward(_: Any, *gradients: Tensor) -> Tensor:
        return _mean_of(gradients[0])


def _mean_of(part: Tensor) -> Tensor:
    whole = part.detach().clone(memory_format=torch.contiguous_format)
    distributed.all_reduce(whole)
    return whole / distributed.get_world_size()
