"""A segmentation network, as a frozen value."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from workers.tasks.base import Spec
from workers.tasks.described import DescribedAs, Setting
from workers.tasks.training import TrainingSpec


def check_statistics_are_there(training: TrainingSpec, *networks: "NetworkSpec") -> None:
    """Refuse to keep the batch statistics of an encoder that starts at random.

    Raises:
        ValueError: ``training.frozen_statistics`` is set, and a network has no pretrained weights.
    """
    if training.frozen_statistics and not all(each.is_pretrained for each in networks):
        raise ValueError(
            "training.frozen_statistics keeps the batch statistics of pretrained weights, and the "
            "network has none: set network.weights or network.weights_file, or leave it out"
        )


class NetworkSpec(Spec):
    """A segmentation network.

    Attributes:
        architecture: A name of :data:`workers.networks.architectures.ARCHITECTURES`.
        encoder: An encoder's name in segmentation-models-pytorch, or ``tu-`` and a name of timm;
            None for a network that has none to choose.
        weights: ``imagenet`` for pretrained encoder weights, ``packaged`` for those that the extra
            ``lossfit[pretrained]`` brings, of the encoder ``tu-tf_efficientnet_lite0`` alone; None
            for a random start.
        weights_file: Path on the workers of a safetensors file with the encoder's weights instead,
            as huggingface.co has it or as a retraining left it.
        options: Further keyword arguments of the architecture, e.g. ``decoder_channels``.
        embedding: Channels of a head that gives every pixel an embedding, which losses of objects
            train and clustering makes objects of (De Brabandere et al., 2017: 8 for Cityscapes, 16
            for CVPPP); None for a network without.
        coordinates: Pixels that are one unit of an embedding: each pixel's row and column, divided by
            it, are added to the first two channels, so that the network has to learn offsets and alike
            objects differ by their place; None adds nothing.
        seediness: Whether it has the head of ``deep-metric`` that says where to begin a mask, too.
    """

    architecture: str = "DeepLabV3Plus"
    encoder: str | None = "resnet18"
    weights: Literal["imagenet", "packaged"] | None = None
    weights_file: str | None = None
    options: Annotated[dict[str, Any], DescribedAs(dict[str, Setting])] = Field(
        default_factory=dict
    )
    embedding: Annotated[int, Field(ge=1, le=64)] | None = None
    coordinates: Annotated[float, Field(gt=0, le=10_000)] | None = None
    seediness: bool = False

    @property
    def is_pretrained(self) -> bool:
        """Whether it starts from weights that were trained before."""
        return self.weights is not None or self.weights_file is not None

    @model_validator(mode="after")
    def _weights_come_from_one_place(self) -> "NetworkSpec":
        if self.weights is not None and self.weights_file is not None:
            raise ValueError("weights and weights_file exclude each other: set weights to null")
        return self

    @model_validator(mode="after")
    def _seeds_are_of_embeddings(self) -> "NetworkSpec":
        if self.seediness and self.embedding is None:
            raise ValueError("seediness needs embeddings: set embedding, to 16 say")
        return self

    @model_validator(mode="after")
    def _places_are_added_to_embeddings(self) -> "NetworkSpec":
        if self.coordinates is not None and (self.embedding or 0) < 2:
            raise ValueError(
                "coordinates are added to two channels of embeddings: set embedding, to 8 say"
            )
        return self
