"""The optimiser of a training, and the learning rates of its groups, step by step."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workers.tasks.training import TrainingSpec

OWN = ("fused", "foreach", "capturable")
"""How an optimiser computes, which follows from the device and not from a state that it takes over."""


def learning_rate(training: TrainingSpec, step: int, factor: float = 1.0) -> float:
    """Learning rate of ``step`` (0-based) for a group with ``factor``: warm-up, then poly decay.

    ``(peak - floor) (1 - step / iterations)^power + floor`` as in the released schedule; the peak
    is scaled by ``factor`` and the floor is not.
    """
    return float(_rate(training, step, factor))


def _rate(training: TrainingSpec, step: Any, factor: float) -> Any:
    """As :func:`learning_rate`, of a step or of many in an array."""
    peak, floor = training.learning_rate * factor, training.minimum_learning_rate
    decay = (1 - step / training.iterations) ** training.power
    rate = (peak - floor) * decay + floor
    return rate * np.minimum(1.0, (step + 1) / (training.warmup + 1))


def optimiser_of(
    groups: list[dict[str, Any]], training: TrainingSpec, device: torch.device
) -> torch.optim.Optimizer:
    """Make the optimiser of groups of parameters; on a GPU one whose step is a few fused kernels."""
    fused: dict[str, Any] = {"fused": True} if device.type == "cuda" else {}
    if training.optimiser == "adamw":
        return torch.optim.AdamW(
            groups,
            lr=training.learning_rate,
            betas=training.betas or (0.9, 0.999),
            weight_decay=training.weight_decay,
            **({**fused, "capturable": True} if fused else {}),
        )
    return torch.optim.SGD(
        groups,
        lr=training.learning_rate,
        momentum=training.momentum,
        weight_decay=training.weight_decay,
        **fused,
    )


class Rates:
    """The learning rates of an optimiser's groups, whose ``factor`` scales them.

    On a GPU they are numbers there, and so is their table over all steps, so that neither a step nor a
    CUDA graph of one is handed any by the host.

    Args:
        optimiser: Whose rates are set.
        training: The schedule.
        device: Where it trains.
    """

    def __init__(
        self, optimiser: torch.optim.Optimizer, training: TrainingSpec, device: torch.device
    ) -> None:
        self._optimiser, self._training = optimiser, training
        self._table: Tensor | None = None
        if device.type == "cuda":
            self._table = torch.from_numpy(self._rows()).float().to(device)
            self._now = torch.zeros_like(self._table[0])
            self._attach()

    def set(self, at: int | Tensor) -> None:
        """Set the rates of a step, whose number may be on the device, int64 (1,)."""
        if self._table is not None:
            row = self._table[at] if isinstance(at, int) else self._table.index_select(0, at)[0]
            self._now.copy_(row)
            return
        for group in self._optimiser.param_groups:
            group["lr"] = learning_rate(self._training, int(at), group["factor"])

    def load(self, state: dict[str, Any]) -> None:
        """Let the optimiser take over a state, of whatever device."""
        own = self._optimiser.param_groups
        groups = [
            given | {name: group[name] for name in OWN if name in group}
            for given, group in zip(state["param_groups"], own, strict=True)
        ]
        self._optimiser.load_state_dict({**state, "param_groups": groups})
        if self._table is not None:
            self._attach()

    def _rows(self) -> NDArray[np.float64]:
        """Rates by step and group."""
        steps = np.arange(self._training.iterations)
        groups = self._optimiser.param_groups
        return np.stack([_rate(self._training, steps, group["factor"]) for group in groups], 1)

    def _attach(self) -> None:
        """Give the groups their numbers on the device."""
        for group, rate in zip(self._optimiser.param_groups, self._now.unbind(), strict=True):
            group["lr"] = rate
