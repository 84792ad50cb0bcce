"""Streams of random numbers: what is drawn below a task's seed, each from a stream of its own.

A draw follows from (seed, stream, counts), never from what was drawn before it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum, unique

import numpy as np
import torch


@unique
class Stream(IntEnum):
    """Every stream below a task's seed. A number that was changed would change all results."""

    ORDER = 1  # order of the training images, by epoch
    AUGMENTATION = 2  # scale, crop, flip and colours, by step
    WEIGHTS = 3  # initial weights of a network, of an inverse network too
    DROPOUT = 4  # dropout, by step and by process of a shared training
    HOLD_OUT = 5  # which training images are held out
    HEAD_WEIGHTS = 6  # initial weights of the heads that a loss asks for
    PREDICTIONS = 7  # predictions that the rejection test starts from
    EDGE_CROPS = 11  # crops of masks that an edge network learns from, by step
    EDGE_NOISE = 12  # initial weights of an edge network, and the noise it learns from
    INVERSE_PAIRS = 13  # pairs of tiles that an inverse network learns from, by step
    INVERSE_MEASURES = 14  # pairs of tiles that it is measured on, by batch
    CLUSTERING = 21  # order in which pixels begin an object, by image


def generator(seed: int, stream: Stream, *counts: int) -> np.random.Generator:
    """A generator of its own for every seed, stream and counts (a step, an epoch)."""
    return np.random.Generator(np.random.PCG64([seed, stream, *counts]))


def seed_torch(seed: int, stream: Stream, *counts: int) -> None:
    """Seed torch's global generators; arguments as of :func:`generator`."""
    torch.manual_seed(seed_of(seed, stream, *counts))


def seed_of(seed: int, stream: Stream, *counts: int) -> int:
    """What :func:`seed_torch` seeds with."""
    return int(np.random.SeedSequence((seed, stream, *counts)).generate_state(1)[0])


def seed_device(device: torch.device, value: int) -> None:
    """Seed the generators that work on a device draws from: as torch.manual_seed, in microseconds."""
    torch.default_generator.manual_seed(value)
    if device.type == "cuda":
        index = torch.cuda.current_device() if device.index is None else device.index
        torch.cuda.default_generators[index].manual_seed(value)


@contextmanager
def own_random_numbers(device: torch.device) -> Iterator[None]:
    """Give torch's global generators back as they were found."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices, device_type="cuda"):
        yield
