"""Numbers that belong to a loss, and not to the network that it stands in."""

from collections.abc import Callable
from typing import Self

from torch import Tensor, nn


class Constants(nn.Module):
    """A module whose buffers keep their dtype when a network is cast; they go to devices with it."""

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        kept = {name: values for name, values in self._buffers.items() if values is not None}
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._buffers |= {name: kept[name].to(getattr(self, name).device) for name in kept}
        return self
