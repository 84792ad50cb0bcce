"""One training on several devices of a machine: every process takes its share of each batch.

The loss is that of the whole batch. Logits are gathered, each process computes the same loss of all
of them, and its gradient reaches the process's own share; the shares' gradients are summed. So a loss
that is a ratio of sums over the batch, as surrogates are, is not cut into means of parts, which it
would be under DistributedDataParallel. Batch statistics are shared on GPUs (SyncBatchNorm); on CPUs,
where torch has none, each share has its own.
"""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import wait
from pathlib import Path
from uuid import uuid4

import torch
from torch import Tensor, distributed, nn

from surrogate_zoo.errors import InputError, WorkerError
from workers.learning.batches import TrainingBatch

PATIENCE = timedelta(minutes=10)
"""How long a process waits for the others at a step, such as for rank 0's looks and checkpoints."""

GRACE_SECONDS = 2.0
"""An error that comes of another process's end waits so long at most for that end."""


@dataclass(frozen=True)
class Share:
    """One process's part in a shared training.

    Attributes:
        rank: Number of the process, 0 for the one that looks, stops and writes.
        world: How many there are.
    """

    rank: int
    world: int

    def of(self, batch: TrainingBatch) -> TrainingBatch:
        """The images of this process; masks, maps and objects stay whole, for the loss."""
        size = len(batch.images) // self.world
        return batch._replace(images=batch.images[self.rank * size : (self.rank + 1) * size])

    def whole(self, logits: Tensor) -> Tensor:
        """All processes' logits (B, ...) in the order of the batch; the own ones keep their gradient."""
        local = logits.detach().contiguous()
        parts = [torch.empty_like(local) for _ in range(self.world)]
        distributed.all_gather(parts, local)
        parts[self.rank] = logits
        return torch.cat(parts)

    @staticmethod
    def add_gradients(parameters: Iterable[nn.Parameter]) -> None:
        """Sum the gradients of all processes."""
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        start = 0
        for gradient in gradients:
            gradient.copy_(flat[start : start + gradient.numel()].view_as(gradient))
            start += gradient.numel()


def share_batch_statistics(network: nn.Module, device: torch.device) -> nn.Module:
    """Let batch normalisation see all processes' images, where torch can."""
    if device.type != "cuda":
        return network
    shared: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
    return shared


def device_of(rank: int, device: torch.device) -> torch.device:
    """The device of a process: the GPUs that are visible, in their order; the CPU for all.

    Raises:
        InputError: There are fewer GPUs.
    """
    if device.type != "cuda":
        return device
    there = torch.cuda.device_count()
    if rank >= there:
        raise InputError(
            f"The training asks for {rank + 1} GPUs or more, and its worker has {there}; start the "
            f"service with LOSSFIT_GPUS_PER_ACTOR={rank + 1}, or ask for fewer devices."
        )
    return torch.device("cuda", rank)


@contextmanager
def shared_with(
    assist: Callable[..., None],
    arguments: Sequence[object],
    *,
    folder: Path,
    world: int,
    device: torch.device,
) -> Iterator[Share]:
    """Start the other processes of a training, and end them with it.

    Args:
        assist: What each does: takes its :class:`Share`, then ``arguments``. It is killed when this
            process leaves, so it keeps nothing.
        arguments: Can be pickled.
        folder: For the file by which the processes find each other.
        world: How many there are, this one included.
        device: This process's.

    Raises:
        InputError: There are fewer devices.
        WorkerError: Another process ended early.
    """
    device_of(world - 1, device)
    folder.mkdir(parents=True, exist_ok=True)
    meeting = folder / f"meeting-{uuid4().hex}"
    context = multiprocessing.get_context("spawn")
    others = [
        context.Process(
            target=_join,
            args=(assist, Share(rank, world), meeting, device.type, torch.get_num_threads()),
            kwargs={"arguments": tuple(arguments)},
            daemon=True,
        )
        for rank in range(1, world)
    ]
    for other in others:
        other.start()
    try:
        _meet(Share(0, world), meeting, device.type)
        yield Share(0, world)
    except RuntimeError as error:  # what torch raises when a connection ends
        # The connections of a process that ends are closed a moment before its end is seen.
        ended = wait([other.sentinel for other in others], GRACE_SECONDS)
        for other in others:
            if other.sentinel in ended:
                other.join()
        if all(other.exitcode in (None, 0) for other in others):
            raise
        message = f"A process that shares the training ended: {error}"
        raise WorkerError(message, "lost") from error
    finally:
        for other in others:
            other.kill()
            other.join()
        if distributed.is_initialized():
            distributed.destroy_process_group()
        meeting.unlink(missing_ok=True)


def _join(
    assist: Callable[..., None],
    share: Share,
    meeting: Path,
    kind: str,
    threads: int,
    *,
    arguments: tuple[object, ...],
) -> None:
    torch.set_num_threads(threads)
    _meet(share, meeting, kind)
    assist(share, *arguments)


def _meet(share: Share, meeting: Path, kind: str) -> None:
    if kind == "cuda":
        torch.cuda.set_device(share.rank)
    distributed.init_process_group(
        "nccl" if kind == "cuda" else "gloo",
        init_method=meeting.resolve().as_uri(),
        rank=share.rank,
        world_size=share.world,
        timeout=PATIENCE,
    )
