"""Where the images of a dataset are, as frozen values; one source a layout.

The module needs pydantic alone, so that the API can check a request without loading NumPy.
"""

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from surrogate_zoo.modes import MULTICLASS, MULTILABEL
from workers.tasks.base import Seed, Side, Spec
from workers.tasks.dry_run import Script
from workers.tasks.file_sources import (
    BorderSource,
    FilesSource,
    InstanceSource,
    LabelledSource,
    SplitSource,
)
from workers.tasks.labels import (
    CLASS,
    IMAGE,
    Mode,
    Region,
    check_pattern,
    check_regions,
)

MAX_GENERATED_PIXELS = 2**26


class GeneratedSource(Spec):
    """Generated images: textured overlapping shapes, thin rare classes, noise, void borders.

    Attributes:
        seed: Same seed, same images, byte for byte.
        height: Image height in pixels.
        width: Image width in pixels.
        train: Number of training images.
        val: Number of validation images.
        test: Number of test images.
        mode: ``multiclass``, ground and five shapes; ``binary``, ground and shape, with one channel; or
            ``multilabel``, the five shapes with what others cover of them.
    """

    mode: Mode = MULTICLASS
    seed: Seed = 0
    height: Side = 64
    width: Side = 64
    train: Annotated[int, Field(ge=8, le=100_000)] = 160
    val: Annotated[int, Field(ge=1, le=100_000)] = 40
    test: Annotated[int, Field(ge=1, le=100_000)] = 40

    @model_validator(mode="after")
    def _is_drawn_in_minutes(self) -> Self:
        # Registering a dataset draws all of it; without a bound one request would take days.
        images = self.train + self.val + self.test
        if images * self.height * self.width > MAX_GENERATED_PIXELS:
            raise ValueError(
                f"height * width * (train + val + test) may be {MAX_GENERATED_PIXELS} at most; "
                "take fewer or smaller images"
            )
        return self


class ShapesSource(GeneratedSource):
    """The generated dataset, to train on."""

    layout: Literal["shapes"] = "shapes"


class DryRunSource(GeneratedSource):
    """A dataset whose proxy trainings are played by a script: searches on it try a cluster, not losses.

    A candidate scores what its parameters say, the same everywhere. Retrainings, and trainings of loss
    networks, train on its images, which are the generated ones.

    Attributes:
        script: How long candidates take, and what happens to them.
    """

    layout: Literal["dry-run"] = "dry-run"
    height: Side = 32
    width: Side = 32
    train: Annotated[int, Field(ge=8, le=100_000)] = 16
    val: Annotated[int, Field(ge=1, le=100_000)] = 8
    test: Annotated[int, Field(ge=1, le=100_000)] = 8
    script: Script = Script()


class SegNetSource(LabelledSource):
    """The SegNet layout (CamVid): names in ``<split>.txt``, images and masks in two folders.

    Images are in ``<split>/``, masks in ``<split>annot/``.
    """

    layout: Literal["segnet"] = "segnet"


class FolderSource(LabelledSource, SplitSource):
    """A plain folder of images and masks of the same stem, split by files of names or by ratio.

    ``ratio`` and ``seed`` count where ``root`` has no ``train.txt`` / ``val.txt`` / ``test.txt``.

    Attributes:
        images: Name of the folder of images below ``root``.
        masks: Name of the folder of masks below ``root``; one label a pixel, or as ``labels``,
            ``colours`` or ``one_hot`` say. With ``mode`` multilabel a mask has a channel for each class, 0
            off and 1 on, unless ``mask_name`` or ``regions`` say otherwise.
        mask_name: What an image's mask is called there, without its ending: ``{image}_mask``. With
            ``{class}`` each class of a multi-label has a mask of its own, 0 off and 1 on:
            ``{class}/{image}``, ``{image}_{class}``.
        missing_masks: What a class's mask that is not there means: a fault (``refuse``), or that the image
            has no pixel of the class (``empty``).
        regions: Of a multi-label whose masks have one label a pixel: the stored values that each class is
            made of, ``{"whole": [1, 2, 3], "core": [2, 3]}``; 0 is of no class.
    """

    layout: Literal["folder"] = "folder"
    images: str = "images"
    masks: str = "masks"
    mask_name: str = IMAGE
    missing_masks: Literal["refuse", "empty"] = "refuse"
    regions: dict[str, Region] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _masks_are_found(self) -> Self:
        check_pattern(self.mask_name, self.mode)
        if self.missing_masks == "empty" and CLASS not in self.mask_name:
            raise ValueError(
                f"missing_masks is of masks for each class: say mask_name with {CLASS}"
            )
        if self.regions:
            if self.mode != MULTILABEL or CLASS in self.mask_name:
                raise ValueError(
                    "regions are of a multi-label whose masks have one label a pixel: say "
                    f"mode=multilabel, and mask_name without {CLASS}"
                )
            check_regions(self.regions, self.classes, self.labels)
        elif self.colours and self.mode == MULTILABEL and CLASS not in self.mask_name:
            raise ValueError(
                f"colours are of one class a pixel: say mask_name with {CLASS}, or leave colours out"
            )
        return self


