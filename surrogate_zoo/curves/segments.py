"""Which segment of a curve each value is in, and its coefficients."""

from typing import NamedTuple

import torch
from torch import Tensor


class Table(NamedTuple):
    """What evaluates the curves of K candidates.

    Attributes:
        rows: Coefficients of each segment, (R, K, n).
        ends: g(1), (K,).
    """

    rows: Tensor
    ends: Tensor

    def of(self, images: slice, planes: Tensor) -> tuple[Tensor, Tensor]:
        """The table of a block of ``images`` of planes (I, C, P), I / K of each candidate.

        Returns:
            Coefficients (R, n) and g(1), a scalar, of a block with one candidate; else (R, I, 1, 1, n) and
            (I, 1, 1).
        """
        each = max(1, len(planes) // len(self.ends))
        if len(self.ends) == 1 or planes.device.type == "cpu":
            candidate = images.start // each
            return self.rows[:, candidate], self.ends[candidate]
        rows, ends = self.rows.repeat_interleave(each, 1), self.ends.repeat_interleave(each)
        return rows[:, :, None, None], ends[:, None, None]


def line(x: Tensor, factor: float, summand: float, *, out: Tensor) -> Tensor:
    """Write ``factor x + summand`` in one pass; ``out`` may be ``x``."""
    return torch.add(x.new_tensor(summand), x, alpha=factor, out=out)


def product_sum(x: Tensor, factor: Tensor, summand: Tensor) -> Tensor:
    """``x * factor + summand``; scalars at full speed, which addcmul does not give them."""
    if factor.ndim == 0 or summand.ndim == 0:
        return (x * factor).add_(summand)
    return torch.addcmul(summand, x, factor)


def of_segment(x: Tensor, coefficients: Tensor, zeros: int) -> list[Tensor]:
    """Pick for every x the coefficients of its segment; a knot belongs to the segment it ends.

    In the first segment, the first ``zeros`` coefficients are zero.

    Each is its first value plus 0-1 indicators times its steps, exact but for rounding, and vectorised on
    the CPU, where a choice by a bool mask is not.
    """
    if coefficients.shape[-1] == 1:
        return list(coefficients[..., 0])
    beyond = [
        torch.gt(x, coefficients[0, ..., segment], out=torch.empty_like(x))
        for segment in range(1, coefficients.shape[-1])
    ]
    firsts, steps = coefficients[..., 0], coefficients.diff()
    if firsts.ndim == 1 and x.device.type == "cpu":  # numbers, which addcmul has no full speed for
        return [
            _stepped(beyond, row, None if index < zeros else firsts[index])
            for index, row in enumerate(steps.tolist())
        ]
    return [
        sum((each * row[..., i] for i, each in enumerate(beyond)), first)
        for first, row in zip(firsts, steps, strict=True)
    ]


def _stepped(beyond: list[Tensor], steps: list[float], first: Tensor | None) -> Tensor:
    """A coefficient of every x: its first value, none being 0, and a step at each knot that lies below."""
    total = beyond[0] * steps[0] if first is None else torch.add(first, beyond[0], alpha=steps[0])
    for each, step in zip(beyond[1:], steps[1:], strict=True):
        total.add_(each, alpha=step)
    return total
