"""What a worker keeps from pack to pack of a task: images on the device, and the networks to start from."""

from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Generic, TypeVar

import torch

from workers.learning.image_stack import Stack
from workers.proxy.networks import InitialNetworks
from workers.tasks.proxy import ProxyTask

Made = TypeVar("Made")


class Kept(Generic[Made]):
    """The one thing of its kind that was made last, under its key.

    What was kept goes before another one is made, so that both never take memory at once.
    """

    def __init__(self) -> None:
        self._held: dict[Hashable, Made] = {}

    def get(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What is kept under ``key``, made now where there is none."""
        if key not in self._held:
            self._held.clear()
            self._held[key] = make()
        return self._held[key]

    def clear(self) -> None:
        """Keep nothing."""
        self._held.clear()


TRAINED_ON: Kept[list[Stack]] = Kept()
SCORED_ON: Kept[list[Stack]] = Kept()
NETWORKS: Kept[InitialNetworks] = Kept()


def forget() -> None:
    """Give the memory back: something else is to be trained."""
    for kept in (TRAINED_ON, SCORED_ON, NETWORKS):
        kept.clear()


def images_key(task: ProxyTask, device: torch.device, *maps: str) -> Hashable:
    """What decides on the images of a task's hold-out cut, and their distance maps, on a device."""
    source, hold_out = task.dataset.model_dump_json(), task.hold_out.model_dump_json()
    return source, hold_out, task.seed, maps, str(device)


def networks_key(task: ProxyTask, device: torch.device) -> Hashable:
    """What decides on the networks that the candidates of a task start from."""
    state: Hashable = None
    if task.warm_start is not None and (path := Path(task.warm_start)).exists():
        state = (task.warm_start, path.stat().st_mtime_ns, path.stat().st_size)
    of_task = (task.dataset.model_dump_json(), task.network.model_dump_json(), task.seed)
    return *of_task, task.frozen_encoder, task.warm_start, state, str(device)
