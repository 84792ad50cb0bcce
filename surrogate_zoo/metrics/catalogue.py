"""The metrics, each written once, as arithmetic over a logic.

With Boolean logic on label maps a function below is the exact metric, with the product logic on
probabilities its naive surrogate, with curves the searched surrogate. Curve names, parameter
count, evaluator and loss follow from the one function. Totals are sums over all images and
pixels, so the ratios are those of the whole data set; ``miou-per-image`` alone is a mean over images.

Mean recall is ``macc`` and the mean F1 score is ``dice``, so neither has an entry of its own. A
package of yours adds metrics through the entry point group ``lossfit.metrics``; its entries are
found when :data:`METRICS` is first read (see :mod:`surrogate_zoo.metrics.installed`).

This module needs no torch: the functions only use operators and methods of their arguments.
"""

from typing import TYPE_CHECKING

from surrogate_zoo.metrics.installed import add_installed
from surrogate_zoo.metrics.metric import Metric
from surrogate_zoo.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

    from surrogate_zoo.metrics.logic import Logic
    from surrogate_zoo.metrics.maps import Maps

_LI = "Li et al., Auto Seg-Loss, ICLR 2021"


def miou(logic: "Logic", maps: "Maps") -> "Tensor":
    """Mean over classes of intersection over union (Auto Seg-Loss, eq. 3)."""
    return _mean_iou(logic, maps, within=None)


def biou(logic: "Logic", maps: "Maps") -> "Tensor":
    """Mean IoU inside the band around the target's boundaries (Auto Seg-Loss, eq. 5).

    This is a trimap mIoU; the Boundary IoU of Cheng et al. 2021 is another metric.
    """
    edge = logic.xor("edge", maps.target, maps.erode(maps.target))
    return _mean_iou(logic, maps, within=maps.band(edge))


def _mean_iou(logic: "Logic", maps: "Maps", within: "Tensor | None") -> "Tensor":
    intersection = maps.total(logic.and_("and", maps.pred, maps.target), within)
    union = maps.total(logic.or_("or", maps.pred, maps.target), within)
    return maps.class_mean(
        maps.ratio(intersection, union), maps.exists(maps.pred, maps.target, within)
    )


def fwiou(logic: "Logic", maps: "Maps") -> "Tensor":
    """IoU of the classes, weighted by their frequency in the target (Auto Seg-Loss, eq. 4)."""
    both, either, true = _counts(logic, maps)
    return maps.class_mean(maps.ratio(both, either), true)


def cwiou(logic: "Logic", maps: "Maps") -> "Tensor":
    """IoU of the classes, weighted by the inverse of their frequency in the target.

    The counterpart of :func:`fwiou` for rare classes: class c weighs 1 / (its pixels in the target),
    the inverse-volume weight of Crum et al. 2006. Classes that the target lacks have no weight; what
    is wrongly given to them is missing in others.
    """
    both, either, true = _counts(logic, maps)
    return maps.class_mean(maps.ratio(both, either), maps.ratio(true, true * true))


def miou_per_image(logic: "Logic", maps: "Maps") -> "Tensor":
    """Mean over images of the mean IoU of the classes in that image's target (Wang et al. 2023).

    With two classes the authors' code scores the second one alone; here both count.
    """
    both = maps.totals_by_image(logic.and_("and", maps.pred, maps.target))
    either = maps.totals_by_image(logic.or_("or", maps.pred, maps.target))
    present = maps.occurs(maps.totals_by_image(maps.target))
    return maps.image_mean(maps.ratio(both, either), present)


def _counts(logic: "Logic", maps: "Maps") -> "tuple[Tensor, Tensor, Tensor]":
    """Pixels of each class that are in both prediction and target, in either, and in the target.

    ``either - true`` are those wrongly given to the class. Every metric below is made of these three
    alone, so its surrogate stays in the metric's range for all curves.
    """
    both = maps.total(logic.and_("and", maps.pred, maps.target))
    either = maps.total(logic.or_("or", maps.pred, maps.target))
    return both, either, maps.total(maps.target)