class VocSource(InstanceSource):
    """PASCAL VOC 2012: ``root`` is the folder that holds JPEGImages and SegmentationClass.

    Its objects are those of ``SegmentationObject``, which SBD's extension has none of.

    Attributes:
        train: ``train`` (1,464 images), or ``trainaug`` (10,582): the extension by SBD with its
            masks as PNG in ``SegmentationClassAug`` and its names in
            ``ImageSets/Segmentation/trainaug.txt``. The validation split is VOC's own with either.
    """

    layout: Literal["voc"] = "voc"
    train: Literal["train", "trainaug"] = "train"

    @model_validator(mode="after")
    def _objects_are_told_apart(self) -> "VocSource":
        if self.instances and self.train == "trainaug":
            raise ValueError(
                "trainaug tells no objects apart; take train='train', or instances=false"
            )
        return self


class VocSbdSource(FilesSource):
    """PASCAL VOC 2012 with the extension by SBD as its authors distribute it (10,582 images).

    Attributes:
        voc: The folder below ``root`` that holds JPEGImages and SegmentationClass.
        sbd: The folder below ``root`` that holds ``dataset/cls/*.mat``.
    """

    layout: Literal["voc-sbd"] = "voc-sbd"
    voc: str = "VOCdevkit/VOC2012"
    sbd: str = "benchmark_RELEASE"


class CityscapesSource(InstanceSource):
    """Cityscapes, fine annotations: ``root`` holds leftImg8bit and gtFine.

    The labelIds of the masks become the 19 classes that are evaluated, all others void. With
    ``instances`` the eight classes of things have objects, and groups of them are void.
    """

    layout: Literal["cityscapes"] = "cityscapes"


class Ade20kSource(FilesSource):
    """ADE20K as in the scene parsing benchmark: ``root`` is ADEChallengeData2016, 150 classes."""

    layout: Literal["ade20k"] = "ade20k"


class NyuSource(FilesSource):
    """NYU-Depth-v2 with 40 classes in image files: RGB/, Label/, ``train.txt``, ``test.txt``."""

    layout: Literal["nyu"] = "nyu"


class NyuMatSource(FilesSource):
    """NYU-Depth-v2 as its authors distribute it; needs ``lossfit[nyu]``.

    ``root`` holds nyu_depth_v2_labeled.mat, splits.mat and classMapping40.mat.
    """

    layout: Literal["nyu-mat"] = "nyu-mat"


class NucleiSource(BorderSource):
    """Nuclei with one label image each: images/, instances/ (0 = background) and ``<split>.txt``."""

    layout: Literal["nuclei"] = "nuclei"


class Dsb2018Source(BorderSource, SplitSource):
    """Data Science Bowl 2018: ``root`` is stage1_train, a folder an image, a PNG a nucleus."""

    layout: Literal["dsb2018"] = "dsb2018"


class CocoPanopticSource(InstanceSource):
    """COCO 2017 with panoptic masks: ``<split>2017/`` and annotations/panoptic_<split>2017.

    With ``instances`` the segments of things are objects, and crowds are void.
    """

    layout: Literal["coco-panoptic"] = "coco-panoptic"


class CvpppSource(SplitSource):
    """Leaves of CVPPP, each an object: ``root`` is the folder A1, A2, ... itself, split by ratio.

    It holds ``<name>_rgb.png`` and ``<name>_label.png``, whose palette indices number the leaves.
    """

    layout: Literal["cvppp"] = "cvppp"


class CocoSource(InstanceSource):
    """COCO 2017 instances: ``<split>2017/`` and annotations/instances_<split>2017.json.

    Polygons and run lengths are drawn by pycocotools; needs ``lossfit[coco]``. Where annotations
    overlap, the later one is on top with ``instances``; without, pixels that two categories claim
    are void. With ``instances`` the pixels of a crowd that no object has are void. With ``mode``
    multilabel the categories are the classes, and annotations overlap as they do; crowds are of theirs.

    Attributes:
        images: The folder of a split's images; ``{split}`` for what Roboflow exports.
        annotations: A split's annotation file; ``{split}/_annotations.coco.json``.
        val_name: What the split val is called in both; ``valid``.
    """

    layout: Literal["coco"] = "coco"
    images: Annotated[str, Field(pattern=r"\{split\}")] = "{split}2017"
    annotations: Annotated[str, Field(pattern=r"\{split\}")] = (
        "annotations/instances_{split}2017.json"
    )
    val_name: Annotated[str, Field(min_length=1)] = "val"


DatasetSource = Annotated[
    ShapesSource
    | DryRunSource
    | SegNetSource
    | FolderSource
    | VocSource
    | VocSbdSource
    | CityscapesSource
    | Ade20kSource
    | NyuSource
    | NyuMatSource
    | NucleiSource
    | Dsb2018Source
    | CvpppSource
    | CocoPanopticSource
    | CocoSource,
    Field(discriminator="layout"),
]

LAYOUT_NAMES: tuple[str, ...] = tuple(
    source.model_fields["layout"].default for source in get_args(get_args(DatasetSource)[0])
)
"""Names of all layouts, for whoever offers a choice."""
