"""Control points that the authors of Auto Seg-Loss published, as loss documents.

Searched by them for a ResNet-50 DeepLabv3+ on PASCAL VOC 2012, and the parameters behind the last
line of their Table 2. Needs no torch.
"""

from typing import Any

from surrogate_zoo.losses.document import surrogate_document
from surrogate_zoo.losses.scales import SCALES

_PROVENANCE: dict[str, Any] = {
    "origin": "published",
    "paper": "Li et al., Auto Seg-Loss: Searching Metric Surrogates for Semantic Segmentation, ICLR 2021",
    "code": "https://github.com/fundamentalvision/Auto-Seg-Loss",
    "licence": "Apache-2.0",
    "dataset": "PASCAL VOC 2012",
    "network": "DeepLabv3+ ResNet-50",
}

_IOU = {
    "and": [
        5.69728440e-04,
        6.43720450e-01,
        3.38589169e-01,
        7.05543360e-01,
        6.25281252e-01,
        7.79551927e-01,
    ],
    "or": [
        6.90375570e-01,
        1.30628900e-02,
        8.34170515e-01,
        9.62431815e-01,
        9.42998269e-01,
        9.80038125e-01,
    ],
}
_WEIGHTED_IOU = {
    "and": [
        3.65390355e-04,
        9.84171689e-01,
        9.69491959e-01,
        9.92340326e-01,
        9.88328516e-01,
        9.95552719e-01,
    ],
    "or": [
        3.54609758e-01,
        2.67221928e-01,
        5.60551465e-01,
        4.35290039e-01,
        5.65432191e-01,
        6.01448298e-01,
    ],
}
_ACCURACY = {
    "and": [
        2.1453928e-02,
        7.3905742e-01,
        4.1163361e-01,
        7.9865617e-01,
        9.1986191e-01,
        9.5041156e-01,
    ],
}
_BOUNDARY = {
    "edge.and.first": [0.8113003373146057, 0.8526162505149841],
    "edge.and.second": [0.17164576053619385, 0.03164796531200409],
    "edge.or.first": [0.20997394621372223, 0.44903290271759033],
    "edge.or.second": [0.07847517728805542, 0.8753038048744202],
}

_CURVES = {
    "miou": _IOU,
    "fwiou": _WEIGHTED_IOU,
    "biou": _WEIGHTED_IOU,  # the authors use one set for both
    "bf1": _BOUNDARY,
    "macc": _ACCURACY,
    "gacc": _ACCURACY,  # the authors use one set for both
}

PUBLISHED_METRICS = tuple(_CURVES)
"""The metrics that the authors searched for."""


def published_document(metric: str) -> dict[str, Any]:
    """Return the loss document ``asl-<metric>-voc``.

    Boundary metrics leave class 0 out of boundaries, as VOC does; override ``exclude_background``
    for a data set without a background class.
    """
    boundary = metric in ("biou", "bf1")
    return surrogate_document(
        f"asl-{metric}-voc",
        metric,
        _CURVES[metric],
        title=f"Auto Seg-Loss for {metric}, published parameters",
        options={"tolerance": 5, "exclude_background": True} if boundary else {},
        provenance=_PROVENANCE,
        scale=SCALES[f"asl-{metric}-voc"],
    )


def naive_document(metric: str) -> dict[str, Any]:
    """Return the loss document ``naive-<metric>``: the product logic, without parameters.

    The scale of a metric that another package brings is 1: it was not measured.
    """
    return surrogate_document(
        f"naive-{metric}",
        metric,
        {},
        title=f"Naive surrogate of {metric}: products in place of logic",
        provenance={
            "origin": "handmade",
            "paper": "Li et al., Auto Seg-Loss, ICLR 2021, Section 3.1",
        },
        scale=SCALES.get(f"naive-{metric}", 1.0),
    )