def precision(logic: "Logic", maps: "Maps") -> "Tensor":
    """Mean over classes of the share of the pixels given to a class that are of it.

    A class of the target that is never predicted has precision 0.
    """
    both, either, true = _counts(logic, maps)
    predicted = both + (either - true)
    return maps.class_mean(maps.ratio(both, predicted), maps.exists(maps.pred, maps.target))


def dice(logic: "Logic", maps: "Maps") -> "Tensor":
    """Mean over classes of the Dice score, which is their F1 score."""
    return _f_beta(logic, maps, beta=1)


def f2(logic: "Logic", maps: "Maps") -> "Tensor":
    """Mean over classes of the F2 score: recall counts twice as much as precision."""
    return _f_beta(logic, maps, beta=2)


def _f_beta(logic: "Logic", maps: "Maps", beta: float) -> "Tensor":
    """Mean over classes of (1 + b^2) P R / (b^2 P + R), in pixels, so that 0 / 0 is met at no P or R."""
    both, either, true = _counts(logic, maps)
    predicted = both + (either - true)
    f_beta = maps.ratio((1 + beta**2) * both, predicted + beta**2 * true)
    return maps.class_mean(f_beta, maps.exists(maps.pred, maps.target))


def kappa(logic: "Logic", maps: "Maps") -> "Tensor":
    """Agreement of pixels beyond chance, ``(p_o - p_e) / (1 - p_e)`` (Cohen 1960), in -1..1.

    Chance gives every pixel a class at the prediction's frequencies. Where the target holds one class
    alone, no prediction agrees beyond chance and there is nothing to measure (scikit-learn says 0).
    """
    both, either, true = _counts(logic, maps)
    pixels = true.sum(-1, keepdim=True)
    agreed = maps.ratio(both.sum(-1, keepdim=True), pixels)
    by_chance = maps.class_mean(maps.ratio(both + (either - true), pixels), true)[..., None]
    score = 1 - maps.ratio(1 - agreed, 1 - by_chance)
    return maps.class_mean(score, (true * (pixels - true)).sum(-1, keepdim=True))


def macc(logic: "Logic", maps: "Maps") -> "Tensor":
    """Mean over the target's classes of the share of their pixels that is found."""
    right = maps.total(logic.and_("and", maps.pred, maps.target))
    pixels = maps.total(maps.target)
    return maps.class_mean(maps.ratio(right, pixels), maps.occurs(pixels))


def gacc(logic: "Logic", maps: "Maps") -> "Tensor":
    """Share of all pixels whose class is right."""
    right = maps.total(logic.and_("and", maps.pred, maps.target))
    pixels = maps.total(maps.target)
    return maps.class_mean(maps.ratio(right, pixels), pixels)


def bf1(logic: "Logic", maps: "Maps") -> "Tensor":
    """Mean over classes of the F1 score of boundary pixels, with a tolerance (Auto Seg-Loss, eq. 6).

    Precision: predicted boundary pixels within the tolerance of the target's boundary of that
    class; recall: the reverse. Counts are pooled over the data set before the F1 score. As released,
    the recall of a class without any boundary in the target is 0 / 0 and leaves the class out of the
    mean, however much of it is predicted.
    """
    predicted, true = (logic.xor("edge", m, maps.erode(m)) for m in (maps.pred, maps.target))
    # The released implementation counts boundary pixels at void pixels too, in this metric alone.
    void = maps.as_released
    matched = maps.total(predicted * maps.dilate(true), include_void=void)
    precision = maps.ratio(matched, maps.total(predicted, include_void=void))
    recovered = maps.total(maps.dilate(predicted) * true, include_void=void)
    boundary = maps.total(true, include_void=void)
    recall = maps.ratio(recovered, boundary)
    f1 = maps.ratio(2 * precision * recall, precision + recall)
    counted = boundary > 0 if maps.as_released else maps.exists(predicted, true)
    return maps.class_mean(f1, counted * maps.foreground)


