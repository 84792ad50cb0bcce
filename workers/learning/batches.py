"""Training batches: which image stands where in which step, scaled, cropped, flipped and coloured.

A batch is a pure function of (seed, step): nothing has to be saved to resume, and every candidate
of a search sees the same batches. Random numbers are drawn from a generator that is seeded by
(seed, step), for many steps ahead, and what follows from them is copied to the device at once: a step
itself copies nothing from the host and never waits. Pixels are gathered straight from the uint8 store,
from images of all sizes together, so the work follows the size of the crop and not of the image.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workers.learning.crops import Sites, jitter, place_crops, sample, sites_of
from workers.learning.image_stack import Stack
from workers.learning.streams import Stream, generator
from workers.networks.image_format import normalise
from workers.tasks.training import TrainingSpec

DRAWS = 7  # scale, row, column, flip, brightness, contrast, saturation
AHEAD = 32  # steps that are planned, and whose plans are copied to the device, at once


class TrainingBatch(NamedTuple):
    """What one step trains on.

    Attributes:
        images: float32 (B, bands, h, w), normalised, 0 outside of the image.
        masks: int64 (B, h, w), or (B, C, h, w) of a multi-label; void = 255 outside of the image.
        maps: Distance maps by name, float32 (B, K, h, w), 0 outside of the image. They are those of
            the whole image, scaled along with it: a border beyond the crop counts.
        instances: int64 (B, h, w) number of each pixel's object in its image, 0 = none and outside
            of the image; None where the dataset has no things. The numbers have gaps where objects
            lie outside of the crop, and an object that the crop cuts in two is still one.
    """

    images: Tensor
    masks: Tensor
    maps: dict[str, Tensor]
    instances: Tensor | None = None

    def to(self, device: torch.device) -> "TrainingBatch":
        """The batch on a device, its images channels-last."""
        images = self.images.to(device, non_blocking=True)
        return TrainingBatch(
            images.contiguous(memory_format=torch.channels_last),
            self.masks.to(device, non_blocking=True),
            {name: kept.to(device, non_blocking=True) for name, kept in self.maps.items()},
            None if self.instances is None else self.instances.to(device, non_blocking=True),
        )

    def split(self, parts: int) -> "list[TrainingBatch]":
        """Cut the batch into equal parts, in order; ``parts`` divides B."""
        size = len(self.images) // parts
        return [
            TrainingBatch(
                self.images[start : start + size],
                self.masks[start : start + size],
                {name: distances[start : start + size] for name, distances in self.maps.items()},
                None if self.instances is None else self.instances[start : start + size],
            )
            for start in range(0, size * parts, size)
        ]


class Plan(NamedTuple):
    """What decides on a batch beside the store, on the device; of S steps, all have S before B.

    Attributes:
        sites: Where its pixels are.
        colours: float32 (B, 3), uniform draws of brightness, contrast and saturation.
    """

    sites: Sites
    colours: Tensor

    def at(self, offset: "int | Tensor") -> "Plan":
        """The plan of one step of several.

        Args:
            offset: Its number among them; or on the device, int64 (1,), so that it is read there.
        """
        if isinstance(offset, int):
            return Plan(Sites(*(each[offset] for each in self.sites)), self.colours[offset])
        sites = Sites(*(each.index_select(0, offset)[0] for each in self.sites))
        return Plan(sites, self.colours.index_select(0, offset)[0])

    def copy_(self, other: "Plan") -> None:
        """Take over what another plan of as many steps says."""
        pairs = zip((*self.sites, self.colours), (*other.sites, other.colours), strict=True)
        for own, given in pairs:
            own.copy_(given)


class Batches:
    """Batches of a training, by step.

    Every epoch is a fresh permutation of all images; a batch may span two epochs.

    Args:
        stacks: The images, stacked by size, all in one store.
        training: Batch size, crop and augmentation.
        seed: Seed of order and augmentation.
    """

    def __init__(self, stacks: Sequence[Stack], training: TrainingSpec, seed: int) -> None:
        self._store = stacks[0].store
        self._training = training
        self._seed = seed
        total = sum(len(stack.positions) for stack in stacks)
        self._sizes = np.zeros((total, 2), dtype=np.int64)
        self._starts = np.zeros(total, dtype=np.int64)
        for stack in stacks:
            positions = list(stack.positions)
            self._sizes[positions] = stack.size
            self._starts[positions] = stack.start + np.arange(len(positions)) * (
                stack.size[0] * stack.size[1]
            )
        self._planned: tuple[int, Plan] | None = None

    def __call__(self, step: int) -> TrainingBatch:
        """Assemble the batch of ``step``."""
        first = step - step % AHEAD
        if self._planned is None or self._planned[0] != first:
            self._planned = (first, self.plan(first, AHEAD))
        return self.assemble(self._planned[1].at(step - first))

    def plan(self, first: int, count: int) -> Plan:
        """Plan the batches of ``count`` steps from ``first`` on.

        Drawn on the host; the device is handed the finished plan without being waited for.
        """
        steps = range(first, first + count)
        chosen = self._chosen(first, count)
        draws = torch.from_numpy(
            np.concatenate(
                [
                    generator(self._seed, Stream.AUGMENTATION, step).random(
                        (self._training.batch_size, DRAWS), dtype=np.float32
                    )
                    for step in steps
                ]
            )
        )
        sizes = torch.from_numpy(self._sizes[chosen])
        crops = place_crops(sizes, self._training, draws)
        starts = torch.from_numpy(self._starts[chosen])
        sites = sites_of(starts, sizes, crops, self._training.crop)
        size = (count, self._training.batch_size)
        device = self._store.masks.device
        return Plan(
            Sites(*(_handed(each.view(*size, *each.shape[1:]), device) for each in sites)),
            _handed(draws[:, 4:].reshape(*size, DRAWS - 4), device),
        )

    def assemble(self, plan: Plan) -> TrainingBatch:
        """Make the batch of one step's plan: nothing but kernels on the device."""
        store, strength = self._store, self._training.augmentation.colour
        crop = sample(store, plan.sites)
        pixels = crop.pixels
        if strength > 0:
            pixels = jitter(pixels, strength, plan.colours, store.format)
        pixels = normalise(pixels, store.format) * crop.inside[..., None]
        channels_first = {name: kept.permute(0, 3, 1, 2) for name, kept in crop.maps.items()}
        masks = crop.masks if crop.masks.ndim == 3 else crop.masks.movedim(-1, 1)
        return TrainingBatch(pixels.permute(0, 3, 1, 2), masks, channels_first, crop.instances)

    def _chosen(self, first: int, count: int) -> NDArray[np.int64]:
        """Positions of the images of ``count`` steps from ``first`` on."""
        total, size = len(self._starts), self._training.batch_size
        wanted = np.arange(first * size, (first + count) * size)
        epochs = wanted // total
        orders = [
            generator(self._seed, Stream.ORDER, epoch).permutation(total)
            for epoch in range(int(epochs[0]), int(epochs[-1]) + 1)
        ]
        chosen: NDArray[np.int64] = np.stack(orders)[epochs - epochs[0], wanted % total]
        return chosen


def _handed(values: Tensor, device: torch.device) -> Tensor:
    """A tensor of the host on a device that goes on meanwhile."""
    if device.type != "cuda":
        return values.to(device)
    return values.pin_memory().to(device, non_blocking=True)
