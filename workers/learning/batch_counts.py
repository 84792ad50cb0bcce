"""The counts of batches that batch normalisations keep: on the host, where counting starts no kernel."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class BatchCounts:
    """The counts of a network's batch normalisations.

    Nothing is computed from them, but they are part of a network's state. On a GPU each costs a kernel a
    step; here they are moved to the host. A step that a CUDA graph replays runs nothing on the host, and
    is added afterwards.

    Args:
        network: On its device.
    """

    def __init__(self, network: nn.Module) -> None:
        self._norms: list[_BatchNorm] = []
        self._counts: list[Tensor] = []
        for module in network.modules():
            if isinstance(module, _BatchNorm) and module.num_batches_tracked is not None:
                module.num_batches_tracked = module.num_batches_tracked.cpu()
                self._norms.append(module)
                self._counts.append(module.num_batches_tracked)
        self._each = [0] * len(self._counts)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Note what one step adds, which is taken inside."""
        before = [int(count) for count in self._counts]
        yield
        pairs = zip(self._counts, before, strict=True)
        self._each = [int(count) - start for count, start in pairs]

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Leave the counts as they are, whatever runs inside."""
        before = [int(count) for count in self._counts]
        try:
            yield
        finally:
            for count, start in zip(self._counts, before, strict=True):
                count.fill_(start)

    @contextmanager
    def by_hand(self) -> Iterator[None]:
        """Count the batch that passes inside: its normalisations do not, so that a compiler sees no host."""
        for norm in self._norms:
            norm.num_batches_tracked = None
        try:
            yield
        finally:
            for norm, count in zip(self._norms, self._counts, strict=True):
                norm.num_batches_tracked = count
        for norm, count in zip(self._norms, self._counts, strict=True):
            count.add_(int(norm.training))

    def add(self, steps: int) -> None:
        """Count so many more steps like the one that was watched."""
        for count, each in zip(self._counts, self._each, strict=True):
            count.add_(each * steps)