def boundary_iou(logic: "Logic", maps: "Maps") -> "Tensor":
    """Mean over classes of the IoU of their rims (Cheng et al., Boundary IoU, CVPR 2021).

    A class's rim is its part within ``tolerance`` pixels (1 at least) of its border, in rows and
    columns; the image's border is a border too, as released. Not the trimap :func:`biou`, which
    knows the target's borders alone. The authors' distance is 2% of the image's diagonal, rounded
    (Cityscapes: 0.5%); set the tolerance to that. They score single objects; here pixels are summed
    over the data set, class by class.
    """
    predicted, true = maps.rim(maps.pred), maps.rim(maps.target)
    both = maps.total(logic.and_("and", predicted, true))
    either = maps.total(logic.or_("or", predicted, true))
    return maps.class_mean(maps.ratio(both, either), maps.exists(predicted, true) * maps.foreground)


METRICS = Registry(
    "metric",
    (
        Metric(
            "miou", "mIoU", "Mean over classes of intersection over union.", f"{_LI}, eq. 3", miou
        ),
        Metric("fwiou", "FWIoU", "IoU weighted by class frequency.", f"{_LI}, eq. 4", fwiou),
        Metric(
            "biou",
            "BIoU",
            "mIoU inside a band around the target's boundaries.",
            f"{_LI}, eq. 5",
            biou,
        ),
        Metric(
            "bf1",
            "BF1",
            "F1 score of boundary pixels, mean over classes.",
            f"{_LI}, eq. 6",
            bf1,
            segments=1,
        ),
        Metric("macc", "mAcc", "Mean over classes of pixel recall.", f"{_LI}, Section 3", macc),
        Metric(
            "gacc",
            "gAcc",
            "Share of pixels whose class is right.",
            f"{_LI}, Section 3",
            gacc,
            multilabel="both",
        ),
        Metric(
            "precision",
            "mPrecision",
            "Mean over classes of pixel precision; mean recall is macc.",
            "van Rijsbergen, Information Retrieval, 1979, chapter 7",
            precision,
        ),
        Metric(
            "dice",
            "Dice",
            "Mean over classes of the Dice score, which is the F1 score of pixels.",
            "Dice, Measures of the Amount of Ecologic Association Between Species, Ecology 1945",
            dice,
        ),
        Metric(
            "f2",
            "F2",
            "Mean over classes of the F-beta score of pixels, beta 2.",
            "van Rijsbergen, Information Retrieval, 1979, chapter 7",
            f2,
        ),
        Metric(
            "kappa",
            "Kappa",
            "Cohen's kappa: agreement of pixels beyond chance, -1..1.",
            "Cohen, A Coefficient of Agreement for Nominal Scales, 1960",
            kappa,
            multilabel="none",
            least=-1.0,
        ),
        Metric(
            "cwiou",
            "CWIoU",
            "IoU weighted by the inverse of class frequency.",
            "Crum et al., Generalized Overlap Measures, IEEE TMI 2006 (inverse-volume weights)",
            cwiou,
        ),
        Metric(
            "miou-per-image",
            "mIoU-I",
            "Mean over images of the mean IoU of the classes in the image's target.",
            "Wang et al., Revisiting Evaluation Metrics for Semantic Segmentation, NeurIPS 2023",
            miou_per_image,
        ),
        Metric(
            "boundary-iou",
            "Boundary IoU",
            "Mean over classes of the IoU of the pixels near their own borders.",
            "Cheng et al., Boundary IoU, CVPR 2021",
            boundary_iou,
        ),
    ),
)
"""All metrics by name: those of this module, then those of installed packages."""
METRICS.complete_by(add_installed)
