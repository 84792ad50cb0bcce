"""Which pixels are of which object: what the losses of embeddings begin with.

An object is the pixels of one image that have one number and one class. Objects are compared with
those of their *unit* alone.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from surrogate_zoo.losses.handmade.batch import Batch
from surrogate_zoo.needs import INSTANCES


class Objects(NamedTuple):
    """The objects of a batch: P pixels of M objects in U units, any of which may be 0.

    Attributes:
        places: Places of their pixels among the N H W of the batch, int64 (P,), ascending.
        owners: The object that each of these pixels is of, int64 (P,), 0..M-1.
        sizes: Pixels of each object, int64 (M,).
        images: Image of each object, int64 (M,), ascending.
        classes: Class of each object, int64 (M,), ascending within an image.
        units: Unit of each object, int64 (M,), 0..U-1, ascending.
        members: Objects of each unit, int64 (U,).
        number: Units of all parts of the batch, at least 1; int64, scalar.
    """

    places: Tensor
    owners: Tensor
    sizes: Tensor
    images: Tensor
    classes: Tensor
    units: Tensor
    members: Tensor
    number: Tensor

    def shares(self, dtype: torch.dtype) -> Tensor:
        """What each object weighs in a mean over units of means over their objects, (M,)."""
        return 1 / (self.members[self.units] * self.number).to(dtype)

    def pairs(self) -> tuple[Tensor, Tensor]:
        """Every two objects of one unit, each pair once, int64 (Q,) both."""
        own = torch.arange(len(self.units), device=self.units.device)
        later = self.members.cumsum(0)[self.units] - own - 1
        first = own.repeat_interleave(later)
        begin = later.cumsum(0) - later
        step = torch.arange(len(first), device=own.device) - begin[first]
        return first, first + 1 + step


def objects_of(batch: Batch, *, across_classes: bool = False) -> Objects:
    """List the objects of a batch. A GPU waits a few times for all of it, and never for one object.

    Args:
        batch: With ``instances``.
        across_classes: A unit is all objects of an image, in place of those of one class.

    Raises:
        InputError: The instances were not handed over.
    """
    instances, classes = batch.asked(INSTANCES), batch.scores.shape[1]
    images = torch.arange(len(instances), device=instances.device)[:, None, None]
    # Void has number 0. The span is at least 1, so that there is one without objects too.
    span = instances.amax() + 1 if instances.numel() else instances.new_ones(())
    keys = ((images * classes + batch.labels) * span + instances).flatten()
    places = (instances > 0).flatten().nonzero()[:, 0]
    named, owners, sizes = torch.unique(keys[places], return_inverse=True, return_counts=True)
    kinds = named // span
    unit_names = kinds // classes if across_classes else kinds
    _, units, members = unit_names.unique_consecutive(return_inverse=True, return_counts=True)
    number = batch.total(members.new_tensor(len(members))).clamp(min=1)
    return Objects(places, owners, sizes, kinds // classes, kinds % classes, units, members, number)


def vectors_at(maps: Tensor, places: Tensor) -> Tensor:
    """The vectors (P, E) of maps (N, E, H, W) at places among the N H W pixels, int64 (P,)."""
    flat = maps.movedim(1, -1).reshape(-1, maps.shape[1])
    return flat.gather(0, places[:, None].expand(-1, maps.shape[1]))
