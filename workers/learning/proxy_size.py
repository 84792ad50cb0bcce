"""Samples at the size of a proxy: what it is scored on where images are brought down to it."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from workers.learning.crops import Crops, gather
from workers.learning.image_stack import PixelStore, Stack

TOGETHER = 64  # images that are resized at once, which bounds the memory


def brought_down(stacks: Sequence[Stack], side: int) -> list[Stack]:
    """Resize samples to a short side of ``side`` pixels and cut the square in their middle out.

    As the released proxy task scores: bilinear for images, which are rounded again where they have 8 bits,
    nearest for masks and objects, without smoothing. Distance maps are left aside. Objects keep their
    numbers, those that vanish leave gaps.

    Args:
        stacks: The samples.
        side: Pixels.

    Returns:
        Samples of (``side``, ``side``) pixels, in the order of ``stacks``.
    """
    return [_brought_down(stack, side) for stack in stacks]


def _brought_down(stack: Stack, side: int) -> Stack:
    plain = replace(stack, store=replace(stack.store, maps={}))
    size = (len(stack.positions), side, side)
    images = stack.images.new_empty((*size, stack.images.shape[-1]))
    masks = stack.masks.new_empty((*size, *stack.masks.shape[3:]))
    instances = None if stack.instances is None else stack.instances.new_empty(size)
    for start in range(0, len(images), TOGETHER):
        rows = torch.arange(start, min(start + TOGETHER, len(images)), device=images.device)
        crop = gather(plain, rows, _middle(stack, side, len(rows)), (side, side))
        whole = images.dtype == torch.uint8
        images[rows] = crop.pixels.round().byte() if whole else crop.pixels
        masks[rows] = crop.masks.byte()
        if instances is not None and crop.instances is not None:
            instances[rows] = crop.instances.int()
    store = PixelStore(
        images.flatten(0, 2),
        masks.flatten(0, 2),
        instances=None if instances is None else instances.flatten(),
        format=stack.format,
    )
    return Stack(store, 0, (side, side), stack.positions)


def _middle(stack: Stack, side: int, count: int) -> Crops:
    """The crop in the middle, ``count`` times."""
    scale = side / min(stack.size)
    top, left = ((round(length * scale) - side) // 2 for length in stack.size)
    values = (scale, float(top), float(left), 0.0)
    return Crops(*(torch.full((count,), value, device=stack.images.device) for value in values))
