"""Scores of objects: names, titles, sources and directions. Needs no torch."""

from dataclasses import dataclass

from surrogate_zoo.registry import Registry


@dataclass(frozen=True)
class InstanceScore:
    """One entry of :data:`INSTANCE_SCORES`.

    Attributes:
        name: The name that users write, and the key in what an evaluator computes.
        title: The name that papers write.
        summary: What it measures, in one sentence.
        source: Paper and equation, or the implementation that defines it.
        higher_is_better: Which way is better; None of a score that has no better way and ranks nothing.
        counts: Whether it is a number of objects rather than a share in 0..1.
    """

    name: str
    title: str
    summary: str
    source: str
    higher_is_better: bool | None = True
    counts: bool = False


_CVPPP = "Scharr et al., Leaf segmentation in plant phenotyping: a collation study, MVA 2016"
_CITYSCAPES = "Cordts et al., The Cityscapes Dataset, CVPR 2016; cityscapesscripts"

INSTANCE_SCORES = Registry(
    "instance score",
    (
        InstanceScore(
            "sbd",
            "SBD",
            "Symmetric best Dice: how well every object is met by its best counterpart, both ways.",
            _CVPPP,
        ),
        InstanceScore(
            "dic",
            "|DiC|",
            "Mean over images of how far the number of objects is off.",
            _CVPPP,
            higher_is_better=False,
            counts=True,
        ),
        InstanceScore(
            "dic-signed",
            "DiC",
            "Mean over images of predicted minus true number of objects; 0 is best.",
            _CVPPP,
            higher_is_better=None,
            counts=True,
        ),
        InstanceScore(
            "ap",
            "AP",
            "Average precision after Cityscapes, mean over IoU > 0.5, 0.55, ..., 0.95 and classes.",
            _CITYSCAPES,
        ),
        InstanceScore(
            "ap50",
            "AP50%",
            "Average precision after Cityscapes at IoU > 0.5, mean over classes.",
            _CITYSCAPES,
        ),
        InstanceScore(
            "ap-coco",
            "AP (COCO)",
            "Average precision after COCO, mean over IoU >= 0.5, 0.55, ..., 0.95 and classes.",
            "Lin et al., Microsoft COCO, ECCV 2014; pycocotools",
        ),
        InstanceScore(
            "pq",
            "PQ (things)",
            "Panoptic quality of the classes that have objects, mean over them.",
            "Kirillov et al., Panoptic Segmentation, CVPR 2019, eq. 1",
        ),
        InstanceScore(
            "f1-50",
            "F1 (IoU 0.5)",
            "F1 score of objects that are met with IoU > 0.5, mean over classes.",
            "Kirillov et al., Panoptic Segmentation, CVPR 2019, eq. 2 (recognition quality)",
        ),
    ),
)
"""All scores of objects by name."""
