"""What a loss needs beyond logits and target, and who brings it about. Needs no torch.

A loss is built from its parameters and, where it asks for them, facts about the data set:
how frequent its classes are (``class_pixels``, ``class_image_pixels``) and the weights of *loss networks*,
small networks that are trained once on the data set's masks and then frozen inside the loss.

A loss is called with logits, target and, where it asks for them, further *inputs*: what heads beside
the segmentation head give (boundary logits, embeddings, seediness), the numbers of the objects, and
distance maps, computed once per image and augmented along with it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

BOUNDARY_LOGITS = "boundary_logits"
"""Input: logits (N, 1, H, W) of a boundary head beside the segmentation head."""

EMBEDDINGS = "embeddings"
"""Input: a vector for every pixel, float (N, E, H, W), of an embedding head; any E from 1."""

INSTANCES = "instances"
"""Input: the number of the object that a pixel is of, int64 (N, H, W); 0 = of none."""

SEEDINESS = "seediness"
"""Input: logits (N, T * (C + 1), H, W) of a seediness head, ``view(N, T, C + 1, H, W)``: for each of
the :data:`SIMILARITIES`, how likely the mask that is grown from a pixel is an object of class 0..C-1
(channels 1..C), or none (channel 0)."""

SIMILARITIES = (0.25, 0.5, 0.75)
"""Similarities down to which masks are grown from a seed; there are T."""

CLASS_PIXELS = "class_pixels"
"""Fact: pixels of each class in the training split, C numbers."""

CLASS_IMAGE_PIXELS = "class_image_pixels"
"""Fact: pixels of the training split's images that hold each class, void left out, C numbers."""

EDGE_NETWORK = "edge_network"
"""Fact: path of the weights of an edge network (SEMEDA)."""

INVERSE_NETWORK = "inverse_network"
"""Fact: path of the weights of an inverse transformation network (InverseForm)."""

LOSS_NETWORKS = (EDGE_NETWORK, INVERSE_NETWORK)
"""The facts that are weights of loss networks."""


@dataclass(frozen=True)
class Needs:
    """What a loss needs.

    Attributes:
        inputs: Keyword arguments of ``forward``: ``boundary_logits``, ``embeddings``, ``instances``,
            ``seediness``, and names of distance maps.
        facts: Keyword arguments of ``load_loss``: counts of pixels, and names of loss networks.
    """

    inputs: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()

    @classmethod
    def union(cls, several: Iterable["Needs"]) -> "Needs":
        """What losses need together, each name once, in the order of their coming."""
        kept = list(several)
        return cls(
            inputs=tuple(dict.fromkeys(name for needs in kept for name in needs.inputs)),
            facts=tuple(dict.fromkeys(name for needs in kept for name in needs.facts)),
        )

    @property
    def loss_networks(self) -> tuple[str, ...]:
        """The facts that are weights of loss networks."""
        return tuple(name for name in self.facts if name in LOSS_NETWORKS)
