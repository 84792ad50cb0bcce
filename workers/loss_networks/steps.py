"""The loop that trainings of loss networks share: steps, progress, and the look at whether to stop."""

from collections.abc import Callable

import torch
from torch import Tensor

from workers.learning.loop import CHECK_EVERY
from workers.tasks.base import Stopped


def take(
    count: int,
    step: Callable[[int], Tensor],
    *,
    on_progress: Callable[[int, float], None],
    should_stop: Callable[[], bool],
) -> None:
    """Take ``count`` steps.

    Args:
        count: How many.
        step: Takes the step of a number from 0 and returns its loss, a scalar without gradient.
        on_progress: Called every 20 steps, and at the end, with the steps taken and the mean loss
            of the last ones.
        should_stop: Looked at after every step.

    Raises:
        Stopped: ``should_stop`` became true.
    """
    recent: list[Tensor] = []
    for taken in range(1, count + 1):
        recent.append(step(taken - 1))
        if taken % CHECK_EVERY == 0 or taken == count:
            on_progress(taken, float(torch.stack(recent).mean()))
            recent.clear()
        if should_stop():
            raise Stopped(f"The training was stopped after {taken} iterations.")
