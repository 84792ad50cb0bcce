"""A batch that several processes hold parts of, as under DistributedDataParallel, and its one loss.

A loss that is a ratio of sums over the batch is not the mean of its parts' losses. So processes add up
their sums (:func:`summed`), or hand each other their parts where a loss sorts pixels
(:func:`gathered`), and each computes the value of the whole batch.

The gradient that reaches a process's own part is the whole batch's, times the number of processes:
DistributedDataParallel takes the mean of the processes' gradients, which then is the gradient of the
whole batch. Who adds gradients up instead divides by the number of processes. Nothing is sent in the
backward pass, so a process whose part has no gradient keeps nobody waiting.
"""

from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, distributed

from surrogate_zoo.errors import InputError

Group: TypeAlias = "distributed.ProcessGroup | None"
"""Processes to talk to; None where there is nobody else."""

Processes: TypeAlias = "Group | Literal['world']"
"""Who holds parts of the batch: a group, ``"world"`` for all processes, or None for this one alone."""


def group_of(processes: Processes) -> Group:
    """The group to talk to; None where there is nobody else.

    ``"world"`` is looked up at every call: a loss is often built before torch.distributed is
    initialised. Where it never is, this process is the world.
    """
    if processes is None or not (distributed.is_available() and distributed.is_initialized()):
        return None
    group = distributed.group.WORLD if processes == "world" else processes
    return group if distributed.get_world_size(group) > 1 else None


def summed(part: Tensor, group: Group) -> Tensor:
    """Sum over the processes, of the shape of ``part``; the same on each."""
    if group is None:
        return part
    total: Tensor = _Sum.apply(part, group)
    return total


def gathered(part: Tensor, group: Group) -> Tensor:
    """The parts (N, ...) of all processes one behind the other, in the order of their ranks.

    Raises:
        InputError: The parts differ in another dimension than the first; on all processes.
    """
    if group is None:
        return part
    whole: Tensor = _Gather.apply(part, group)
    return whole


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, part: Tensor, group: Group) -> Tensor:
        ctx.world = distributed.get_world_size(group)
        total = part.detach().clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total, group=group)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0] * ctx.world, None


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, part: Tensor, group: Group) -> Tensor:
        ctx.world, rank = distributed.get_world_size(group), distributed.get_rank(group)
        lengths = _lengths(part, group, ctx.world)
        padded = part.new_zeros(max(lengths), *part.shape[1:])
        padded[: len(part)] = part
        parts = [torch.empty_like(padded) for _ in lengths]
        distributed.all_gather(parts, padded, group=group)
        ctx.own = slice(sum(lengths[:rank]), sum(lengths[: rank + 1]))
        return torch.cat([each[:length] for each, length in zip(parts, lengths, strict=True)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0][ctx.own] * ctx.world, None


def _lengths(part: Tensor, group: Group, world: int) -> list[int]:
    """First dimension of each process's part."""
    shape = torch.tensor(part.shape, device=part.device)
    shapes = [torch.empty_like(shape) for _ in range(world)]
    distributed.all_gather(shapes, shape, group=group)
    sizes = [tuple(each.tolist()) for each in shapes]
    if len({size[1:] for size in sizes}) > 1:
        raise InputError(
            "This loss compares the pixels of all processes, so their images must have one size, not "
            f"{' and '.join(str(size) for size in sorted(set(sizes)))}: crop them alike."
        )
    return [size[0] for size in sizes]
