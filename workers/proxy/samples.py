"""What proxies train and are scored on: decoded once for all trainings that follow in a process."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import torch
from pydantic import TypeAdapter

from surrogate_zoo.labelling import Labelling
from workers.datasets.dataset import Samples
from workers.datasets.layouts.registry import open_dataset
from workers.datasets.training_split import read_training_split
from workers.learning.hold_out import Cut, cut_hold_out
from workers.learning.image_formats import images_of
from workers.learning.image_stack import Stack, stack_by_size
from workers.learning.labellings import labelling_in
from workers.proxy.kept import SCORED_ON, TRAINED_ON, images_key
from workers.tasks.datasets import DatasetSource
from workers.tasks.hold_out import HoldOut
from workers.tasks.proxy import ProxyTask


def training_samples(source: DatasetSource) -> tuple[Samples, Labelling]:
    """Samples of the training split and what a pixel may carry, decoded once for each source.

    No file of another split is opened.
    """
    return decoded_samples(source.model_dump_json())


@lru_cache(maxsize=2)
def decoded_samples(source: str) -> tuple[Samples, Labelling]:
    """As :func:`training_samples`, of a source as JSON: some hold mappings, which are no keys."""
    dataset = open_dataset(TypeAdapter[DatasetSource](DatasetSource).validate_json(source))
    return read_training_split(dataset), labelling_in(dataset)


@lru_cache(maxsize=16)
def things_of(source: str) -> tuple[int, ...]:
    """Labels whose objects a source tells apart; the source as JSON."""
    return open_dataset(TypeAdapter[DatasetSource](DatasetSource).validate_json(source)).things


@lru_cache(maxsize=16)
def cut_once(source: str, hold_out: str, seed: int) -> Cut:
    """The hold-out set of a source and a :class:`HoldOut`, both as JSON."""
    opened = TypeAdapter[DatasetSource](DatasetSource).validate_json(source)
    samples, _ = decoded_samples(source)
    return cut_hold_out(opened, samples, HoldOut.model_validate_json(hold_out), seed)


@lru_cache(maxsize=1)
def split_samples(source: str, split: str) -> Samples:
    """Samples of another split than the training split, decoded once; the source as JSON."""
    opened = TypeAdapter[DatasetSource](DatasetSource).validate_json(source)
    return open_dataset(opened).read(split)


@dataclass(frozen=True)
class ProxyImages:
    """The images of a proxy task.

    Attributes:
        task: The task.
        device: Where they are brought.
        samples: The training split.
        labelling: What a pixel of the dataset may carry.
        cut: Which samples are trained on, and which are scored.
    """

    task: ProxyTask
    device: torch.device
    samples: Samples
    labelling: Labelling
    cut: Cut

    @classmethod
    def of(cls, task: ProxyTask, device: torch.device) -> "ProxyImages":
        """Read the training split, and cut the hold-out set."""
        source = task.dataset.model_dump_json()
        samples, labelling = training_samples(task.dataset)
        cut = cut_once(source, task.hold_out.model_dump_json(), task.seed)
        return cls(task, device, samples, labelling, cut)

    def trained_on(self, maps: Iterable[str]) -> list[Stack]:
        """What is trained on, with these distance maps, on the device."""
        kinds = tuple(maps)

        def stacked() -> list[Stack]:
            return stack_by_size(
                self.samples,
                self.device,
                self.cut.kept,
                maps=kinds,
                num_classes=self.labelling.channels,
                images=images_of(self.task.dataset, self.samples),
            )

        return TRAINED_ON.get(images_key(self.task, self.device, *kinds), stacked)

    def scored_on(self) -> list[Stack]:
        """The hold-out set, on the device."""

        def stacked() -> list[Stack]:
            source, split = self.task.dataset.model_dump_json(), self.cut.split
            scored = self.samples if split == "train" else split_samples(source, split)
            images = images_of(self.task.dataset, self.samples)
            return stack_by_size(scored, self.device, self.cut.held, images=images)

        return SCORED_ON.get(images_key(self.task, self.device), stacked)
