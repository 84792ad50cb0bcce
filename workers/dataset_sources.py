"""Where the images of a dataset are, as frozen values; one source a layout.

The module needs pydantic alone, so that the API can check a request without loading NumPy.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from workers.spec_base import Seed, Side, Spec

MAX_GENERATED_PIXELS = 2**26


class ShapesSource(Spec):
    """The generated dataset: textured overlapping shapes, thin rare classes, noise, void borders.

    Attributes:
        seed: Same seed, same images, byte for byte.
        height: Image height in pixels.
        width: Image width in pixels.
        train: Number of training images.
        val: Number of validation images.
        test: Number of test images.
    """

    layout: Literal["shapes"] = "shapes"
    seed: Seed = 0
    height: Side = 64
    width: Side = 64
    train: Annotated[int, Field(ge=8, le=100_000)] = 160
    val: Annotated[int, Field(ge=1, le=100_000)] = 40
    test: Annotated[int, Field(ge=1, le=100_000)] = 40

    @model_validator(mode="after")
    def _is_drawn_in_minutes(self) -> "ShapesSource":
        # Registering a dataset draws all of it; without a bound one request would take days.
        images = self.train + self.val + self.test
        if images * self.height * self.width > MAX_GENERATED_PIXELS:
            raise ValueError(
                f"height * width * (train + val + test) may be {MAX_GENERATED_PIXELS} at most; "
                "take fewer or smaller images"
            )
        return self


class SegNetSource(Spec):
    """The SegNet layout (CamVid): names in ``<split>.txt``, images and masks in two folders.

    Images are in ``<split>/``, masks in ``<split>annot/``.

    Attributes:
        root: The folder that holds the split files.
        classes: Class names in the order of their labels, 0 first.
        void_labels: Labels in the masks that mean void (CamVid: 11).
        size: (height, width) that images and masks are resized to when read; None keeps theirs.
    """

    layout: Literal["segnet"] = "segnet"
    root: str
    classes: Annotated[tuple[str, ...], Field(min_length=2, max_length=255)]
    void_labels: tuple[Annotated[int, Field(ge=0, le=255)], ...] = (255,)
    size: tuple[Side, Side] | None = None


class FolderSource(Spec):
    """A plain folder of images and masks of the same stem, split by files of names or by ratio.

    Attributes:
        root: The folder that holds ``images`` and ``masks``.
        classes: Class names in the order of their labels, 0 first.
        images: Name of the folder of images below ``root``.
        masks: Name of the folder of masks below ``root``; 8-bit, one label a pixel.
        void_labels: Labels in the masks that mean void.
        ratio: Share of train, val and test where ``root`` has no ``train.txt`` / ``val.txt`` /
            ``test.txt``; the names are shuffled with ``seed``.
        seed: Seed of that shuffle.
        size: (height, width) that images and masks are resized to when read; None keeps theirs.
    """

    layout: Literal["folder"] = "folder"
    root: str
    classes: Annotated[tuple[str, ...], Field(min_length=2, max_length=255)]
    images: str = "images"
    masks: str = "masks"
    void_labels: tuple[Annotated[int, Field(ge=0, le=255)], ...] = (255,)
    ratio: tuple[float, float, float] = (0.7, 0.15, 0.15)
    seed: Seed = 0
    size: tuple[Side, Side] | None = None

    @model_validator(mode="after")
    def _ratio_is_a_partition(self) -> "FolderSource":
        if min(self.ratio) < 0 or self.ratio[0] <= 0 or abs(sum(self.ratio) - 1) > 1e-6:
            raise ValueError(
                "ratio must be three shares (train, val, test) >= 0 with sum 1 and train > 0"
            )
        return self


DatasetSource = Annotated[ShapesSource | SegNetSource | FolderSource, Field(discriminator="layout")]
