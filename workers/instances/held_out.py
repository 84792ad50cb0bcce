"""What a network predicts of held-out images: kept while there is room, predicted again beyond it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, overload

from torch import Tensor, nn

from workers.instances.found import Prediction
from workers.instances.oracles import Truth
from workers.instances.prediction import predict_image
from workers.instances.scoring import truths_of
from workers.learning.image_stack import Stack

MOST_BYTES = 2 * 2**30
"""Memory that predictions may take."""


class HeldImage(NamedTuple):
    """One held-out image.

    Attributes:
        prediction: What the network predicts of it.
        probabilities: float32 (C, H, W) of every class.
        truth: What is annotated of it.
    """

    prediction: Prediction
    probabilities: Tensor
    truth: Truth


class HeldOut(Sequence[Prediction]):
    """The predictions of a network for all images of stacks, in the order of their positions.

    Args:
        network: In evaluation mode, on the stacks' device; embeddings are those of its head, if it has
            one.
        stacks: The samples.
    """

    def __init__(self, network: nn.Module, stacks: Sequence[Stack]) -> None:
        self._network = network
        places = [
            (position, image, truth)
            for stack in stacks
            for position, image, truth in zip(
                stack.positions, stack.images, truths_of(stack), strict=True
            )
        ]
        places.sort(key=lambda place: place[0])
        self._samples = [(image, truth) for _, image, truth in places]
        self._kept: dict[int, HeldImage] = {}
        self._room = MOST_BYTES

    def __len__(self) -> int:
        return len(self._samples)

    @overload
    def __getitem__(self, index: int) -> Prediction: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Prediction]: ...
    def __getitem__(self, index: int | slice) -> Prediction | Sequence[Prediction]:
        """The predictions of one image, or of some."""
        if isinstance(index, slice):
            return [self._image(each).prediction for each in range(*index.indices(len(self)))]
        return self._image(range(len(self))[index]).prediction

    def images(self) -> Iterator[HeldImage]:
        """All images, one after the other."""
        return map(self._image, range(len(self)))

    def _image(self, index: int) -> HeldImage:
        if (kept := self._kept.get(index)) is not None:
            return kept
        image, truth = self._samples[index]
        held = HeldImage(*predict_image(self._network, image, embedded=True), truth)
        self._room -= sum(_size(tensor) for tensor in (*held.prediction, held.probabilities))
        if self._room >= 0:
            self._kept[index] = held
        return held


def _size(tensor: Tensor | None) -> int:
    """Bytes of a tensor."""
    return 0 if tensor is None else tensor.nbytes
