"""What the images are that a network takes, as a frozen value."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from workers.tasks.base import Spec

# ImageNet statistics of RGB in 0..255, which pretrained encoders expect.
MEAN = (123.675, 116.28, 103.53)
DEVIATION = (58.395, 57.12, 57.375)


class ImageFormat(Spec):
    """Images as a network takes them; by default RGB with 8 bits, with the statistics of ImageNet.

    Attributes:
        bands: Channels.
        depth: What the values are stored as.
        mean: Of each band; images are normalised to (value - mean) / deviation.
        deviation: Of each band.
    """

    bands: Annotated[int, Field(ge=1)] = 3
    depth: Literal["uint8", "uint16", "float32"] = "uint8"
    mean: tuple[float, ...] = MEAN
    deviation: tuple[Annotated[float, Field(gt=0)], ...] = DEVIATION

    @model_validator(mode="after")
    def _every_band_has_its_statistics(self) -> "ImageFormat":
        if not len(self.mean) == len(self.deviation) == self.bands:
            raise ValueError("mean and deviation need a number for every band")
        return self


RGB = ImageFormat()
"""The format of every dataset that does not say how many bands it has."""
