"""Heads that are part of a network: what they give is of use when it predicts, too."""

from torch import nn

from surrogate_zoo.needs import EMBEDDINGS, SEEDINESS, SIMILARITIES
from workers.networks.heads import decoded_channels
from workers.networks.placed import PlacedConvolution
from workers.tasks.networks import NetworkSpec


def own_heads_of(spec: NetworkSpec) -> tuple[str, ...]:
    """Names of the inputs of losses that a network of ``spec`` gives by heads of its own."""
    asked = {EMBEDDINGS: spec.embedding is not None, SEEDINESS: spec.seediness}
    return tuple(name for name, wanted in asked.items() if wanted)


def add_own_heads(network: nn.Module, spec: NetworkSpec, num_classes: int) -> None:
    """Give a network the heads that its spec asks for, as ``network.own_heads``; none if it asks for none.

    A head is one 1x1 convolution on the decoder's output, without normalisation and activation:
    embeddings of any sign and length, to which ``coordinates`` adds places. Its weights do not start at 0,
    where embeddings that are all the same would never part. The network's ``forward`` gives the logits
    alone, as before; :class:`workers.networks.heads.WithHeads` runs both. The heads are in its state, so
    they are saved, loaded and averaged with it.

    Args:
        network: See :class:`workers.networks.architectures.Architecture`.
        spec: What it was built from; ``embedding`` channels of embeddings, and of seediness those of
            :data:`surrogate_zoo.needs.SEEDINESS`.
        num_classes: C of the logits; one channel has two classes.

    Raises:
        InputError: The network has no ``segmentation_head``, whose input the heads see.
    """
    names = own_heads_of(spec)
    if not names:
        return
    classes = max(num_classes, 2)
    widths = {EMBEDDINGS: spec.embedding or 0, SEEDINESS: len(SIMILARITIES) * (classes + 1)}
    inputs = decoded_channels(network)
    units = {EMBEDDINGS: spec.coordinates}
    network.own_heads = nn.ModuleDict(
        {name: _head(inputs, widths[name], units.get(name)) for name in names}
    )


def _head(inputs: int, outputs: int, pixels: float | None) -> nn.Module:
    """A head; the same weights with places as without."""
    if pixels is None:
        return nn.Conv2d(inputs, outputs, 1)
    return PlacedConvolution(inputs, outputs, pixels)
