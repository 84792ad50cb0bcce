"""What a loss network is and how it is trained, as frozen values. Needs pydantic alone."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from workers.tasks.base import FolderTask, Seed, Side, Spec
from workers.tasks.datasets import DatasetSource
from workers.tasks.hold_out import HoldOut


class EdgeNetworkSpec(Spec):
    """An edge network (SEMEDA): finds the edges of masks in noisy class probabilities.

    Attributes:
        kernel: Side of its three convolutions in pixels, odd.
        noise: Standard deviation of the Gaussian noise on the one-hot masks; the paper does not give
            its own.
        confidence: Lowest probability of the true class before noise; the softmax is sharpened so
            that it lies between this and 0.9999. None leaves it as it is, as in the paper.
        specks: Largest share of a mask's pixels that get a random class, so that the network knows
            the holes of predictions; 0 in the paper.
        renamed: Whether each mask's classes trade places at random; not in the paper.
        levelled: Whether the hidden layers are scaled afterwards, so that a mask's features are 1 on
            average; not in the paper.
        iterations: Optimiser steps.
        batch_size: Masks a step.
        crop: (height, width) of a crop of a mask in pixels.
        learning_rate: Adam's at its peak; one cycle of warm-up and decay.
    """

    kind: Literal["edge_network"] = "edge_network"
    kernel: Annotated[int, Field(ge=3, le=15)] = 3
    noise: Annotated[float, Field(ge=0, le=10)] = 0.15
    confidence: Annotated[float, Field(ge=0.5, lt=0.9999)] | None = 0.6
    specks: Annotated[float, Field(ge=0, le=1)] = 0.05
    renamed: bool = True
    levelled: bool = True
    iterations: Annotated[int, Field(ge=1, le=1_000_000)] = 1500
    batch_size: Annotated[int, Field(ge=1, le=4096)] = 16
    crop: tuple[Side, Side] = (32, 32)
    learning_rate: Annotated[float, Field(gt=0, le=100)] = 0.01

    @field_validator("kernel")
    @classmethod
    def _has_a_centre(cls, kernel: int) -> int:
        if kernel % 2 == 0:
            raise ValueError("kernel must be odd")
        return kernel


class InverseNetworkSpec(Spec):
    """An inverse transformation network (InverseForm): predicts the homography between two boundary maps.

    The defaults take two minutes on one CPU thread. On CamVid at 120 x 160 they leave 0.55 of
    the error of predicting the identity: shift is found best, then rotation, hardly any scale, and
    no perspective. In the same time larger sides get less far; they may repay a GPU.

    Attributes:
        architecture: ``fully-connected`` as released, or ``convolutional`` after AET.
        outputs: ``homography``, 8 numbers; ``affine``, 6; or ``shift-scale``, 4, as released.
        distance: What it is trained by: ``euclidean``, the Frobenius norm of its error, or ``geodesic``,
            that of ``true^-1 predicted``; the loss takes either, whichever the network was trained by.
        side: Side in pixels of the square tiles it compares.
        tiles: Rows and columns that the loss will cut a mask into.
        zoom: How many times smaller than such a tile a window may be: training crops are smaller
            than masks, or enlarged.
        shift: Largest shift, as a share of the tile's side.
        scale: Largest change of scale; 0.2 draws factors in 1/1.2..1.2.
        rotation: Largest rotation in degrees.
        perspective: Largest perspective coefficient, in units of the tile's half side.
        blur: Largest standard deviation of the blur of the moved map, in pixels of the tile; its
            lines grow thicker along with it.
        fade: Largest loss of contrast of the moved map; with 0.5 lines fade to 0.75, and the ground
            between them rises to 0.25.
        noise: Largest standard deviation of Gaussian noise on the pixels of the moved map. A network
            that was trained with it leans on many pixels, none much, so the gradient that it passes on
            to a map is short where a short one tells the same motion.
        iterations: Optimiser steps.
        batch_size: Pairs of tiles a step.
        learning_rate: Adam's.
    """

    kind: Literal["inverse_network"] = "inverse_network"
    architecture: Literal["fully-connected", "convolutional"] = "fully-connected"
    outputs: Literal["homography", "affine", "shift-scale"] = "homography"
    distance: Literal["euclidean", "geodesic"] = "euclidean"
    side: Annotated[int, Field(ge=16, le=512)] = 16
    tiles: tuple[Annotated[int, Field(ge=1, le=64)], Annotated[int, Field(ge=1, le=64)]] = (2, 2)
    zoom: Annotated[float, Field(ge=1, le=16)] = 2.0
    shift: Annotated[float, Field(ge=0, le=1)] = 0.2
    scale: Annotated[float, Field(ge=0, le=1)] = 0.2
    rotation: Annotated[float, Field(ge=0, le=180)] = 15.0
    perspective: Annotated[float, Field(ge=0, le=0.3)] = 0.1
    blur: Annotated[float, Field(ge=0, le=16)] = 1.5
    fade: Annotated[float, Field(ge=0, le=1)] = 0.5
    noise: Annotated[float, Field(ge=0, le=4)] = 0.0
    iterations: Annotated[int, Field(ge=1, le=1_000_000)] = 4000
    batch_size: Annotated[int, Field(ge=1, le=4096)] = 256
    learning_rate: Annotated[float, Field(gt=0, le=100)] = 2e-3


EDGE_NETWORK_OF_SEMEDA = EdgeNetworkSpec(confidence=None, specks=0.0, renamed=False, levelled=False)
"""An edge network that is trained as the paper writes: on softmax(one-hot + Gaussian noise)."""

LossNetworkSpec = Annotated[EdgeNetworkSpec | InverseNetworkSpec, Field(discriminator="kind")]


class LossNetworkResult(Spec):
    """A trained loss network.

    Attributes:
        file: Name of the weights' file in the folder, safetensors.
        measures: What it reaches on held-out masks: ``f1`` of an edge network
            on one-hot masks, ``f1_noisy`` on noisy ones; ``error_ratio``, its
            error over that of predicting identity, of an inverse transformation network, and
            ``error_ratio_soft``, the same on softened maps.
        parameters: Constructor arguments of the network, ``num_classes`` among them if it has them.
        seconds: Wall-clock seconds.
    """

    file: str
    measures: dict[str, float]
    parameters: dict[str, Any]
    seconds: float


class LossNetworkOptions(Spec):
    """What the training of a loss network may be asked for.

    Attributes:
        network: What to train, and how.
        hold_out: The masks that the result is measured on, most often a part of the training split's.
        seed: Seeds the hold-out cut, weights, batches and noise.
    """

    network: LossNetworkSpec
    hold_out: HoldOut = HoldOut()
    seed: Seed = 0


class LossNetworkTask(LossNetworkOptions, FolderTask[LossNetworkResult]):
    """The training of a loss network on the masks of a data set.

    What is measured is measured on masks cut from the training split, or those of val where
    ``hold_out`` says so.

    Attributes:
        dataset: Where the masks are.
    """

    dataset: DatasetSource
