"""What sources of datasets in files have in common: where they are, what was found, what labels mean.

The module needs pydantic alone, so that the API can check a request without loading NumPy.
"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from surrogate_zoo.modes import MULTICLASS, MULTILABEL
from workers.tasks.base import Seed, Side, Spec
from workers.tasks.labels import (
    VOID,
    Colour,
    Label,
    Mode,
    Stored,
    check_labels,
    check_layout,
    check_number,
    told_apart,
)


class SplitFiles(Spec):
    """The files of a split as they were when the dataset was registered.

    Attributes:
        fingerprint: SHA-256 over the names and what each sample is stored as.
        stamp: SHA-256 over names, sizes and times of change, which is cheap to look at.
    """

    fingerprint: str
    stamp: str


class Registered(Spec):
    """What a worker has to know of a dataset that is registered.

    Attributes:
        links: Folders that links inside of the dataset may lead below.
        depth: What the images' values are stored as, where ``bands`` are read.
        mean: Of each band over the training split, where ``bands`` are read.
        deviation: Standard deviation of each, likewise.
        splits: Its files by split; a job that finds others ends.
    """

    links: tuple[str, ...] = ()
    depth: Literal["uint8", "uint16", "float32"] | None = None
    mean: tuple[float, ...] | None = None
    deviation: tuple[float, ...] | None = None
    splits: dict[str, SplitFiles] = Field(default_factory=dict)


class FilesSource(Spec):
    """A dataset in files; everything it reads lies below one folder.

    Attributes:
        root: That folder, on the service's machine.
        size: (height, width) that images and masks are resized to when read; None keeps theirs.
        bands: How many bands the images have, read as they are stored, with 8 or 16 bits or as
            floating-point numbers (PNG, TIFF, or ``.npy`` of shape (height, width, bands)), and
            normalised by the mean and deviation of each in the training split. None reads RGB with
            8 bits, normalised as encoders for ImageNet expect, and refuses what is more.
        mode: ``multiclass``; ``binary``, two classes that networks tell apart with one channel (sigmoid); or
            ``multilabel``, a channel for each class, so that a pixel may have several or none: ``folder``
            and ``coco`` alone.
        registered: Is set by the service.
    """

    root: str
    size: tuple[Side, Side] | None = None
    bands: Annotated[int, Field(ge=1, le=64)] | None = None
    mode: Mode = MULTICLASS
    registered: SkipJsonSchema[Registered | None] = None

    @model_validator(mode="after")
    def _layout_has_the_mode(self) -> Self:
        layout, instances = getattr(self, "layout", ""), getattr(self, "instances", False)
        check_layout(layout, self.mode, instances=instances)
        return self


class LabelledSource(FilesSource):
    """A dataset whose owner says what the labels in its masks mean.

    Attributes:
        classes: Class names in the order of their labels, 0 first; of a multi-label one at least, none of
            them background.
        void_labels: Stored values in the masks that mean void (CamVid: 11).
        labels: Label of each stored value that is none itself, ``{255: 1}`` for a mask of 0 and 255;
            all other values mean what they are. It goes before ``void_labels``; 255 as a label is
            void. In the mask of one class of a multi-label the labels are 0, off, and 1, on.
        colours: Label of each colour ``#rrggbb``, for masks in RGB, and for palettes and shades of grey
            too: with colours, each pixel counts as what it looks like.
        one_hot: Masks have a channel for each class, above 0 at one of them at most; where all are 0
            is void.
    """

    classes: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(told_apart)]
    void_labels: tuple[Stored, ...] = (VOID,)
    labels: dict[Stored, Label] = Field(default_factory=dict)
    colours: dict[Colour, Label] = Field(default_factory=dict)
    one_hot: bool = False

    @model_validator(mode="after")
    def _labels_are_classes(self) -> Self:
        check_number(len(self.classes), self.mode)
        check_labels(len(self.classes), self.mode, self.labels)
        if sum((bool(self.labels), bool(self.colours), self.one_hot)) > 1:
            raise ValueError(
                "labels, colours and one_hot exclude each other: take the one that the masks need"
            )
        if self.one_hot and self.mode == MULTILABEL:
            raise ValueError(
                "one_hot has one class a pixel: leave it out, masks of a multi-label have a channel for "
                "each class anyway"
            )
        return self


class SplitSource(FilesSource):
    """A dataset that may have to be split here.

    Attributes:
        ratio: Share of train, val and test; the names are shuffled with ``seed``.
        seed: Seed of that shuffle.
    """

    ratio: tuple[float, float, float] = (0.7, 0.15, 0.15)
    seed: Seed = 0

    @model_validator(mode="after")
    def _ratio_is_a_partition(self) -> "SplitSource":
        if min(self.ratio) < 0 or self.ratio[0] <= 0 or abs(sum(self.ratio) - 1) > 1e-6:
            raise ValueError(
                "ratio must be three shares (train, val, test) >= 0 with sum 1 and train > 0"
            )
        return self


class InstanceSource(FilesSource):
    """A dataset of classes whose files also tell objects of one class apart.

    Attributes:
        instances: Whether to read the objects too. What belongs to no single object, a group or a
            crowd, then is void, so that some pixels lose the label that they have without.
    """

    instances: bool = False


class BorderSource(FilesSource):
    """A dataset of nuclei, each an object of its own.

    Attributes:
        labels: ``border`` has the classes background, nucleus and border, ``foreground`` background and
            nucleus. The objects are whole nuclei, their border included, with either.
        border_width: A nucleus's pixel is border where another nucleus or background lies within
            so many pixels of it, diagonals included, before any resizing.
    """

    labels: Literal["border", "foreground"] = "border"
    border_width: Annotated[int, Field(ge=1, le=64)] = 1
